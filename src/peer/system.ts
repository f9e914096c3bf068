import { randomBytes } from 'node:crypto';
import type { Clock, RandomBytes } from '../core/clock.js';

/** The machine's clock. The wall time goes on with sub-millisecond steps from one reading at the start. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNanos: () => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n,
};

export const systemRandom: RandomBytes = (size) => randomBytes(size);
