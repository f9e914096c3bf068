import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A child that is being started has our FIFOs open for a moment, also one that was just closed: asked again. */
const TRIES = 5;
const TRY_AGAIN_MS = 20;

/**
 * Keeps something for one process: it holds the reading end of a FIFO, which is made where there is none and which the
 * kernel closes however the process ends. Opening the writing end without blocking fails with ENXIO exactly when nobody
 * does. Throws the errors of the file system.
 * @returns how to give it free; undefined where it is held, be it by this process.
 */
export async function hold(fifo: string): Promise<(() => void) | undefined> {
  const PATH = `${process.env['PATH'] ?? ''}:/usr/bin:/bin`;
  if (!existsSync(fifo)) {
    execFileSync('mkfifo', ['-m', '600', fifo], { env: { ...process.env, PATH }, stdio: 'pipe' });
  }
  for (let tries = 1; isHeld(fifo); tries++) {
    if (tries === TRIES) return undefined;
    await sleep(TRY_AGAIN_MS);
  }
  const reading = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  return () => closeSync(reading);
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
