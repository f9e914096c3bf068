import { inspect } from 'node:util';
import { ZeekwayError } from '../core/errors.js';
import { Address, compareBytes, Subnet } from './address.js';
import { INT64_MAX, INT64_MIN, UINT64_MAX } from './bytes.js';
import { Port } from './port.js';
import { canonicalText, nameToBytes, type Text, textToBytes } from './text.js';

/**
 * One value of Broker's data model. Match on `type`; the 15 types are all there are. 64-bit integers are
 * `bigint`; `timestamp` and `timespan` are nanoseconds (since the Unix epoch, and a difference).
 */
export type Value =
  | { readonly type: 'none' }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'count'; readonly value: bigint }
  | { readonly type: 'integer'; readonly value: bigint }
  | { readonly type: 'real'; readonly value: number }
  | { readonly type: 'string'; readonly value: Text }
  | { readonly type: 'address'; readonly value: Address }
  | { readonly type: 'subnet'; readonly value: Subnet }
  | { readonly type: 'port'; readonly value: Port }
  | { readonly type: 'timestamp'; readonly value: bigint }
  | { readonly type: 'timespan'; readonly value: bigint }
  | { readonly type: 'enum-value'; readonly value: string }
  | { readonly type: 'set'; readonly value: readonly Value[] }
  | { readonly type: 'table'; readonly value: readonly TableEntry[] }
  | { readonly type: 'vector'; readonly value: readonly Value[] };

export type TableEntry = readonly [key: Value, value: Value];

/** The types by their tag on the wire; the names are those of Broker's JSON. */
export const VALUE_TYPES = [
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
] as const satisfies readonly Value['type'][];

export type ValueType = Value['type'];
/** The values of one type. */
export type ValueOf<T extends ValueType> = Extract<Value, { readonly type: T }>;

function inRange(value: bigint | number, least: bigint, most: bigint, type: string): bigint {
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) {
    throw new ZeekwayError('encode_invalid', `${value} is no safe integer: pass a bigint for a ${type}`);
  }
  const big = BigInt(value);
  if (big < least || big > most) throw new ZeekwayError('encode_invalid', `${value} is no 64-bit ${type}`);
  return big;
}

const int64 = (value: bigint | number, type: string): bigint => inRange(value, INT64_MIN, INT64_MAX, type);

/*
 * Constructors. Each checks its range and throws `encode_invalid` (`text_invalid` for notation).
 */

export const none: ValueOf<'none'> = { type: 'none' };
export const boolean = (value: boolean): ValueOf<'boolean'> => ({ type: 'boolean', value });
/** An unsigned 64-bit integer: Zeek's `count`. */
export const count = (value: bigint | number): ValueOf<'count'> => ({
  type: 'count',
  value: inRange(value, 0n, UINT64_MAX, 'count'),
});
/** A signed 64-bit integer: Zeek's `int`. */
export const integer = (value: bigint | number): ValueOf<'integer'> => ({
  type: 'integer',
  value: int64(value, 'integer'),
});
/** A double: Zeek's `double`. */
export const real = (value: number): ValueOf<'real'> => ({ type: 'real', value });
export const string = (value: Text): ValueOf<'string'> => ({ type: 'string', value: canonicalText(value) });
export const address = (value: Address | string): ValueOf<'address'> => ({
  type: 'address',
  value: typeof value === 'string' ? Address.parse(value) : value,
});
export const subnet = (value: Subnet | string): ValueOf<'subnet'> => ({
  type: 'subnet',
  value: typeof value === 'string' ? Subnet.parse(value) : value,
});
export const port = (value: Port | string): ValueOf<'port'> => ({
  type: 'port',
  value: typeof value === 'string' ? Port.parse(value) : value,
});
/** A point in time: nanoseconds since the Unix epoch, or a `Date`. */
export const timestamp = (value: bigint | Date): ValueOf<'timestamp'> => ({
  type: 'timestamp',
  value:
    value instanceof Date
      ? int64(inRange(value.getTime(), INT64_MIN, INT64_MAX, 'Date') * 1_000_000n, 'timestamp')
      : int64(value, 'timestamp'),
});
/** A duration in nanoseconds: Zeek's `interval`. */
export const timespan = (nanos: bigint): ValueOf<'timespan'> => ({
  type: 'timespan',
  value: int64(nanos, 'timespan'),
});
/** An enum label with its module: `Conn::LOG`. */
export const enumValue = (label: string): ValueOf<'enum-value'> => ({ type: 'enum-value', value: label });
export const set = (values: Iterable<Natural>): ValueOf<'set'> => ({ type: 'set', value: fromEach(values) });
export const table = (entries: Iterable<readonly [Natural, Natural]>): ValueOf<'table'> => ({
  type: 'table',
  value: Array.from(entries, ([key, value]) => [fromNatural(key), fromNatural(value)] as const),
});
export const vector = (values: Iterable<Natural>): ValueOf<'vector'> => ({
  type: 'vector',
  value: fromEach(values),
});

/**
 * JavaScript values with one obvious type in Broker's model, and `Value`s for the rest:
 *
 * | JavaScript | Broker | | JavaScript | Broker |
 * | --- | --- | --- | --- | --- |
 * | null, undefined | none | | Address, Subnet, Port | address, subnet, port |
 * | boolean | boolean | | Date | timestamp |
 * | bigint | integer | | Set | set |
 * | number | real (never an integer) | | Map | table |
 * | string, Uint8Array | string | | array | vector |
 *
 * A `count`, an enum label, a timespan have no JavaScript twin: say `count(5)`, `enumValue('X::Y')`,
 * `timespan(5n)`. Zeek refuses an event whose arguments have other types than it declares.
 */
