import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { RandomBytes } from '../core/clock.js';
import { ZeekwayError } from '../core/errors.js';
import { type EndpointId, newEndpointId, parseEndpointId } from '../protocol/broker/endpoint-id.js';

/**
 * The endpoint ID in `file`, made there at the first start: peers and what is stored know the gateway by it
 * across restarts. Throws `endpoint_id_invalid` for a file with anything else in it, `file_unreadable`.
 */
export async function loadEndpointId(file: string, random: RandomBytes): Promise<EndpointId> {
  const existing = await readIfThere(file);
  if (existing === undefined) {
    const id = newEndpointId(random);
    await mkdir(dirname(file), { recursive: true });
    // 'wx': of two that start at once, the first wins and the second reads what it wrote.
    const written = await writeFile(file, `${id}\n`, { flag: 'wx' }).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false;
        throw unreadable(file, error);
      },
    );
    return written ? id : loadEndpointId(file, random);
  }
  try {
    return parseEndpointId(existing);
  } catch (error) {
    const what = `${file} holds no endpoint ID (a UUID): delete it to get a new one`;
    throw new ZeekwayError('endpoint_id_invalid', what, { file }, { cause: error });
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): ZeekwayError {
  const reason = error instanceof Error ? error.message : String(error);
  return new ZeekwayError('file_unreadable', `the endpoint ID file: ${reason}`, { file }, { cause: error });
}
