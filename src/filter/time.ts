/** Times as people give them to the API and in filters: microseconds in UTC, as PostgreSQL keeps them. */

const MICROS_PER_SECOND = 1_000_000n;
const UNIT_SECONDS: Readonly<Record<string, bigint>> = { s: 1n, m: 60n, h: 3_600n, d: 86_400n, w: 604_800n };
/** 9999-12-31T23:59:59Z: no later time can be written in four digits. */
const LATEST_SECONDS = 253_402_300_799n;
const EARLIEST_SECONDS = -62_135_596_800n;

/** Rounds up, so that `ts >= x` and `ts < x` say the same of a time of whole microseconds. */
const ceilDivide = (value: bigint, by: bigint): bigint =>
  value / by + (value > 0n && value % by !== 0n ? 1n : 0n);

/**
 * Reads ISO 8601 (from a date alone on, UTC where no zone is given), seconds since 1970, `now`, or a time relative to
 * now (`-90s`, `-15m`, `-1h`, `-7d`, `-2w`).
 * @param now milliseconds since 1970.
 * @returns microseconds since 1970; `undefined` for what is no time.
 */
export const timeMicros = (text: string, now: number): bigint | undefined =>
  relativeMicros(text, now) ?? epochMicros(text) ?? isoMicros(text);

/** Whether a time can be written with a year of four digits. */
export function isWritable(micros: bigint): boolean {
  const seconds = micros / MICROS_PER_SECOND;
  return seconds <= LATEST_SECONDS && seconds >= EARLIEST_SECONDS;
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

/** ISO 8601 with six decimals. */
export function formatMicros(micros: bigint): string {
  const fraction = ((micros % MICROS_PER_SECOND) + MICROS_PER_SECOND) % MICROS_PER_SECOND;
  const seconds = (micros - fraction) / MICROS_PER_SECOND;
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${String(fraction).padStart(6, '0')}Z`;
}
