import { Address, Subnet } from '../codec/address.js';
import { Port } from '../codec/port.js';
import { displayText } from '../codec/text.js';
import { ZeekwayError } from '../core/errors.js';
import { parseNotation } from '../zeek/notation/parse.js';
import { scaled } from '../zeek/notation/words.js';
import { elementType, type FilterColumn, type Scalar, scalarSqlType } from './expression.js';
import { containing, type Pattern, PatternError, parsePattern, wildcard } from './pattern.js';
import { FilterError, type Literal } from './syntax.js';
import { formatMicros, isWritable, timeMicros } from './time.js';

/** What a value that was written in a filter means for a column of some type. */

/** A value, or, as text, what was expected. */
export type Fitted = Scalar | string;

const NANOS: Readonly<Record<string, bigint>> = {
  usec: 1_000n,
  us: 1_000n,
  msec: 1_000_000n,
  ms: 1_000_000n,
  sec: 1_000_000_000n,
  s: 1_000_000_000n,
  min: 60_000_000_000n,
  m: 60_000_000_000n,
  hr: 3_600_000_000_000n,
  hour: 3_600_000_000_000n,
  h: 3_600_000_000_000n,
  day: 86_400_000_000_000n,
  d: 86_400_000_000_000n,
  week: 604_800_000_000_000n,
  w: 604_800_000_000_000n,
};

/** `kB` is 1,000 bytes and `KiB` 1,024. */
function bytesOf(unit: string): bigint | undefined {
  const [, letter = '', binary] = /^([kKMGT]?)(i?)B$/.exec(unit) ?? [];
  if (!unit.endsWith('B')) return undefined;
  return (binary === 'i' ? 1_024n : 1_000n) ** BigInt(' KMGT'.indexOf(letter.toUpperCase() || ' '));
}

const nanosOf = (unit: string): bigint | undefined => NANOS[unit] ?? NANOS[unit.replace(/s$/, '')];

/** The number of a quantity, without its unit. */
const amountOf = ({ text, unit = '' }: Literal): string => text.slice(0, -unit.length).trim();

/** Nanoseconds of an interval in the notation of filters, `5min`; `undefined` for what is none. */
export function parseInterval(text: string): bigint | undefined {
  const [, amount = '', unit = ''] = /^(\d{1,9}(?:\.\d{1,9})?)\s*([a-z]{1,7})$/.exec(text) ?? [];
  const nanos = nanosOf(unit);
  return nanos === undefined ? undefined : scaled(amount, nanos);
}

/** Nanoseconds; `undefined` for what is no interval. */
function intervalNanos(literal: Literal): bigint | undefined {
  const nanos = literal.unit === undefined ? undefined : nanosOf(literal.unit);
  return nanos === undefined ? undefined : scaled(amountOf(literal), nanos);
}

/** The text that stands in the quotes, as the database holds texts. Throws `notation_invalid`. */
function textOf({ text }: Literal): string {
  const value = parseNotation(text);
  if (value.type !== 'string') throw new TypeError(`${text} is no text`);
  return displayText(value.value);
}

/** The value that a literal is for a column, or for the elements of a set or vector. */
export function fitLiteral(literal: Literal, column: FilterColumn, now: number): Fitted {
  try {
    return convert(literal, column, now);
  } catch (error) {
    if (error instanceof ZeekwayError) return error.message;
    throw error;
  }
}

function convert(literal: Literal, column: FilterColumn, now: number): Fitted {
  const sqlType = scalarSqlType(column);
  const text = (value: string): Scalar => ({ text: value, sqlType, value });
  switch (elementType(column.zeekType)) {
    case 'bool':
      if (literal.type !== 'bool') return 'T or F';
      return { text: String(/^t/i.test(literal.text)), sqlType, value: /^t/i.test(literal.text) };
    case 'int':
    case 'count':
      return fitNumber(literal, sqlType) ?? 'a number, like 42 or 10MB';
    case 'double':
      return fitNumber(literal, sqlType) ?? 'a number, like 1.5';
    case 'interval':
      return fitInterval(literal, sqlType) ?? 'an interval, like 5min, or seconds';
    case 'time':
      return fitTime(literal, now) ?? 'a time, like -1h or 2026-11-24T03:00:00Z';
    case 'port':
      return fitPort(literal) ?? 'a port, like 443 or 443/tcp';
    case 'addr':
      if (literal.type === 'subnet') return 'an address; "in" finds those of a subnet';
      return literal.type === 'address'
        ? text(Address.parse(literal.text).toString())
        : 'an address, like 10.0.0.1';
    case 'subnet':
      return literal.type === 'subnet'
        ? text(Subnet.parse(literal.text).toString())
        : 'a subnet, like 10.0.0.0/8';
    case 'enum':
      if (literal.type === 'label') return text(literal.text);
      return literal.type === 'text' ? text(textOf(literal)) : 'a label, like "tcp" or Notice::LOG';
    default:
      return literal.type === 'text' ? text(textOf(literal)) : 'a text in double quotes';
  }
}

