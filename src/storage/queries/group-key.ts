import pg from 'pg';
import { elementType, scalarSqlType } from '../../filter/expression.js';
import type { LogColumn, LogDescription } from './catalogue.js';
import { type RowSelection, selectionSql } from './rows.js';
import type { Values } from './values.js';

/**
 * By what rows are grouped. A field whose type has changed has several columns, of which a row has one: they are
 * grouped by all of them.
 */
export type GroupKey = { readonly columns: readonly LogColumn[] } & (
  | { readonly kind: 'value' }
  /** Each element of a set or vector: a row is in several groups. */
  | { readonly kind: 'element' }
  /** The subnet of an address. */
  | { readonly kind: 'subnet'; readonly v4: number; readonly v6: number }
  /** The time cut to buckets. */
  | { readonly kind: 'time'; readonly seconds: string }
);

/** From where buckets of time are counted: a Monday, before all times that Zeek has. */
const BIN_ORIGIN = '0001-01-01T00:00:00Z';

/** The beginning of the bucket that a time is in. @param seconds the width, a decimal number. */
export function timeBinSql(time: string, seconds: string, values: Values): string {
  return `date_bin(${values.add(`${seconds} s`, 'interval')}, ${time}, ${values.add(BIN_ORIGIN, 'timestamptz')})`;
}

/** The rows of a selection as `r`. */
export function rowsSql(log: LogDescription, selection: RowSelection, values: Values): string {
  const where = selectionSql(log, selection, values);
  return `(SELECT * FROM ${log.table}${where.length > 0 ? ` WHERE ${where.join(' AND ')}` : ''}) AS r`;
}

/** The value of a key of the rows `r`. Elements are joined as `name`: see `elementsSql`. */
export function keySql(key: GroupKey, column: LogColumn, name: string, values: Values): string {
  const value = `r.${pg.escapeIdentifier(column.column)}`;
  switch (key.kind) {
    case 'value':
      return value;
    case 'element':
      return `${name}.element`;
    case 'subnet': {
      const [v4, v6] = [values.add(String(key.v4), 'integer'), values.add(String(key.v6), 'integer')];
      return `network(set_masklen(${value}, CASE family(${value}) WHEN 4 THEN ${v4} ELSE ${v6} END))`;
    }
    case 'time':
      return timeBinSql(value, key.seconds, values);
  }
}

/** Joins the elements of a set or vector to the rows `r`; rows without any stay. */
export function elementsSql(column: LogColumn, name: string): string {
  const array = `r.${pg.escapeIdentifier(column.column)}`;
  // A row counts once, also where a vector has an element twice.
  const elements = column.zeekType.startsWith('vector')
    ? `(SELECT DISTINCT element FROM unnest(${array}) AS element)`
    : `unnest(${array})`;
  return `LEFT JOIN LATERAL ${elements} AS ${name}(element) ON true`;
}

/** What the values of a key are. */
export function keyType({ kind }: GroupKey, column: LogColumn): Pick<LogColumn, 'zeekType' | 'sqlType'> {
  if (kind === 'subnet') return { zeekType: 'subnet', sqlType: 'inet' };
  if (kind !== 'element') return column;
  return { zeekType: elementType(column.zeekType), sqlType: scalarSqlType(column) };
}
