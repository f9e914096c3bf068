import { isAbsent, type LogValue } from '../codec/log-record.js';
import { storedMicros } from '../codec/micros.js';
import { displayText, escapeText, nameToBytes } from '../codec/text.js';
import type { Origin } from '../zeek/item.js';

/** Values of live rows as answers of the API show stored ones (docs/api.md, Values). */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** `undefined` for what is not set, or is stored as NULL. */
export function valueJson(value: LogValue): Json | undefined {
  if (isAbsent(value)) return undefined;
  switch (value.type) {
    case 'bool':
      return value.value;
    case 'int':
    case 'count': {
      const number = Number(value.value);
      return Number.isSafeInteger(number) ? number : String(value.value);
    }
    case 'double':
    case 'interval':
      // Minus zero is zero.
      return Number.isFinite(value.value) ? value.value + 0 : String(value.value);
    case 'time': {
      const micros = storedMicros(value.value);
      return micros === undefined ? undefined : timeJson(micros);
    }
    case 'string':
    case 'func':
    case 'file':
      return displayText(value.value);
    case 'enum':
      return escapeText(nameToBytes(value.value));
    case 'port':
      return value.value.number;
    case 'addr':
    case 'subnet':
      return value.value.toString();
    case 'table':
    case 'vector':
      return value.value.map((element) => valueJson(element) ?? null);
  }
}

const MICROS_PER_SECOND = 1_000_000n;
/** Years repeat after so many seconds, and JavaScript's dates end 18,000 years before PostgreSQL's. */
const CYCLE_YEARS = 400;
const CYCLE_SECONDS = 146_097n * 86_400n;
const LATEST_SECONDS = 8_640_000_000_000n;

/** ISO 8601 with six decimals; a year that is none of four digits has a sign and six. */
export function timeJson(micros: bigint | number): string {
  if (typeof micros === 'number') return micros > 0 ? 'infinity' : '-infinity';
  const fraction = ((micros % MICROS_PER_SECOND) + MICROS_PER_SECOND) % MICROS_PER_SECOND;
  const seconds = (micros - fraction) / MICROS_PER_SECOND;
  const isLate = seconds > LATEST_SECONDS;
  const cycles = isLate ? (seconds - LATEST_SECONDS) / CYCLE_SECONDS + 1n : 0n;
  const iso = new Date(Number(seconds - cycles * CYCLE_SECONDS) * 1_000).toISOString();
  const [, year = '', rest = ''] = /^([+-]?\d+)(-.*)\.\d+Z$/.exec(iso) ?? [];
  const shown = isLate ? `+${String(Number(year) + Number(cycles) * CYCLE_YEARS).padStart(6, '0')}` : year;
  return `${shown}${rest}.${String(fraction).padStart(6, '0')}Z`;
}

/** Microseconds of a time of receipt, rounded as it is stored. */
export function receivedMicros(nanos: bigint): bigint {
  const rounded = nanos + 500n;
  return rounded / 1_000n - (rounded < 0n && rounded % 1_000n !== 0n ? 1n : 0n);
}

export function originJson({ kind, name, peer, node }: Origin): Json {
  return { kind, name, ...(peer === '' ? {} : { peer }), ...(node === undefined ? {} : { node }) };
}