function fitNumber(literal: Literal, sqlType: string): Scalar | undefined {
  if (literal.type !== 'number' && literal.type !== 'quantity') return undefined;
  const unit = literal.type === 'number' ? 1n : bytesOf(literal.unit ?? '');
  if (unit === undefined) return undefined;
  const number = literal.type === 'number' ? literal.text : amountOf(literal);
  const [whole, exact] = [scaled(number, unit), scaled(number, unit * MILLION)];
  if (sqlType === 'double precision') {
    const value = unit === 1n ? Number(number) : Number(exact) / Number(MILLION);
    return { text: String(value), sqlType, value };
  }
  if (whole * MILLION === exact) return { text: String(whole), sqlType: 'numeric', value: whole };
  // Between two integers; the millionths are enough to tell.
  const below = exact / MILLION - (exact < 0n ? 1n : 0n);
  return { text: `${below}.5`, sqlType: 'numeric', value: Number(below) + 0.5 };
}

const MILLION = 1_000_000n;

function fitInterval(literal: Literal, sqlType: string): Scalar | undefined {
  const nanos = literal.type === 'number' ? scaled(literal.text, 1_000_000_000n) : intervalNanos(literal);
  if (nanos === undefined) return undefined;
  // The nearest double to the decimal number, which is what both sides read.
  const digits = String(nanos < 0n ? -nanos : nanos).padStart(10, '0');
  const value = Number(`${nanos < 0n ? '-' : ''}${digits.slice(0, -9)}.${digits.slice(-9)}`);
  return { text: String(value), sqlType, value };
}

function fitTime(literal: Literal, now: number): Scalar | undefined {
  const micros = microsOf(literal, now);
  if (micros === undefined || !isWritable(micros)) return undefined;
  return { text: formatMicros(micros), sqlType: 'timestamptz', value: micros };
}

function microsOf(literal: Literal, now: number): bigint | undefined {
  const present = BigInt(now) * 1_000n;
  switch (literal.type) {
    case 'time':
    case 'number':
      return timeMicros(literal.text, now);
    case 'now': {
      const [, sign, amount, unit] = /^now(?:\s*([+-])\s*([\d.eE]+)\s*(\w+))?$/i.exec(literal.text) ?? [];
      if (sign === undefined || amount === undefined || unit === undefined) return present;
      const nanos = nanosOf(unit);
      if (nanos === undefined) return undefined;
      return present + scaled(`${sign}${amount}`, nanos) / 1_000n;
    }
    default: {
      const nanos = intervalNanos(literal);
      return nanos === undefined ? undefined : present + nanos / 1_000n;
    }
  }
}

function fitPort(literal: Literal): Scalar | undefined {
  const number = literal.type === 'port' ? String(Port.parse(literal.text).number) : literal.text;
  if ((literal.type !== 'number' && literal.type !== 'port') || !/^\d+$/.test(number)) return undefined;
  const value = BigInt(number);
  return value > 65_535n ? undefined : { text: number, sqlType: 'integer', value };
}

/** Zeek's label of the protocol of a port that was written with one; its fields of protocols have those. */
export function protocolOf(literal: Literal): string | undefined {
  if (literal.type !== 'port') return undefined;
  const protocol = literal.text.split('/')[1] ?? '';
  return protocol === 'unknown' ? 'unknown_transport' : protocol;
}

/**
 * The pattern that a literal is. Throws `FilterError`.
 * @param isSearch a text is to be found; else it is one with wildcards.
 */
export function patternOf(literal: Literal, isSearch: boolean): Pattern {
  if (literal.type === 'text') {
    const text = textOf(literal);
    return isSearch ? containing(text) : wildcard(text);
  }
  if (literal.type !== 'pattern') {
    throw new FilterError('expected /a pattern/ or "a*text?with*wildcards"', literal.at);
  }
  const ignoreCase = literal.text.endsWith('i');
  try {
    return parsePattern(literal.text.slice(1, ignoreCase ? -2 : -1), ignoreCase);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    const from = literal.at.from + 1 + error.index;
    throw new FilterError(`in the pattern: ${error.message}`, { from, to: from + 1 });
  }
}
