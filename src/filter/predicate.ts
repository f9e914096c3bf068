import { Address, Subnet } from '../codec/address.js';
import { isAbsent, type LogValue } from '../codec/log-record.js';
import { storedMicros } from '../codec/micros.js';
import { displayText, escapeText, nameToBytes } from '../codec/text.js';
import type { Comparable, Expression, FilterColumn, Order, Test, ValueTest } from './expression.js';
import { finder } from './pattern.js';

/** The value that a row has in a column; `undefined` where it has none. */
type ReadColumn = (column: FilterColumn) => LogValue | undefined;

/** Whether a live row passes a filter, as `filterSql` says of the same row once it is stored. */
export type Predicate = (read: ReadColumn) => boolean;

type ValuePredicate = (value: LogValue) => boolean;

export function makePredicate(expression: Expression): Predicate {
  switch (expression.kind) {
    case 'and': {
      const parts = expression.parts.map(makePredicate);
      return (read) => parts.every((part) => part(read));
    }
    case 'or': {
      const parts = expression.parts.map(makePredicate);
      return (read) => parts.some((part) => part(read));
    }
    case 'not': {
      const part = makePredicate(expression.part);
      return (read) => !part(read);
    }
    case 'constant':
      return () => expression.value;
    case 'test':
      return testPredicate(expression.column, expression.test);
  }
}

function testPredicate(column: FilterColumn, test: Test): Predicate {
  if (test.kind === 'columns') {
    const { order, other } = test;
    return (read) => {
      const [one, two] = [stored(read(column)), stored(read(other))];
      return one !== undefined && two !== undefined && inOrder(order, compare(one, two));
    };
  }
  const passes = columnPredicate(test);
  return (read) => {
    const value = read(column);
    return value !== undefined && !isAbsent(value) && passes(value);
  };
}

function columnPredicate(test: Exclude<Test, { kind: 'columns' }>): ValuePredicate {
  switch (test.kind) {
    case 'exists':
      // A time that PostgreSQL cannot hold may be stored as NULL.
      return (value) => value.type === 'table' || value.type === 'vector' || stored(value) !== undefined;
    case 'size':
      return (value) => inOrder(test.order, compare(sizeOf(value), test.size));
    case 'any': {
      const passes = valuePredicate(test.test);
      return (value) => elementsOf(value).some((element) => !isAbsent(element) && passes(element));
    }
    default:
      return valuePredicate(test);
  }
}

function valuePredicate(test: ValueTest): ValuePredicate {
  switch (test.kind) {
    case 'order': {
      const { order, scalar } = test;
      return (value) => {
        const known = stored(value);
        return known !== undefined && inOrder(order, compare(known, scalar.value));
      };
    }
    case 'one-of': {
      const { scalars } = test;
      return (value) => {
        const known = stored(value);
        return known !== undefined && scalars.some((scalar) => compare(known, scalar.value) === 0);
      };
    }
    case 'within': {
      const subnet = Subnet.parse(test.subnet);
      return (value) => 'value' in value && isWithin(value.value, subnet);
    }
    case 'matches': {
      const found = finder(test.pattern);
      return (value) => {
        const text = stored(value);
        return typeof text === 'string' && found(text);
      };
    }
  }
}

const elementsOf = (value: LogValue): readonly LogValue[] =>
  'value' in value && Array.isArray(value.value) ? value.value : [];

function sizeOf(value: LogValue): bigint {
  const text = stored(value);
  // Characters, not UTF-16's halves of them.
  return BigInt(typeof text === 'string' ? [...text].length : elementsOf(value).length);
}

/** PostgreSQL knows two families of addresses, and a subnet of the one has none of the other. */
function isWithin(value: unknown, subnet: Subnet): boolean {
  if (!(value instanceof Address) && !(value instanceof Subnet)) return false;
  return value.toString().includes(':') === subnet.toString().includes(':') && subnet.contains(value);
}

/** What the database has for a scalar; `undefined` for NULL. */
function stored(value: LogValue | undefined): Comparable | undefined {
  if (value === undefined || isAbsent(value)) return undefined;
  switch (value.type) {
    case 'time':
      return storedMicros(value.value);
    case 'port':
      return BigInt(value.value.number);
    case 'addr':
    case 'subnet':
      return value.value.toString();
    case 'enum':
      return escapeText(nameToBytes(value.value));
    case 'string':
    case 'func':
    case 'file':
      return displayText(value.value);
    case 'table':
    case 'vector':
      return undefined;
    default:
      return value.value;
  }
}

/** PostgreSQL's order: texts by their bytes, NaN behind all numbers and equal to itself. */
function compare(one: Comparable, other: Comparable): number {
  if (typeof one === 'string' && typeof other === 'string') {
    return one === other ? 0 : Buffer.compare(Buffer.from(one), Buffer.from(other));
  }
  if (Number.isNaN(one)) return Number.isNaN(other) ? 0 : 1;
  if (Number.isNaN(other)) return -1;
  // biome-ignore lint/suspicious/noDoubleEquals: a bigint and a number of one value are equal
  return one == other ? 0 : one < other ? -1 : 1;
}

function inOrder(order: Order, compared: number): boolean {
  switch (order) {
    case '==':
      return compared === 0;
    case '<':
      return compared < 0;
    case '<=':
      return compared <= 0;
    case '>':
      return compared > 0;
    case '>=':
      return compared >= 0;
  }
}
