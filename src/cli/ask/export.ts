import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { errorLine, ZeekwayError } from '../../core/errors.js';
import { Api } from './api.js';
import { type Asking, logPath, type SelectFlags, selection, write } from './asking.js';

export interface ExportFlags extends SelectFlags {
  readonly format: string;
  readonly output?: string;
  readonly limit?: number;
}

/** `zeekway export`: a whole result into a file, or to standard output. */
export async function exportCommand(
  log: string,
  filter: string | undefined,
  flags: ExportFlags,
  asking: Asking,
): Promise<number> {
  const api = new Api(flags, asking.signal);
  const limit = flags.limit === undefined ? undefined : String(flags.limit);
  const response = await api.get(logPath(log), {
    ...selection(flags, filter),
    order: 'asc',
    format: flags.format,
    limit,
  });
  if (flags.output === undefined) {
    for await (const chunk of api.chunks(response)) await write(asking.stdout, chunk);
    return 0;
  }
  const file = createWriteStream(flags.output, { flags: 'wx' });
  const failed = finished(file).catch((error: unknown) => {
    throw new ZeekwayError('export_failed', `${flags.output}: ${errorLine(error)}`, {
      file: flags.output ?? '',
    });
  });
  const written = await Promise.race([copied(api, response, file, asking), failed.then(() => 0)]);
  file.end();
  await failed;
  asking.terminal.err(`zeekway: ${flags.output}: ${size(written)}`);
  return 0;
}

/** How often the progress is told. */
const PROGRESS_MS = 500;

async function copied(
  api: Api,
  response: Response,
  file: Writable,
  { terminal, isColoured }: Asking,
): Promise<number> {
  let [bytes, told] = [0, performance.now()];
  for await (const chunk of api.chunks(response)) {
    await write(file, chunk);
    bytes += chunk.length;
    if (isColoured && performance.now() - told > PROGRESS_MS) {
      terminal.err(`zeekway: ${size(bytes)} so far`);
      told = performance.now();
    }
  }
  return bytes;
}

const size = (bytes: number): string => (bytes < 1e6 ? `${bytes} bytes` : `${(bytes / 1e6).toFixed(1)} MB`);
