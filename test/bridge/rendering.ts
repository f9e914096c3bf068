import { Address } from '../../src/codec/address.js';
import { isAbsent, type LogScalar, type LogValue } from '../../src/codec/log-record.js';
import { nameToBytes, textToBytes, unescapeText } from '../../src/codec/text.js';
import type { ColumnSpec } from '../../src/storage/log-tables.js';

/**
 * Both sides of a comparison between log values and what PostgreSQL has of them, as texts. Shares nothing with
 * src/bridge.
 */

/** What a column is selected as: a text, or an array of texts. Times in microseconds since 1970, exactly. */
export function selection(column: string, { sqlType, zeekType }: ColumnSpec): string {
  const quoted = `"${column.replaceAll('"', '""')}"`;
  const isTime = sqlType.startsWith('timestamptz');
  const text = (value: string): string =>
    isTime ? `trim_scale(extract(epoch FROM ${value}) * 1000000)::text` : inetText(value, zeekType);
  if (!sqlType.endsWith('[]')) return text(quoted);
  return `CASE WHEN ${quoted} IS NOT NULL THEN ARRAY(
    SELECT ${text('e')} FROM unnest(${quoted}) WITH ORDINALITY AS u (e, i) ORDER BY i) END`;
}

const inetText = (value: string, zeekType: string): string =>
  zeekType.includes('addr') || zeekType.includes('subnet')
    ? `family(${value}) || ' ' || host(${value}) || ' ' || masklen(${value})`
    : `${value}::text`;

/** What was selected, in the form that `rendered` gives. */
export function normalized(type: LogScalar, text: string | null): string {
  if (text === null) return 'NULL';
  switch (type) {
    case 'double':
    case 'interval':
      return bits(Number(text));
    case 'string':
    case 'enum':
    case 'func':
    case 'file':
      return hex(unescapeText(text));
    case 'addr':
    case 'subnet': {
      const [family, host, bits] = text.split(' ');
      return [family, hex(Address.parse(host ?? '').bytes), bits].join(' ');
    }
    default:
      return text;
  }
}

/** What PostgreSQL has to have of a value that is no set or vector. */
export function rendered(value: LogValue): string {
  if (isAbsent(value)) return 'NULL';
  switch (value.type) {
    case 'bool':
    case 'int':
    case 'count':
      return String(value.value);
    case 'double':
    case 'interval':
      return bits(value.value);
    case 'time':
      return microseconds(value.value);
    case 'string':
    case 'func':
    case 'file':
      return hex(textToBytes(value.value));
    case 'enum':
      return hex(nameToBytes(value.value));
    case 'port':
      return String(value.value.number);
    case 'addr':
      return `${value.value.family} ${hex(value.value.bytes)} ${value.value.isV4 ? 32 : 128}`;
    case 'subnet': {
      const { address, wireLength } = value.value;
      const isV4 = address.isV4 && wireLength >= 96;
      return `${isV4 ? 4 : 6} ${hex(address.bytes)} ${isV4 ? wireLength - 96 : wireLength}`;
    }
    default:
      throw new TypeError(`${value.type} is no scalar`);
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function bits(value: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(Number.isNaN(value) ? Number.NaN : value);
  return bytes.toString('hex');
}

/** A double as a fraction of two integers. */
function fraction(value: number): [numerator: bigint, denominator: bigint] {
  let denominator = 1n;
  let scaled = value;
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    denominator *= 2n;
  }
  return [BigInt(scaled), denominator];
}

/** Seconds in whole microseconds, to the nearest, ties to even: with integers only. */
function microseconds(seconds: number): string {
  if (Number.isNaN(seconds)) return 'NULL';
  if (seconds >= 9_224_318_016_000) return 'Infinity';
  if (seconds < -210_866_803_200) return '-Infinity';
  const [numerator, denominator] = fraction(Math.abs(seconds));
  const doubled = 2n * numerator * 1_000_000n;
  const below = doubled / (2n * denominator);
  const rest = doubled - below * 2n * denominator;
  const isUp = rest > denominator || (rest === denominator && below % 2n === 1n);
  const micros = isUp ? below + 1n : below;
  return String(seconds < 0 ? -micros : micros);
}
