import { Address, Subnet } from '../../codec/address.js';
import type { LogScalar, LogValue } from '../../codec/log-record.js';
import { Port } from '../../codec/port.js';
import { nameFromBytes, type Text, textToBytes } from '../../codec/text.js';
import { ZeekwayError } from '../../core/errors.js';

/** Values of log files from their text, shared by both of Zeek's formats. */

/** A value that does not fit its field's type; its line becomes a dead letter. */
export function misfit(what: string, found: string): ZeekwayError {
  const shown = found.length > 60 ? `${found.slice(0, 60)}...` : found;
  return new ZeekwayError('log_file_invalid', `expected ${what}, found "${shown}"`);
}

const INTEGER = /^-?\d{1,20}$/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
/** As printf writes what is no finite number. */
const NOT_FINITE: ReadonlyMap<string, number> = new Map([
  ['nan', Number.NaN],
  ['-nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
]);

export function integerFromText(type: 'int' | 'count', text: string): bigint {
  const value = INTEGER.test(text) ? BigInt(text) : undefined;
  const fits = value !== undefined && (type === 'int' ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value));
  if (value === undefined || fits !== value) throw misfit(`a ${type} of 64 bits`, text);
  return value;
}

function numberFromText(type: string, text: string): number {
  if (NUMBER.test(text)) return Number(text);
  const value = NOT_FINITE.get(text.toLowerCase());
  if (value === undefined) throw misfit(`a ${type} (a number)`, text);
  return value;
}

/** A port's number; Zeek's logs have the protocol in another field. */
export function portFromText(text: string): Port {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number <= 65_535)) throw misfit('a port of 0 to 65535', text);
  return Port.of(number, 'unknown');
}

/** Addresses come again and again in a log; to parse one costs as much as ten other fields (measured). */
const recentAddresses = new Map<string, Address>();
const RECENT_ADDRESSES = 4_096;

export function addressFromText(text: string): Address {
  const known = recentAddresses.get(text);
  if (known) return known;
  const address = translated('an address', text, Address.parse);
  if (recentAddresses.size >= RECENT_ADDRESSES) recentAddresses.clear();
  recentAddresses.set(text, address);
  return address;
}

export function subnetFromText(text: string): Subnet {
  return translated('a subnet', text, Subnet.parse);
}

function translated<T>(what: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof ZeekwayError)) throw error;
    throw misfit(what, text);
  }
}

/**
 * A scalar from its text in a TSV file.
 * @param asText gives the text with escapes undone; only strings and enums have any.
 */
export function scalarFromText(type: LogScalar, text: string, asText: (text: string) => Text): LogValue {
  switch (type) {
    case 'bool':
      if (text !== 'T' && text !== 'F') throw misfit('a bool (T or F)', text);
      return { type, value: text === 'T' };
    case 'int':
    case 'count':
      return { type, value: integerFromText(type, text) };
    case 'double':
    case 'time':
    case 'interval':
      return { type, value: numberFromText(type, text) };
    case 'port':
      return { type, value: portFromText(text) };
    case 'addr':
      return { type, value: addressFromText(text) };
    case 'subnet':
      return { type, value: subnetFromText(text) };
    case 'enum':
      return { type, value: nameFromBytes(textToBytes(asText(text))) };
    default:
      return { type, value: asText(text) };
  }
}
