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

const NUMERIC = new Set(['count', 'int', 'double', 'interval', 'port']);
export const isNumeric = (type: string): boolean => NUMERIC.has(type);
