import { type Cell, firstRows, type Query } from './query.js';
import type { Order } from './rows.js';

/** What the tables that are read by their ascending `id` have in common. */
export interface ByIdRequest {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly order: Order;
  readonly limit: number;
  /** The `id` of the last row of the page before. */
  readonly after?: string | undefined;
}

export interface Page<T> {
  readonly rows: readonly T[];
  /** The `id` behind which the next page begins; absent on the last one. */
  readonly next?: string;
}

type Value = string | readonly string[];

/** Conditions joined by AND, `?` being the place of a value. Those whose value is `undefined` fall away. */
export function whereSql(parts: readonly (readonly [sql: string, value: Value | undefined])[]): {
  sql: string;
  values: Value[];
} {
  const values: Value[] = [];
  const conditions: string[] = [];
  for (const [sql, value] of parts) {
    if (value === undefined) continue;
    values.push(value);
    conditions.push(sql.replaceAll('?', `$${values.length}`));
  }
  return { sql: conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '', values };
}

export const afterSql = (order: Order): string => `id ${order === 'asc' ? '>' : '<'} ?::bigint`;
const tailSql = ({ order, limit }: ByIdRequest): string => `ORDER BY id ${order} LIMIT ${limit + 1}`;

export async function page<T extends { readonly id: string }>(
  query: Query,
  select: string,
  values: readonly Value[],
  request: ByIdRequest,
  row: (cells: Cell[]) => T,
): Promise<Page<T>> {
  const found = await firstRows(query, `${select} ${tailSql(request)}`, values, request.limit);
  const rows = found.rows.map(row);
  const last = rows.at(-1);
  return found.hasMore && last ? { rows, next: last.id } : { rows };
}
