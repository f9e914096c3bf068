import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ZeekwayError } from '../core/errors.js';

/** A child that is being started has our FIFOs open for a moment, also one that was just closed: asked again. */
const TRIES = 5;
const TRY_AGAIN_MS = 20;

/**
 * Keeps a folder, which it makes where there is none, for one process: it holds the reading end of a FIFO, which the kernel closes however the process
 * ends. Opening the writing end without blocking fails with ENXIO exactly when nobody does.
 * @returns how to give the folder free. Throws `spool_busy`, `spool_failed`.
 */
export async function lockFolder(folder: string): Promise<() => void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return await lock(folder);
  } catch (error) {
    if (error instanceof ZeekwayError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new ZeekwayError(
      'spool_failed',
      `cannot open the spool in ${folder}: ${why}`,
      {},
      { cause: error },
    );
  }
}

async function lock(folder: string): Promise<() => void> {
  const fifo = join(folder, 'lock');
  const PATH = `${process.env['PATH'] ?? ''}:/usr/bin:/bin`;
  if (!existsSync(fifo)) execFileSync('mkfifo', ['-m', '600', fifo], { env: { ...process.env, PATH } });
  for (let tries = 1; isHeld(fifo); tries++) {
    if (tries === TRIES) {
      throw new ZeekwayError('spool_busy', `another zeekway uses the spool in ${folder}`);
    }
    await sleep(TRY_AGAIN_MS);
  }
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
