import type { LogDescription } from './catalogue.js';
import { elementsSql, type GroupKey, keySql, keyType, rowsSql } from './group-key.js';
import { type Metric, metricSql } from './metric.js';
import { type Cell, firstRows, type Query } from './query.js';
import { narrowed, type Order, type RowSelection } from './rows.js';
import { Values } from './values.js';

export interface AggregateRequest extends RowSelection {
  /** None: all rows are one group. */
  readonly keys: readonly GroupKey[];
  readonly metrics: readonly Metric[];
  /** By which key or metric the groups are sorted; equal ones by their keys. */
  readonly sort: { readonly of: 'key' | 'metric'; readonly index: number; readonly order: Order };
  readonly limit: number;
}

/** A group of rows. */
export interface Group {
  /** Of each key the cells of its columns. */
  readonly keys: readonly (readonly Cell[])[];
  readonly metrics: readonly Cell[];
}

/** A column of the groups: its name, and how it is sorted. */
interface GroupColumn {
  readonly name: string;
  readonly sql: string;
  readonly collation: string;
}

/** The first groups of the order, and whether there are more. */
export async function aggregateRows(
  query: Query,
  log: LogDescription,
  asked: AggregateRequest,
): Promise<{ groups: Group[]; hasMore: boolean }> {
  const request = narrowed(log, asked);
  const values = new Values();
  const joins: string[] = [];
  const keys = request.keys.map((key, index) =>
    key.columns.map((column, place): GroupColumn => {
      const [name, element] = [`k${index}_${place}`, `e${index}_${place}`];
      if (key.kind === 'element') joins.push(elementsSql(column, element));
      const collation = keyType(key, column).sqlType === 'text' ? ' COLLATE "C"' : '';
      return { name, sql: keySql(key, column, element, values), collation };
    }),
  );
  const metrics = request.metrics.map((metric, index): GroupColumn => {
    return { name: `m${index}`, sql: metricSql(metric, values), collation: '' };
  });
  const columns = [...keys.flat(), ...metrics];
  const grouped = keys.flat().map((_, index) => index + 1);
  const found = await firstRows(
    query,
    `SELECT ${columns.map(({ name }) => name).join(', ')}
       FROM (SELECT ${columns.map(({ name, sql }) => `${sql} AS ${name}`).join(', ')}
               FROM ${rowsSql(log, request, values)}
               ${joins.join(' ')}
              ${grouped.length > 0 ? `GROUP BY ${grouped.join(', ')}` : ''}) AS groups
      ORDER BY ${orderSql(request.sort, keys, metrics)}
      LIMIT ${request.limit + 1}`,
    values.list,
    request.limit,
  );
  return { groups: found.rows.map((row) => groupOf(row, keys)), hasMore: found.hasMore };
}

/** What is not set comes last in both orders. */
function orderSql(
  { of, index, order }: AggregateRequest['sort'],
  keys: readonly (readonly GroupColumn[])[],
  metrics: readonly GroupColumn[],
): string {
  const first = of === 'key' ? (keys[index] ?? []) : metrics.slice(index, index + 1);
  const by = (column: GroupColumn, direction: Order): string =>
    `${column.name}${column.collation} ${direction} NULLS LAST`;
  return [
    ...first.map((column) => by(column, order)),
    ...keys
      .flat()
      .filter((column) => !first.includes(column))
      .map((column) => by(column, 'asc')),
  ].join(', ');
}

function groupOf(row: readonly Cell[], keys: readonly (readonly GroupColumn[])[]): Group {
  let at = 0;
  const cells = keys.map(({ length }) => {
    at += length;
    return row.slice(at - length, at);
  });
  return { keys: cells, metrics: row.slice(at) };
}
