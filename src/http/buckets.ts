import { ZeekwayError } from '../core/errors.js';
import { BUCKET_DAYS_MAX } from '../core/limits.js';
import { parseInterval } from '../filter/literals.js';

/** Buckets of time: from `origin` on, as wide as each other. All times are microseconds since 1970, UTC. */

const SECOND = 1_000_000n;
const MINUTE = 60n * SECOND;
const HOUR = 60n * MINUTE;
const DAY = 24n * HOUR;

/** 0001-01-01, a Monday: so that weeks begin on Mondays, and days and hours at their beginning. */
const ORIGIN = -62_135_596_800n * SECOND;

/** What people read easily. */
const NICE_WIDTHS: readonly bigint[] = [
  ...[1n, 2n, 5n, 10n, 20n, 50n, 100n, 200n, 500n].map((millis) => millis * 1_000n),
  ...[1n, 2n, 5n, 10n, 15n, 30n].map((seconds) => seconds * SECOND),
  ...[1n, 2n, 5n, 10n, 15n, 30n].map((minutes) => minutes * MINUTE),
  ...[1n, 2n, 3n, 6n, 12n].map((hours) => hours * HOUR),
  ...[1n, 7n, 28n, 91n, 364n, 3_640n, BigInt(BUCKET_DAYS_MAX)].map((days) => days * DAY),
];

/** The beginning of the bucket that a time is in. */
export function bucketStart(micros: bigint, width: bigint): bigint {
  const offset = (micros - ORIGIN) % width;
  return micros - (offset < 0n ? offset + width : offset);
}

/** The buckets that a half-open range touches; none where it is empty. */
export function bucketCount({ from, to }: { from: bigint; to: bigint }, width: bigint): number {
  if (from >= to) return 0;
  return Number((bucketStart(to - 1n, width) - bucketStart(from, width)) / width) + 1;
}

/** The smallest nice width that needs no more than `most` buckets; the widest where none does. */
export function niceWidth(range: { from: bigint; to: bigint }, most: number): bigint {
  const widest = NICE_WIDTHS.at(-1) ?? DAY;
  return NICE_WIDTHS.find((width) => bucketCount(range, width) <= most) ?? widest;
}

/** Reads a width like `5min`. @param what names it in the error. Throws `request_invalid`. */
export function parseWidth(text: string, what: string): bigint {
  const nanos = parseInterval(text.trim());
  if (nanos === undefined) {
    throw new ZeekwayError('request_invalid', `${what} is a time like 30s, 5min, 1h or 1d, not "${text}"`);
  }
  if (nanos < 1_000_000n || nanos % 1_000n !== 0n || nanos / 1_000n > BigInt(BUCKET_DAYS_MAX) * DAY) {
    throw new ZeekwayError(
      'request_invalid',
      `${what} is from 1ms to ${BUCKET_DAYS_MAX}d, of whole microseconds, not "${text}"`,
    );
  }
  return nanos / 1_000n;
}

/** Seconds as a decimal number, exactly. */
export function secondsText(micros: bigint): string {
  return `${micros / SECOND}.${String(micros % SECOND).padStart(6, '0')}`;
}
