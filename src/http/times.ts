import { ZeekwayError } from '../core/errors.js';

/** Times of the API: microseconds in UTC, as PostgreSQL keeps them. */

const MICROS_PER_SECOND = 1_000_000n;
const UNIT_SECONDS: Readonly<Record<string, bigint>> = { s: 1n, m: 60n, h: 3_600n, d: 86_400n, w: 604_800n };
/** 9999-12-31T23:59:59Z: no later time can be written in four digits. */
const LATEST_SECONDS = 253_402_300_799n;
const EARLIEST_SECONDS = -62_135_596_800n;

const NOTATION = 'a time like 2026-11-24T03:00:00Z, 1795489200.5 (seconds since 1970), -1h or now';

/** Rounds up, so that `ts >= x` and `ts < x` say the same of a time of whole microseconds. */
const ceilDivide = (value: bigint, by: bigint): bigint =>
  value / by + (value > 0n && value % by !== 0n ? 1n : 0n);

/**
 * Reads a time parameter: ISO 8601 (from a date alone on, UTC where no zone is given), seconds since 1970,
 * `now`, or a time relative to now (`-90s`, `-15m`, `-1h`, `-7d`, `-2w`).
 * @param now milliseconds since 1970.
 * @returns the same instant in ISO 8601 with six decimals. Throws `request_invalid`.
 */
export function parseTime(parameter: string, text: string, now: number): string {
  const micros =
    relativeMicros(text, now) ?? epochMicros(text) ?? isoMicros(text) ?? invalid(parameter, text, NOTATION);
  const seconds = micros / MICROS_PER_SECOND;
  if (seconds > LATEST_SECONDS || seconds < EARLIEST_SECONDS) {
    return invalid(parameter, text, 'a time in the years 1 to 9999');
  }
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

function relativeMicros(text: string, now: number): bigint | undefined {
  const match = /^(?:now)?(?:([-+ ])(\d{1,9})([smhdw]))?$/.exec(text);
  if (!match || text === '') return undefined;
  const [, sign, amount = '0', unit = 's'] = match;
  const offset = BigInt(amount) * (UNIT_SECONDS[unit] ?? 0n) * MICROS_PER_SECOND;
  return BigInt(now) * 1000n + (sign === '-' ? -offset : offset);
}

/** A date without its hyphens, which would be a day of August 1970. */
const COMPACT_DATE = /^(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$/;

function epochMicros(text: string): bigint | undefined {
  const match = /^(-?)(\d{1,12})(?:\.(\d+))?$/.exec(text);
  if (!match || COMPACT_DATE.test(text)) return undefined;
  const [, sign, whole = '', fraction = ''] = match;
  const nanos = BigInt(whole + fraction.slice(0, 9).padEnd(9, '0'));
  return ceilDivide(sign === '-' ? -nanos : nanos, 1000n);
}

function isoMicros(text: string): bigint | undefined {
  const match =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?:(:\d\d)(?:\.(\d{1,9}))?)?(Z|[-+ ]\d\d:?\d\d)?)?$/i.exec(text);
  if (!match) return undefined;
  const [, date, minutes = '00:00', seconds = ':00', fraction = '', zone = 'Z'] = match;
  // A "+" that was not escaped in the URL arrives as a space.
  const millis = Date.parse(`${date}T${minutes}${seconds}${zone.toUpperCase().replace(' ', '+')}`);
  // Date.parse takes the 30th of February for the 2nd of March.
  if (Number.isNaN(millis) || !isDay(date as string)) return undefined;
  return BigInt(millis) * 1000n + ceilDivide(BigInt(fraction.padEnd(9, '0')), 1000n);
}

function isDay(date: string): boolean {
  const millis = Date.parse(`${date}T00:00:00Z`);
  return !Number.isNaN(millis) && new Date(millis).toISOString().startsWith(date);
}

function formatMicros(micros: bigint): string {
  const fraction = ((micros % MICROS_PER_SECOND) + MICROS_PER_SECOND) % MICROS_PER_SECOND;
  const seconds = (micros - fraction) / MICROS_PER_SECOND;
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${String(fraction).padStart(6, '0')}Z`;
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
