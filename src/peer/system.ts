import { randomBytes } from 'node:crypto';
import type { Clock, RandomBytes } from '../core/clock.js';

/** The wall clock was set when it and the monotonic clock have parted by so much. */
const STEP_MS = 5;

let wallMinusMonotonic = performance.timeOrigin;

/** The wall clock with the fine steps of the monotonic one. */
function wallMs(): number {
  const [wall, monotonic] = [Date.now(), performance.now()];
  if (Math.abs(wallMinusMonotonic + monotonic - wall) > STEP_MS) wallMinusMonotonic = wall - monotonic;
  return wallMinusMonotonic + monotonic;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNanos: () => BigInt(Math.round(wallMs() * 1000)) * 1000n,
};

export const systemRandom: RandomBytes = (size) => randomBytes(size);
