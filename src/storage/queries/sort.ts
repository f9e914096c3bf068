import pg from 'pg';
import { SORT_TEXT_CHARS } from '../../core/limits.js';
import type { LogColumn } from './catalogue.js';
import type { Values } from './values.js';

/**
 * Rows in the order of a field. One whose type has changed has several columns: the rows of the first one come first. Where
 * it is not set comes last in both orders.
 */
export interface RowSort {
  readonly columns: readonly LogColumn[];
  readonly order: 'asc' | 'desc';
}

/** What rows are ordered by, and the type that values of it have. */
interface SortKey {
  readonly sql: string;
  readonly type: string;
  readonly order: 'asc' | 'desc';
}

/**
 * Texts are ordered by their bytes, and not by the language of the database, and only by their beginning: a cursor has to
 * fit into a URL.
 */
function sortKey({ column, sqlType }: LogColumn, order: RowSort['order']): SortKey {
  const name = pg.escapeIdentifier(column);
  const sql = sqlType === 'text' ? `left(${name}, ${SORT_TEXT_CHARS}) COLLATE "C"` : name;
  return { sql, type: sqlType, order };
}

/** The keys of a sort, then the time among equal ones. */
function sortKeys(sort: RowSort, time: string, order: RowSort['order']): SortKey[] {
  return [
    ...sort.columns.map((column) => sortKey(column, sort.order)),
    { sql: time, type: 'timestamptz', order },
  ];
}

/** What a page has to tell of its last row, besides the time, for the next one to begin there. */
export const sortValuesSql = ({ columns, order }: RowSort): string[] =>
  columns.map((column) => sortKey(column, order).sql);

/** ORDER BY. @param order of the time among equal values. */
export function sortSql(sort: RowSort, time: string, order: RowSort['order']): string {
  const keys = sortKeys(sort, time, order).map((key) => `${key.sql} ${key.order} NULLS LAST`);
  return [...keys, `tableoid ${order}`, `ctid ${order}`].join(', ');
}

/** The rows behind the one with these values, time and place. */
export function behindSql(
  sort: RowSort,
  time: string,
  order: RowSort['order'],
  after: {
    readonly values: readonly (string | null)[];
    readonly time: string | null;
    readonly partition: string;
    readonly ctid: string;
  },
  values: Values,
): string {
  const place = `(${values.add(after.partition, 'oid')}, ${values.add(after.ctid, 'tid')})`;
  const last = `(tableoid, ctid) ${order === 'asc' ? '>' : '<'} ${place}`;
  const at = [...after.values, after.time];
  return sortKeys(sort, time, order).reduceRight((behind, key, index) => {
    const value = at[index] ?? null;
    if (value === null) return `(${key.sql} IS NULL AND ${behind})`;
    const here = values.add(value, key.type);
    const sign = key.order === 'asc' ? '>' : '<';
    return `(${key.sql} ${sign} ${here} OR ${key.sql} IS NULL OR (${key.sql} = ${here} AND ${behind}))`;
  }, last);
}
