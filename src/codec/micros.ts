/** Times of logs, which are doubles, as the microseconds that are stored. */

/** What a timestamptz holds: from 4714-11-24 BC up to, not including, 294277-01-01; seconds since the Unix epoch. */
export const EARLIEST_SECONDS = -210_866_803_200;
export const END_SECONDS = 9_224_318_016_000;

/** From here on a double has at most 39 bits behind the point, and those times 10^6 (14 bits and a shift) fit in 53. */
const EXACT_SECONDS = 8_192;

/** The fraction of a second in microseconds, to the nearest one, ties to the even one. */
export function roundedMicros(magnitude: number, fraction: number): number {
  // A tie between two microseconds is an odd multiple of 1/128, the only fractions with a 5 as 7th and last decimal.
  if (magnitude < EXACT_SECONDS && (fraction * 128) % 1 !== 0) {
    return Math.round(Number(fraction.toFixed(6)) * 1e6);
  }
  const micros = fraction * 1e6;
  const below = Math.floor(micros);
  const rest = micros - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}

/**
 * Microseconds since the Unix epoch as a timestamptz holds them: to the nearest one, as C's `%.6f` does it; an infinity
 * where there is none so early or late, `undefined` for NaN.
 * @param seconds since the Unix epoch.
 */
export function storedMicros(seconds: number): bigint | number | undefined {
  if (Number.isNaN(seconds)) return undefined;
  if (!(seconds >= EARLIEST_SECONDS && seconds < END_SECONDS)) {
    return seconds > 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  }
  const magnitude = Math.abs(seconds);
  const whole = Math.floor(magnitude);
  const micros = BigInt(whole) * 1_000_000n + BigInt(roundedMicros(magnitude, magnitude - whole));
  return seconds < 0 ? -micros : micros;
}
