import { Address, Subnet } from '../codec/address.js';
import { elementType, scalarSqlType } from '../filter/expression.js';
import type { LogColumn, Source } from '../storage/queries/catalogue.js';
import type { Cell } from '../storage/queries/query.js';
import { timeFromSql } from './times.js';

/** A value in an answer. docs/api.md has the table of Zeek's types and what they become. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/** Integers beyond 2^53 - 1 would lose digits in most JSON readers: they are strings. */
function integerFromSql(text: string): number | string {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : text;
}

/** NaN, Infinity and -Infinity have no number in JSON: they stay strings. */
function realFromSql(text: string): number | string {
  const value = Number(text);
  return Number.isFinite(value) ? value : text;
}

/** IPv6 whose end PostgreSQL writes in dots is written as any other. */
const isDotted6 = (text: string): boolean => text.includes('.') && text.includes(':');

/** An address as answers show it. */
export const addressFromSql = (text: string): string =>
  isDotted6(text) ? Address.parse(text).toString() : text;

/** inet leaves out the prefix length of a single address; a subnet always shows it. */
export function subnetFromSql(text: string): string {
  const whole = text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`;
  return isDotted6(whole) ? Subnet.parse(whole).toString() : whole;
}

/** What tells how a value is shown. */
export type ValueType = Pick<LogColumn, 'zeekType' | 'sqlType'>;

function scalarReader(type: ValueType): (text: string) => JsonValue {
  switch (scalarSqlType(type)) {
    case 'boolean':
      return (text) => text === 't';
    case 'bigint':
    case 'integer':
    case 'numeric(20,0)':
      return integerFromSql;
    case 'double precision':
      return realFromSql;
    case 'timestamptz':
      return timeFromSql;
    case 'inet':
      return elementType(type.zeekType) === 'subnet' ? subnetFromSql : addressFromSql;
    default:
      return (text) => text;
  }
}

/** Turns the cells of a column, or what has such a type, into JSON values; `null` inside of an array is a hole in a vector. */
export function cellReader(column: ValueType): (cell: Exclude<Cell, null>) => JsonValue {
  const scalar = scalarReader(column);
  return (cell) =>
    typeof cell === 'string' ? scalar(cell) : cell.map((item) => (item === null ? null : scalar(item)));
}

/**
 * The key of a column in rows: the field's name. Where that is taken (the field has had another type before,
 * or is named like one of ours) it is the column's name, which /fields shows.
 */
export function columnKeys(columns: readonly LogColumn[]): Map<LogColumn, string> {
  const taken = new Set(['_received', '_source']);
  return new Map(
    columns.map((column) => {
      const key = taken.has(column.field) ? column.column : column.field;
      taken.add(key);
      return [column, key];
    }),
  );
}

/** A text as it is stored: PostgreSQL takes no NUL, which is kept as `\x00` and shown so in answers. */
export const storedText = (text: string): string => text.replaceAll('\0', '\\x00');

/** Where a row came from, as answers show it. */
export function sourceJson(source: Source | undefined): { [key: string]: JsonValue } {
  if (!source) return {};
  const { kind, name, peer, node } = source;
  return { kind, name, ...(peer === '' ? {} : { peer }), ...(node === null ? {} : { node }) };
}
