import { ZeekwayError } from '../core/errors.js';
import { INT64_MAX, INT64_MIN } from './bytes.js';

/** Timestamps and timespans are nanoseconds in a signed 64-bit integer (`bigint`), as Broker has them. */

export const NANOS_PER_SECOND = 1_000_000_000n;

const outOfRange = (text: string): ZeekwayError =>
  new ZeekwayError('text_invalid', `"${text}" does not fit in 64 bits of nanoseconds`);

function checkRange(nanos: bigint, text: string): bigint {
  if (nanos < INT64_MIN || nanos > INT64_MAX) throw outOfRange(text);
  return nanos;
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
}

/** `2023-11-14T22:13:20.123456789`, UTC: at least three decimals, as many as are needed. */
export function formatTimestamp(nanos: bigint): string {
  const seconds = floorDivide(nanos, NANOS_PER_SECOND);
  const fraction = String(nanos - seconds * NANOS_PER_SECOND).padStart(9, '0');
  const date = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${date}.${fraction.replace(/0{1,6}$/, '')}`;
}

/** JavaScript takes the 30th of February for the 2nd of March. */
const isDay = (date: string): boolean => new Date(`${date}T00:00:00Z`).toISOString().startsWith(date);

/** Reads ISO 8601 with 0 to 9 decimals, UTC where no zone is given. Throws `text_invalid`. */
export function parseTimestamp(text: string): bigint {
  const match = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?$/.exec(text);
  const millis = match ? Date.parse(`${match[1]}T${match[2]}${match[4] ?? 'Z'}`) : Number.NaN;
  if (!match || Number.isNaN(millis) || !isDay(match[1] as string)) {
    throw new ZeekwayError('text_invalid', `"${text}" is not a time (like 2026-11-24T03:00:00.123Z)`);
  }
  const fraction = BigInt((match[3] ?? '').padEnd(9, '0'));
  return checkRange(BigInt(millis) * 1_000_000n + fraction, text);
}

const TIMESPAN_UNITS = [
  ['ns', 1n],
  ['us', 1_000n],
  ['ms', 1_000_000n],
  ['s', NANOS_PER_SECOND],
  ['min', 60n * NANOS_PER_SECOND],
  ['h', 3_600n * NANOS_PER_SECOND],
  ['d', 86_400n * NANOS_PER_SECOND],
] as const;

/** `1500ms`: the largest of ns, us, ms and s that divides it, as Broker's JSON writes it. */
export function formatTimespan(nanos: bigint): string {
  if (nanos === 0n) return '0s';
  const unit = TIMESPAN_UNITS.slice(0, 4).findLast(([, size]) => nanos % size === 0n);
  const [name, size] = unit ?? TIMESPAN_UNITS[0];
  return `${nanos / size}${name}`;
}

/** Reads an integer with a unit (ns, us, ms, s, min, h, d). Throws `text_invalid`. */
export function parseTimespan(text: string): bigint {
  const match = /^([+-]?\d+)(ns|us|ms|s|min|h|d)$/.exec(text);
  const unit = TIMESPAN_UNITS.find(([name]) => name === match?.[2]);
  if (!match || !unit) throw new ZeekwayError('text_invalid', `"${text}" is not a timespan (like 250ms)`);
  return checkRange(BigInt(match[1] as string) * unit[1], text);
}

/** Seconds as Zeek's scripts and logs have them (a double) to nanoseconds. Throws when out of range. */
export function nanosFromSeconds(seconds: number): bigint {
  if (!Number.isFinite(seconds)) throw outOfRange(String(seconds));
  const whole = Math.floor(seconds);
  return checkRange(
    BigInt(whole) * NANOS_PER_SECOND + BigInt(Math.round((seconds - whole) * 1e9)),
    String(seconds),
  );
}

/** Nanoseconds to seconds as a double: the nearest one up to 2^53 ns, and exact to the microsecond for today's times. */
export function secondsFromNanos(nanos: bigint): number {
  if (Number.isSafeInteger(Number(nanos))) return Number(nanos) / 1e9;
  const seconds = nanos / NANOS_PER_SECOND;
  return Number(seconds) + Number(nanos % NANOS_PER_SECOND) / 1e9;
}
