import { EARLIEST_SECONDS, END_SECONDS, roundedMicros } from '../codec/micros.js';
import { type CopyBuffer, POSTGRES_EPOCH_SECONDS } from './copy-buffer.js';

/** Below this the microseconds since either epoch are safe integers; the year 2223. */
const SAFE_SECONDS = 8_000_000_000;

/**
 * Writes a time of a log as a timestamptz: to the microsecond, rounded as C's `%.6f` does it, which is what
 * Zeek's own writers print. A time that no timestamptz can hold becomes the infinity of its side and NaN
 * becomes NULL; then the result is `false`.
 * @param seconds since the Unix epoch.
 */
export function writeTime(out: CopyBuffer, seconds: number): boolean {
  if (!(seconds >= EARLIEST_SECONDS && seconds < END_SECONDS)) return writeOutOfRange(out, seconds);
  const magnitude = Math.abs(seconds);
  const whole = Math.floor(magnitude);
  const fraction = roundedMicros(magnitude, magnitude - whole);
  if (whole < SAFE_SECONDS) {
    const micros = whole * 1e6 + fraction;
    out.micros((seconds < 0 ? -micros : micros) - POSTGRES_EPOCH_SECONDS * 1e6);
  } else {
    const micros = BigInt(whole) * 1_000_000n + BigInt(fraction);
    out.bigMicros((seconds < 0 ? -micros : micros) - BigInt(POSTGRES_EPOCH_SECONDS) * 1_000_000n);
  }
  return true;
}

const DAY_SECONDS = 86_400;
const DAY_NANOS = 86_400_000_000_000n;
const HALF_MICRO = 5e-7;

/** The UTC day (days since the Unix epoch) of a time as `writeTime` writes it; `undefined` where it writes none. */
export function dayOfSeconds(seconds: number): number | undefined {
  if (!(seconds >= EARLIEST_SECONDS && seconds < END_SECONDS)) return undefined;
  return Math.floor((seconds + HALF_MICRO) / DAY_SECONDS);
}

/** All records of a message were received at one time. */
const lastNanos = { nanos: 0n, day: 0 };

/** The UTC day (days since the Unix epoch) of nanoseconds since the Unix epoch. */
export function dayOfNanos(nanos: bigint): number {
  if (nanos !== lastNanos.nanos) {
    lastNanos.nanos = nanos;
    const rounded = nanos + 500n;
    lastNanos.day = Number(rounded / DAY_NANOS) - (rounded < 0n && rounded % DAY_NANOS !== 0n ? 1 : 0);
  }
  return lastNanos.day;
}

function writeOutOfRange(out: CopyBuffer, seconds: number): boolean {
  if (Number.isNaN(seconds)) out.null();
  // PostgreSQL has its infinities at the two ends of int64.
  else if (seconds > 0) out.halves(0x7fffffff, -1);
  else out.halves(-0x80000000, 0);
  return !Number.isFinite(seconds) && !Number.isNaN(seconds);
}
