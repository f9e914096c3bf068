import type { RandomBytes } from '../core/clock.js';
import { REDIAL_FIRST_MS, REDIAL_LONGEST_MS } from '../core/limits.js';

/**
 * Milliseconds to wait before try number `attempt` (from 0): doubled each time up to the longest, and between
 * half and all of that by chance, so that many gateways do not dial a restarted Zeek in step.
 */
export function redialDelay(attempt: number, random: RandomBytes): number {
  const whole = Math.min(REDIAL_LONGEST_MS, REDIAL_FIRST_MS * 2 ** Math.min(attempt, 32));
  const chance = new DataView(Uint8Array.from(random(2)).buffer).getUint16(0) / 0xffff;
  return whole * (0.5 + chance / 2);
}
