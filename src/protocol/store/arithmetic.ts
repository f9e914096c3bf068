import { type Text, textToBytes } from '../../codec/text.js';
import {
  equals,
  real,
  sorted,
  sortedEntries,
  string,
  type TableEntry,
  type Value,
  type ValueType,
} from '../../codec/value.js';
import { ZeekwayError } from '../../core/errors.js';

/**
 * What `add` and `subtract` do to values (libbroker/broker/detail/appliers.hh). Numbers go around at 64 bits, as they do in
 * Broker.
 */

/** The value that an entry begins as (`data::from_type`). */
const INITIAL: { readonly [T in ValueType]?: Value } = {
  boolean: { type: 'boolean', value: false },
  count: { type: 'count', value: 0n },
  integer: { type: 'integer', value: 0n },
  real: real(0),
  string: string(''),
  timestamp: { type: 'timestamp', value: 0n },
  timespan: { type: 'timespan', value: 0n },
  set: { type: 'set', value: [] },
  table: { type: 'table', value: [] },
  vector: { type: 'vector', value: [] },
};

const clash = (what: string, value: Value, operand: Value): ZeekwayError =>
  new ZeekwayError(
    'store_type_clash',
    `${what} a ${operand.type} ${what === 'add' ? 'to' : 'from'} a ${value.type}`,
  );

/** What an entry holds after `operand` was added. Throws `store_type_clash`. */
export function addTo(value: Value | undefined, operand: Value, initType: ValueType): Value {
  const start = value ?? INITIAL[initType];
  if (start === undefined) {
    throw new ZeekwayError(
      'store_type_clash',
      `there is no entry to add a ${operand.type} to, and none of type ${initType} can begin`,
    );
  }
  switch (start.type) {
    case 'string':
      if (operand.type !== 'string') break;
      return string(joined(start.value, operand.value));
    case 'vector':
      return { type: 'vector', value: [...start.value, operand] };
    case 'set':
      return { type: 'set', value: sorted([...start.value, operand]) };
    case 'table': {
      if (operand.type !== 'vector' || operand.value.length !== 2) break;
      const entry = operand.value as unknown as TableEntry;
      // Of entries with one key the first counts.
      return { type: 'table', value: sortedEntries([entry, ...start.value]) };
    }
    default: {
      const sum = arithmetic(start, operand, 1);
      if (sum) return sum;
    }
  }
  throw clash('add', start, operand);
}

/** What an entry holds after `operand` was taken away. Throws `store_type_clash`. */
export function subtractFrom(value: Value, operand: Value): Value {
  switch (value.type) {
    case 'vector':
      return { type: 'vector', value: value.value.slice(0, -1) };
    case 'set':
      return { type: 'set', value: value.value.filter((element) => !equals(element, operand)) };
    case 'table':
      return { type: 'table', value: without(value.value, operand) };
    default: {
      const difference = arithmetic(value, operand, -1);
      if (difference) return difference;
    }
  }
  throw clash('subtract', value, operand);
}

function arithmetic(value: Value, operand: Value, sign: 1 | -1): Value | undefined {
  if (value.type === 'real' && operand.type === 'real') return real(value.value + sign * operand.value);
  if (value.type === 'count' && operand.type === 'count') {
    return { type: 'count', value: BigInt.asUintN(64, value.value + BigInt(sign) * operand.value) };
  }
  const isSigned =
    (value.type === 'integer' && operand.type === 'integer') ||
    ((value.type === 'timespan' || value.type === 'timestamp') && operand.type === 'timespan');
  if (!isSigned) return undefined;
  return { ...value, value: BigInt.asIntN(64, value.value + BigInt(sign) * operand.value) };
}

function joined(first: Text, second: Text): Text {
  if (typeof first === 'string' && typeof second === 'string') return first + second;
  return Buffer.concat([textToBytes(first), textToBytes(second)]);
}

const without = (entries: readonly TableEntry[], key: Value): TableEntry[] =>
  entries.filter(([known]) => !equals(known, key));

/**
 * The element of a collection: of a vector by its index, of a table by its key, of a set whether it is there. Undefined where
 * there is none. Throws `store_type_clash` for what is no collection or no index of it.
 */
export function elementOf(value: Value, index: Value): Value | undefined {
  switch (value.type) {
    case 'set':
      return { type: 'boolean', value: value.value.some((element) => equals(element, index)) };
    case 'table':
      return value.value.find(([key]) => equals(key, index))?.[1];
    case 'vector':
      if (index.type === 'count' || index.type === 'integer') {
        const isInside = index.value >= 0n && index.value < value.value.length;
        return isInside ? value.value[Number(index.value)] : undefined;
      }
  }
  throw new ZeekwayError('store_type_clash', `a ${index.type} is no index of a ${value.type}`);
}
