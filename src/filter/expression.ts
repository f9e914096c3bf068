import type { Pattern } from './pattern.js';

/**
 * A filter that was checked against the fields of a log. It is two-valued: a test of an unset field does not hold, so
 * that its negation does. Two things are made of it, which agree on every row: SQL (storage/queries/filter-sql.ts) and
 * a predicate for live rows (predicate.ts).
 */

/** A column of a log's table. Zeek's type is `count`, `set[addr]`; PostgreSQL's `numeric(20,0)`, `inet[]`. */
export interface FilterColumn {
  readonly field: string;
  readonly zeekType: string;
  readonly sqlType: string;
  readonly column: string;
}

/** A value as it is compared: text of PostgreSQL for the statement, and what the predicate compares with. */
export interface Scalar {
  /** In PostgreSQL's notation of `sqlType`. */
  readonly text: string;
  readonly sqlType: string;
  readonly value: Comparable;
}

/**
 * What a stored value is for the predicate: int, count and port are bigint, double and interval (seconds) numbers, time
 * is microseconds since 1970 (bigint, or an infinity), all else the text that answers show.
 */
export type Comparable = boolean | bigint | number | string;

export type Order = '==' | '<' | '<=' | '>' | '>=';

/** A test of one value: of a column, or of an element of a set or vector. */
export type ValueTest =
  | { readonly kind: 'order'; readonly order: Order; readonly scalar: Scalar }
  /** One of several values, all of one type. */
  | { readonly kind: 'one-of'; readonly scalars: readonly Scalar[] }
  /** An address or a subnet that lies in the subnet. */
  | { readonly kind: 'within'; readonly subnet: string }
  | { readonly kind: 'matches'; readonly pattern: Pattern };

export type Test =
  | ValueTest
  /** It is set. */
  | { readonly kind: 'exists' }
  /** An element of the set or vector passes. */
  | { readonly kind: 'any'; readonly test: ValueTest }
  /** The characters of a text, the elements of a set or vector. */
  | { readonly kind: 'size'; readonly order: Order; readonly size: bigint }
  | { readonly kind: 'columns'; readonly order: Order; readonly other: FilterColumn };

export type Expression =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Expression[] }
  | { readonly kind: 'not'; readonly part: Expression }
  | { readonly kind: 'constant'; readonly value: boolean }
  | { readonly kind: 'test'; readonly column: FilterColumn; readonly test: Test };

export const NEVER: Expression = { kind: 'constant', value: false };

export const either = (parts: readonly Expression[]): Expression =>
  parts.length === 1 ? (parts[0] as Expression) : { kind: 'or', parts };

export const both = (parts: readonly Expression[]): Expression =>
  parts.length === 1 ? (parts[0] as Expression) : { kind: 'and', parts };

export const negated = (part: Expression): Expression => ({ kind: 'not', part });

/** `addr` of `set[addr]`; a scalar's type is its own. */
export const elementType = (zeekType: string): string =>
  /^(?:set|vector)\[(.+)\]$/.exec(zeekType)?.[1] ?? zeekType;

export const isContainer = ({ sqlType }: FilterColumn): boolean => sqlType.endsWith('[]');

/** PostgreSQL's type of a column's value, or of its elements. */
export const scalarSqlType = ({ sqlType }: Pick<FilterColumn, 'sqlType'>): string =>
  sqlType.replace(/\[\]$/, '');

/** Zeek's types whose values are texts. */
export const TEXT_TYPES: ReadonlySet<string> = new Set(['string', 'func', 'file', 'enum']);
