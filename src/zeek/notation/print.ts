import { nameFromBytes, nameToBytes, type Text } from '../../codec/text.js';
import { formatTimestamp } from '../../codec/time.js';
import type { TableEntry, Value } from '../../codec/value.js';
import { INTERVAL_UNITS, isBareLabel } from './words.js';

/**
 * A value in Zeek's notation, as people write it in scripts and on command lines. `parseNotation` gives the same value
 * again: nanoseconds, 64-bit integers and bytes that are not UTF-8 (`\xNN`) are kept.
 */
export function printNotation(value: Value): string {
  switch (value.type) {
    case 'none':
      return 'none';
    case 'boolean':
      return value.value ? 'T' : 'F';
    case 'integer':
      // The sign tells an int from a count.
      return value.value < 0n ? String(value.value) : `+${value.value}`;
    case 'real':
      return printReal(value.value);
    case 'string':
      return quoteText(value.value);
    case 'address':
      return bracketed(String(value.value));
    case 'subnet': {
      const [address = '', length] = String(value.value).split('/');
      return `${bracketed(address)}/${length}`;
    }
    case 'timestamp':
      return `${formatTimestamp(value.value)}Z`;
    case 'timespan':
      return printInterval(value.value);
    case 'enum-value':
      return isBareLabel(value.value) ? value.value : `enum(${quoteText(value.value)})`;
    case 'set':
      return value.value.length === 0 ? 'set()' : `{${value.value.map(printNotation).join(', ')}}`;
    case 'vector':
      return `[${printItems(value.value)}]`;
    case 'table':
      return value.value.length === 0 ? 'table()' : `{${value.value.map(printEntry).join(', ')}}`;
    default:
      return String(value.value);
  }
}

const printItems = (items: readonly Value[]): string => items.map(printNotation).join(', ');

/** Several values in one key, as tables with more than one index have them, need no brackets of their own. */
function printEntry([key, value]: TableEntry): string {
  const inner = key.type === 'vector' && key.value.length > 1 ? printItems(key.value) : printNotation(key);
  return `[${inner}] = ${printNotation(value)}`;
}

/** As Zeek's scripts write IPv6: without the brackets, a vector with one could be taken for the address. */
const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/** A point or an exponent tells a double from a count. */
function printReal(value: number): string {
  if (Number.isNaN(value)) return 'double(nan)';
  if (!Number.isFinite(value)) return value > 0 ? 'double(inf)' : 'double(-inf)';
  if (Object.is(value, -0)) return '-0.0';
  const text = String(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/** In the largest unit that divides it; a fraction is there only below a microsecond. */
function printInterval(nanos: bigint): string {
  if (nanos === 0n) return '0secs';
  const [unit, size] = INTERVAL_UNITS.find(([, each]) => nanos % each === 0n) ?? ['usec', 1_000n];
  const whole = nanos / size;
  const rest = nanos % size;
  if (rest === 0n) return `${whole}${unit}${whole === 1n || whole === -1n ? '' : 's'}`;
  const [sign, positive] = nanos < 0n ? ['-', -nanos] : ['', nanos];
  const fraction = String(positive % size)
    .padStart(3, '0')
    .replace(/0+$/, '');
  return `${sign}${positive / size}.${fraction}${unit}s`;
}

/** What would not show, or show as something else: controls, directions, single bytes that are no UTF-8. */
const ESCAPED = /["\\\p{C}\p{Zl}\p{Zp}]/gu;
const LETTERS: ReadonlyMap<string, string> = new Map([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

/** A text in quotes, with the escapes of Zeek's scripts. */
export function quoteText(text: Text): string {
  const name = typeof text === 'string' ? text : nameFromBytes(text);
  const escaped = name.replace(ESCAPED, (character) => LETTERS.get(character) ?? hexBytes(character));
  return `"${escaped}"`;
}

const hexBytes = (character: string): string =>
  Array.from(nameToBytes(character), (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
