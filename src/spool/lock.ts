import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { ZeekwayError } from '../core/errors.js';

/**
 * Keeps a folder for one process: it holds the reading end of a FIFO, which the kernel closes however the process
 * ends. Opening the writing end without blocking fails with ENXIO exactly when nobody does.
 * @returns how to give the folder free. Throws `spool_busy`.
 */
export function lockFolder(folder: string): () => void {
  const fifo = join(folder, 'lock');
  const PATH = `${process.env['PATH'] ?? ''}:/usr/bin:/bin`;
  if (!existsSync(fifo)) execFileSync('mkfifo', ['-m', '600', fifo], { env: { ...process.env, PATH } });
  if (isHeld(fifo)) throw new ZeekwayError('spool_busy', `another zeekway uses the spool in ${folder}`);
  const hold = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  return () => closeSync(hold);
}

function isHeld(fifo: string): boolean {
  try {
    closeSync(openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK));
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENXIO') return false;
    throw error;
  }
}
