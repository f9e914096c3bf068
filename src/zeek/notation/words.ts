import { Address, Subnet } from '../../codec/address.js';
import { Port } from '../../codec/port.js';
import { NANOS_PER_SECOND, parseTimestamp } from '../../codec/time.js';
import {
  address,
  boolean,
  count,
  enumValue,
  integer,
  none,
  port,
  real,
  string,
  subnet,
  timespan,
  timestamp,
  type Value,
} from '../../codec/value.js';
import { ZeekwayError } from '../../core/errors.js';

/** The words of Zeek's notation: what has no parts. Each throws a `ZeekwayError` that says what is wrong with it. */

/** Zeek's units of an interval, the largest first, in nanoseconds. */
export const INTERVAL_UNITS: readonly (readonly [unit: string, nanos: bigint])[] = [
  ['day', 86_400n * NANOS_PER_SECOND],
  ['hr', 3_600n * NANOS_PER_SECOND],
  ['min', 60n * NANOS_PER_SECOND],
  ['sec', NANOS_PER_SECOND],
  ['msec', 1_000_000n],
  ['usec', 1_000n],
];

const NUMBER = String.raw`[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?`;
const UNIT = '(usec|msec|sec|min|hr|day)s?';
/** What ends a word: a part of the notation, or white space. */
const BREAK = String.raw`\s,()[\]{}"`;
const END = `(?![^${BREAK}])`;

export const WORD = new RegExp(`[^${BREAK}]+`, 'y');
/** A number with a unit, which a space may stand before: also what follows in `1.0 sec 500.0 msecs`. */
export const INTERVAL = new RegExp(`(${NUMBER})[ \\t]*${UNIT}${END}`, 'y');
export const SPACED_INTERVAL = new RegExp(`[ \\t]+(${NUMBER})[ \\t]*${UNIT}${END}`, 'y');

const ONLY_NUMBER = new RegExp(`^${NUMBER}$`);
const ONLY_INTERVAL = new RegExp(`^(${NUMBER})\\s*${UNIT}$`);
const LABEL = /^[A-Za-z_]\w*(?:::[A-Za-z_]\w*)+$/;
const DOTTED = /^\d+\.\d+\.\d+\.\d+(\/\d+)?$/;
const COLONS = /^[0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*(\/\d+)?$/i;
const PORT = /^\d+\/(?:tcp|udp|icmp|unknown|\?)$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:/;
/** More digits than any number here has; what reads them takes the square of their time. */
const NUMBER_CHARACTERS = 400;
/** Eight groups, the last two dotted, and a length, with room for zeros before it. */
const IPV6_CHARACTERS = 64;

const invalid = (text: string, expected: string): ZeekwayError => {
  const shown = text.length > 60 ? `${text.slice(0, 60)}...` : text;
  return new ZeekwayError('notation_invalid', `expected ${expected}, found "${shown}"`);
};

/** Whether a label is read as one without quotes: `a::b` is an address. */
export const isBareLabel = (text: string): boolean => LABEL.test(text) && ipv6(text) === undefined;

function ipv6(text: string): Value | undefined {
  if (text.length > IPV6_CHARACTERS || !COLONS.test(text)) return undefined;
  try {
    return text.includes('/') ? subnet(Subnet.parse(text)) : address(Address.parse(text));
  } catch (error) {
    // Many things have colons between hexadecimal digits: times of day, MAC addresses.
    if (error instanceof ZeekwayError) return undefined;
    throw error;
  }
}

/** A word whose form tells its type; what has no form of another type is a string. */
export function wordByForm(text: string): Value {
  if (text === 'T' || text === 'F') return boolean(text === 'T');
  if (text === 'none' || text === 'nil') return none;
  if (/^\d+$/.test(text)) return countOf(text);
  if (/^[+-]\d+$/.test(text)) return intOf(text);
  if (ONLY_NUMBER.test(text)) return doubleOf(text);
  if (PORT.test(text)) return port(Port.parse(text));
  const dotted = DOTTED.exec(text);
  if (dotted) return dotted[1] ? subnet(Subnet.parse(text)) : address(Address.parse(text));
  if (TIME.test(text)) return timeOf(text);
  return ipv6(text) ?? (LABEL.test(text) ? enumValue(text) : string(text));
}

function boolOf(text: string): Value {
  if (text !== 'T' && text !== 'F') throw invalid(text, 'T or F');
  return boolean(text === 'T');
}

function countOf(text: string): Value {
  if (!/^\d+$/.test(text) || text.length > NUMBER_CHARACTERS) throw invalid(text, 'a count, like 42');
  return count(BigInt(text));
}

function intOf(text: string): Value {
  if (!/^[+-]?\d+$/.test(text) || text.length > NUMBER_CHARACTERS) throw invalid(text, 'an int, like -42');
  return integer(BigInt(text));
}

function doubleOf(text: string): Value {
  if (/^nan$/i.test(text)) return real(Number.NaN);
  const infinite = /^([+-]?)inf$/i.exec(text);
  if (infinite) return real(infinite[1] === '-' ? -Infinity : Infinity);
  if (!ONLY_NUMBER.test(text)) throw invalid(text, 'a double, like 1.5');
  const value = Number(text);
  if (!Number.isFinite(value)) throw invalid(text, 'a double of 64 bits');
  return real(value);
}

function timeOf(text: string): Value {
  if (ONLY_NUMBER.test(text)) return timestamp(scaled(text, NANOS_PER_SECOND));
  return timestamp(parseTimestamp(text));
}

function intervalOf(text: string): Value {
  const [, number, unit] = ONLY_INTERVAL.exec(text) ?? [];
  if (number !== undefined && unit !== undefined) return timespan(intervalNanos(number, unit));
  if (!ONLY_NUMBER.test(text)) throw invalid(text, 'seconds, or an interval like 5secs');
  return timespan(scaled(text, NANOS_PER_SECOND));
}

/** A number of units in nanoseconds. */
export function intervalNanos(number: string, unit: string): bigint {
  const size = INTERVAL_UNITS.find(([name]) => name === unit)?.[1];
  if (size === undefined) throw invalid(unit, 'a unit of Zeek: usec, msec, sec, min, hr, day');
  return scaled(number, size);
}

/** A decimal number times `by`, rounded to the nearest integer: a double would lose the nanoseconds. */
export function scaled(text: string, by: bigint): bigint {
  const [, sign, whole = '', fraction = '', exponent = '0'] =
    /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(text) ?? [];
  const power = Number(exponent) - fraction.length;
  if (text.length > NUMBER_CHARACTERS || Math.abs(power) > NUMBER_CHARACTERS) {
    throw invalid(text, 'a number of 64 bits');
  }
  const size = BigInt(whole + fraction) * by * 10n ** BigInt(Math.max(0, power));
  const divisor = 10n ** BigInt(Math.max(0, -power));
  const rounded = (2n * size + divisor) / (2n * divisor);
  return sign === '-' ? -rounded : rounded;
}

/** What can stand in the parentheses of a type without parts. */
export const SCALAR_TYPES: ReadonlyMap<string, (text: string) => Value> = new Map([
  ['bool', boolOf],
  ['count', countOf],
  ['int', intOf],
  ['double', doubleOf],
  ['string', (text: string): Value => string(text)],
  ['enum', (text: string): Value => enumValue(text)],
  ['addr', (text: string): Value => address(Address.parse(text))],
  ['subnet', (text: string): Value => subnet(Subnet.parse(text))],
  ['port', (text: string): Value => port(Port.parse(text))],
  ['interval', intervalOf],
  ['time', timeOf],
]);
