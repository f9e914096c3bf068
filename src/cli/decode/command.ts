import { pipeline } from 'node:stream/promises';
import { errorLine } from '../../core/errors.js';
import { type FileSource, openFile } from '../../replay/file-source.js';
import type { ReplayReport } from '../../replay/report.js';
import { type Terminal, tellError } from '../logger.js';
import { isWhole } from './decoded.js';
import type { DecodeFlags } from './flags.js';
import { decodedInput } from './input.js';
import { decodedJsonLine, decodedText } from './text.js';

/**
 * `zeekway decode FILE`: prints no faster than it is read from it.
 * @returns the exit code: 1 where something could not be read; a reader that has gone away is none of that.
 */
export async function decodeCommand(
  file: string,
  { as, hex, json }: DecodeFlags,
  out: NodeJS.WritableStream,
  terminal: Terminal,
): Promise<number> {
  let report: ReplayReport | undefined;
  let failed = false;
  const onReport = (opened: ReplayReport): void => {
    report = opened;
  };
  const lines = async function* (): AsyncGenerator<string> {
    const source = await open(file);
    try {
      for await (const decoded of decodedInput(file, source.bytes, {
        hex,
        onReport,
        ...(as ? { as } : {}),
      })) {
        failed ||= !isWhole(decoded);
        yield json ? decodedJsonLine(decoded) : decodedText(decoded);
      }
    } finally {
      await source.close();
    }
  };
  try {
    await pipeline(lines, out, { end: false });
  } catch (error) {
    if (isClosedPipe(error)) return 0;
    tellWarnings(report, terminal);
    tellError(terminal, error);
    return 1;
  }
  tellWarnings(report, terminal);
  return failed || (report?.warnings.length ?? 0) > 0 ? 1 : 0;
}

const open = async (file: string): Promise<Pick<FileSource, 'bytes' | 'close'>> =>
  file === '-' ? { bytes: process.stdin, close: async () => {} } : openFile(file);

const isClosedPipe = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'EPIPE';

function tellWarnings(report: ReplayReport | undefined, { err }: Terminal): void {
  for (const warning of report?.warnings ?? []) err(`zeekway: warning: ${errorLine(warning)}`);
}
