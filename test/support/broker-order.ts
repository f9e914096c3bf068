import type { Plain } from './oracle.js';

/**
 * Broker's order of values (libbroker/broker/variant_data.cc, address.cc, subnet.cc, port.cc), told a second
 * time over what the oracle gives: by type, then by value; -1, 0 or 1. Sets and tables must be in order.
 */

const TYPES = [
  'none',
  'boolean',
  'count',
  'integer',
  'real',
  'string',
  'address',
  'subnet',
  'port',
  'timestamp',
  'timespan',
  'enum-value',
  'set',
  'table',
  'vector',
];

const less = <T extends bigint | number | string | boolean>(a: T, b: T): number =>
  a < b ? -1 : a > b ? 1 : 0;

function double(hex: string): number {
  return Buffer.from(hex, 'hex').readDoubleBE();
}

/** Hex digits have the order of the bytes, and what is a prefix comes first. */
function lexicographic<T>(a: readonly T[], b: readonly T[], by: (a: T, b: T) => number): number {
  for (const [index, item] of a.entries()) {
    if (index >= b.length) return 1;
    const result = by(item, b[index] as T);
    if (result !== 0) return result;
  }
  return less(a.length, b.length);
}

export function brokerOrder(a: Plain, b: Plain): number {
  const [[typeA, contentA] = ['none', null]] = Object.entries(a as Record<string, Plain>);
  const [[typeB, contentB] = ['none', null]] = Object.entries(b as Record<string, Plain>);
  if (typeA !== typeB) return less(TYPES.indexOf(typeA), TYPES.indexOf(typeB));
  return sameType(typeA, contentA, contentB);
}

function sameType(type: string, a: Plain, b: Plain): number {
  switch (type) {
    case 'none':
      return 0;
    case 'boolean':
      return less(a as boolean, b as boolean);
    case 'count':
    case 'integer':
    case 'timestamp':
    case 'timespan':
      return less(BigInt(a as string), BigInt(b as string));
    case 'real':
      return less(double(a as string), double(b as string));
    case 'string':
    case 'address':
    case 'enum-value':
      return less(a as string, b as string);
    case 'subnet':
    case 'port':
      return lexicographic(a as (string | number)[], b as (string | number)[], less);
    case 'table':
      return lexicographic(a as [Plain, Plain][], b as [Plain, Plain][], ([keyA, itemA], [keyB, itemB]) => {
        return brokerOrder(keyA, keyB) || brokerOrder(itemA, itemB);
      });
    default:
      return lexicographic(a as Plain[], b as Plain[], brokerOrder);
  }
}
