import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ZeekwayError } from '../core/errors.js';
import { hold } from '../files/hold.js';

/**
 * Keeps a folder, which it makes where there is none, for one process.
 * @returns how to give the folder free. Throws `spool_busy`, `spool_failed`.
 */
export async function lockFolder(folder: string): Promise<() => void> {
  let release: (() => void) | undefined;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    release = await hold(join(folder, 'lock'));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ZeekwayError(
      'spool_failed',
      `cannot open the spool in ${folder}: ${why}`,
      {},
      { cause: error },
    );
  }
  if (!release) throw new ZeekwayError('spool_busy', `another zeekway uses the spool in ${folder}`);
  return release;
}
