import type { Value } from './api/types.js';

const WHOLE = new Intl.NumberFormat('en-US');
const COMPACT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });

export const number = (value: number): string => WHOLE.format(value);
export const compact = (value: number): string => COMPACT.format(value);

/** A value in one line: as Zeek has it, and times without what is the same everywhere. */
export function cell(value: Value | undefined, type: string): string {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return value.map((item) => (item === null ? '–' : String(item))).join(', ');
  if (typeof value === 'object') return String(value['name'] ?? JSON.stringify(value));
  if (type === 'time')
    return String(value)
      .replace('T', ' ')
      .replace(/\d{3}Z$/, '');
  if (type === 'interval' && typeof value === 'number') return interval(value);
  if (type === 'bool') return value === true ? 'T' : 'F';
  if (type === 'double' && typeof value === 'number') return String(Number(value.toPrecision(6)));
  return String(value);
}

/** A value that counts are told of; `undefined`: the field is not set. */
export const valueText = (value: Value | undefined, type: string): string =>
  value === undefined ? 'not set' : cell(value, type) || '(empty)';

/** Seconds in three or four digits, with a unit. */
export function interval(seconds: number): string {
  const size = Math.abs(seconds);
  if (size === 0) return '0';
  if (size < 0.001) return `${(seconds * 1e6).toFixed(0)} µs`;
  if (size < 1) return `${(seconds * 1e3).toFixed(size < 0.01 ? 2 : 1)} ms`;
  if (size < 120) return `${seconds.toFixed(2)} s`;
  if (size < 7_200) return `${(seconds / 60).toFixed(1)} min`;
  return size < 172_800 ? `${(seconds / 3_600).toFixed(1)} h` : `${(seconds / 86_400).toFixed(1)} d`;
}

/** How long a bucket is. */
export function width(seconds: number): string {
  for (const [unit, size] of [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
  ] as const) {
    if (seconds >= size) return `${Number((seconds / size).toFixed(1))} ${unit}`;
  }
  return seconds >= 1 ? `${Number(seconds.toFixed(1))} s` : `${Number((seconds * 1e3).toPrecision(3))} ms`;
}

const DAY = 86_400;

/** Times of an axis in seconds since 1970, so many apart: as in the table, without what is the same as before. */
export function timeTexts(times: readonly number[], step: number): string[] {
  const texts = times.map((time) => new Date(time * 1_000).toISOString());
  if (step >= DAY)
    return texts.map((text) => text.slice(0, step >= 365 * DAY ? 4 : step >= 28 * DAY ? 7 : 10));
  const end = step >= 60 ? 16 : step >= 1 ? 19 : 23;
  return texts.map((text, index) => {
    const isSameDay = text.slice(0, 10) === texts[index - 1]?.slice(0, 10);
    return isSameDay ? text.slice(11, end) : text.slice(5, end).replace('T', ' ');
  });
}

const NUMERIC = new Set(['count', 'int', 'double', 'interval', 'port']);
export const isNumeric = (type: string): boolean => NUMERIC.has(type);