export type Natural =
  | Value
  | null
  | undefined
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | Date
  | Address
  | Subnet
  | Port
  | readonly Natural[]
  | ReadonlySet<Natural>
  | ReadonlyMap<Natural, Natural>;

const fromEach = (values: Iterable<Natural>): Value[] => Array.from(values, fromNatural);

/** The Broker value for a JavaScript value; see `Natural` for the mapping. Throws `encode_invalid`. */
export function fromNatural(input: Natural): Value {
  if (input === null || input === undefined) return none;
  if (typeof input === 'boolean') return boolean(input);
  if (typeof input === 'bigint') return integer(input);
  if (typeof input === 'number') return real(input);
  if (typeof input === 'string' || input instanceof Uint8Array) return string(input);
  if (input instanceof Date) return timestamp(input);
  if (input instanceof Address) return address(input);
  if (input instanceof Subnet) return subnet(input);
  if (input instanceof Port) return port(input);
  if (input instanceof Set) return set(input as ReadonlySet<Natural>);
  if (input instanceof Map) return table(input as ReadonlyMap<Natural, Natural>);
  if (Array.isArray(input)) return vector(input as readonly Natural[]);
  if (typeof input === 'object' && VALUE_TYPES.includes((input as Value).type)) return input as Value;
  throw new ZeekwayError(
    'encode_invalid',
    `${inspect(input, { breakLength: Infinity, depth: 0 })} has no type in Broker's model: pass a Value, as of count(5), or one of the JavaScript types that Natural names`,
  );
}

/** What `toNatural` gives. */
export type NaturalResult =
  | null
  | boolean
  | bigint
  | number
  | Text
  | Address
  | Subnet
  | Port
  | NaturalResult[]
  | Set<NaturalResult>
  | Map<NaturalResult, NaturalResult>;

/**
 * The plain JavaScript value inside of a `Value`, without losing a bit of its content: counts, integers,
 * timestamps and timespans are `bigint` (the latter two in nanoseconds), sets and tables are `Set` and `Map`.
 * Which of the integer-like types it was is forgotten: keep the `Value` where that matters.
 */
export function toNatural(value: Value): NaturalResult {
  switch (value.type) {
    case 'none':
      return null;
    case 'set':
      return new Set(value.value.map(toNatural));
    case 'table':
      return new Map(value.value.map(([key, item]) => [toNatural(key), toNatural(item)]));
    case 'vector':
      return value.value.map(toNatural);
    default:
      return value.value;
  }
}

const tagOf = (value: Value): number => VALUE_TYPES.indexOf(value.type);
const order = <T>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0);

/** NaN has no place in Broker's order (C++ `<`); here it comes last, so that sorting is stable. */
function compareReals(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return order(Number.isNaN(a), Number.isNaN(b));
  return order(a, b);
}

function compareSequences(a: readonly Value[], b: readonly Value[]): number {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index++) {
    const result = compare(a[index] as Value, b[index] as Value);
    if (result !== 0) return result;
  }
  return a.length - b.length;
}

/**
 * Broker's total order: by type in the order of the tags, then by value (strings and enum labels bytewise,
 * containers element by element). Sets and tables are written in this order.
 */
export function compare(a: Value, b: Value): number {
  if (a.type !== b.type) return tagOf(a) - tagOf(b);
  switch (a.type) {
    case 'none':
      return 0;
    case 'real':
      return compareReals(a.value, (b as typeof a).value);
    case 'string':
      return compareBytes(textToBytes(a.value), textToBytes((b as typeof a).value));
    case 'enum-value':
      return compareBytes(nameToBytes(a.value), nameToBytes((b as typeof a).value));
    case 'address':
      return a.value.compare((b as typeof a).value);
    case 'subnet':
      return a.value.compare((b as typeof a).value);
    case 'port':
      return a.value.compare((b as typeof a).value);
    case 'set':
      return compareSequences(sorted(a.value), sorted((b as typeof a).value));
    case 'vector':
      return compareSequences(a.value, (b as typeof a).value);
    case 'table':
      return compareSequences(
        sortedEntries(a.value).flat() as Value[],
        sortedEntries((b as typeof a).value).flat() as Value[],
      );
    default:
      return order(a.value, (b as typeof a).value);
  }
}

/** Whether two values are the same; sets and tables whatever the order of their elements. */
export function equals(a: Value, b: Value): boolean {
  return compare(a, b) === 0;
}

/**
 * What was sorted once is not sorted again: to compare sets of sets of sets, each level is asked for many times,
 * and the time would grow exponentially with the depth. Values are not changed after they are made.
 */
const ordered = new WeakMap<readonly unknown[], readonly unknown[]>();

function inOrder<T>(items: readonly T[], by: (a: T, b: T) => number): readonly T[] {
  if (items.length < 2) return items;
  const known = ordered.get(items) as readonly T[] | undefined;
  if (known) return known;
  const result = isAscending(items, by)
    ? items
    : items.toSorted(by).filter((item, index, all) => index === 0 || by(item, all[index - 1] as T) !== 0);
  ordered.set(items, result);
  ordered.set(result, result);
  return result;
}

/** The elements of a set in Broker's order, each once. */
export function sorted(values: readonly Value[]): readonly Value[] {
  return inOrder(values, compare);
}

/** The entries of a table in the order of their keys; of entries with one key the first. */
export function sortedEntries(entries: readonly TableEntry[]): readonly TableEntry[] {
  return inOrder(entries, compareKeys);
}

const compareKeys = (a: TableEntry, b: TableEntry): number => compare(a[0], b[0]);

function isAscending<T>(items: readonly T[], by: (a: T, b: T) => number): boolean {
  for (let index = 1; index < items.length; index++) {
    if (by(items[index - 1] as T, items[index] as T) >= 0) return false;
  }
  return true;
}
