import { ZeekwayError } from '../core/errors.js';
import { formatMicros, isWritable, timeMicros } from '../filter/time.js';

/** Times of the API: microseconds in UTC, as PostgreSQL keeps them. */

const NOTATION = 'a time like 2026-11-24T03:00:00Z, 1795489200.5 (seconds since 1970), -1h or now';

/**
 * Reads a time parameter: ISO 8601 (from a date alone on, UTC where no zone is given), seconds since 1970,
 * `now`, or a time relative to now (`-90s`, `-15m`, `-1h`, `-7d`, `-2w`).
 * @param now milliseconds since 1970.
 * @returns the same instant in ISO 8601 with six decimals. Throws `request_invalid`.
 */
export function parseTime(parameter: string, text: string, now: number): string {
  const micros = timeMicros(text, now) ?? invalid(parameter, text, NOTATION);
  if (!isWritable(micros)) return invalid(parameter, text, 'a time in the years 1 to 9999');
  return formatMicros(micros);
}

/** The bounds of a half-open range, as `parseTime` gives them; `undefined` where there is none. */
export interface TimeRange {
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** Reads the parameters `from` and `to`. Throws `request_invalid`. */
export function parseRange(given: { from?: string; to?: string }, now: number): TimeRange {
  return {
    from: given.from === undefined ? undefined : parseTime('from', given.from, now),
    to: given.to === undefined ? undefined : parseTime('to', given.to, now),
  };
}

function invalid(parameter: string, text: string, expected: string): never {
  throw new ZeekwayError('request_invalid', `"${parameter}" is ${expected}, not "${text}"`);
}

const SQL_TIME = /^(\d{4,})-(\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00( BC)?$/;

/**
 * A timestamptz's text (UTC, ISO style) as ISO 8601 with six decimals: `2026-11-24T03:13:17.123456Z`. Years
 * outside of 0 to 9999 have a sign and six digits; `infinity` and `-infinity` stay.
 */
export function timeFromSql(text: string): string {
  const match = SQL_TIME.exec(text);
  if (!match) return text;
  const [, yearText = '', monthDay, time, fraction = '', isBc] = match;
  // 1 BC is the year 0.
  const year = isBc ? 1 - Number(yearText) : Number(yearText);
  const isPlain = year >= 0 && year <= 9999;
  const digits = String(Math.abs(year)).padStart(isPlain ? 4 : 6, '0');
  const sign = isPlain ? '' : year < 0 ? '-' : '+';
  return `${sign}${digits}-${monthDay}T${time}.${fraction.padEnd(6, '0')}Z`;
}

/** The calendar repeats itself after 400 years. */
const CYCLE_YEARS = 400;
const CYCLE_MICROS = 146_097n * 86_400_000_000n;

/** A timestamptz's text as microseconds since 1970; `undefined` for `infinity` and `-infinity`. */
export function microsFromSql(text: string): bigint | undefined {
  const match = SQL_TIME.exec(text);
  if (!match) return undefined;
  const [, yearText = '', monthDay, time, fraction = '', isBc] = match;
  const year = isBc ? 1 - Number(yearText) : Number(yearText);
  // JavaScript's own dates end before PostgreSQL's.
  const cycles = Math.floor((year - 2000) / CYCLE_YEARS);
  const millis = Date.parse(`${year - cycles * CYCLE_YEARS}-${monthDay}T${time}Z`);
  return BigInt(millis) * 1000n + BigInt(cycles) * CYCLE_MICROS + BigInt(fraction.padEnd(6, '0'));
}
