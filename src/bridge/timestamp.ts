import { type CopyBuffer, POSTGRES_EPOCH_SECONDS } from './copy-buffer.js';

/** What a timestamptz holds: from 4714-11-24 BC up to, not including, 294277-01-01; seconds since the Unix epoch. */
const EARLIEST_SECONDS = -210_866_803_200;
const END_SECONDS = 9_224_318_016_000;

/** Below this the microseconds since either epoch are safe integers; the year 2223. */
const SAFE_SECONDS = 8_000_000_000;

/** From here on a double has at most 39 bits behind the point, and those times 10^6 (14 bits and a shift) fit in 53. */
const EXACT_SECONDS = 8_192;

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

/** The fraction of a second in microseconds, to the nearest one, ties to the even one. */
function roundedMicros(magnitude: number, fraction: number): number {
  // A tie between two microseconds is an odd multiple of 1/128, the only fractions with a 5 as 7th and last decimal.
  if (magnitude < EXACT_SECONDS && (fraction * 128) % 1 !== 0) {
    return Math.round(Number(fraction.toFixed(6)) * 1e6);
  }
  const micros = fraction * 1e6;
  const below = Math.floor(micros);
  const rest = micros - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
