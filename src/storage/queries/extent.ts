import { type LogDescription, timeColumn } from './catalogue.js';
import { type Query, textOrNull } from './query.js';

/**
 * Where the times of a log lie, without reading all of it. Rows are appended as they come, so the earliest
 * and latest times are at the ends of the table, unless an old capture was added in between.
 */

/** Smaller tables are read in whole: some ten thousand rows, a few milliseconds. */
const SMALL_BYTES = 8 * 1024 * 1024;
/** Pages at each end of a larger table that are looked at. */
const END_PAGES = 64;

/** How many rows a log has, and from when to when they are. */
export interface LogExtent {
  readonly rows: number;
  /** False where the figures are estimates. */
  readonly exact: boolean;
  /** PostgreSQL's text of a time, UTC; `null` where there is none. */
  readonly first: string | null;
  readonly last: string | null;
}

/** The tid at which the last pages of the table begin; `undefined` for a small table. */
async function tailOf(query: Query, log: LogDescription): Promise<string | undefined> {
  const [row] = await query(
    `SELECT size > ${SMALL_BYTES}, size / current_setting('block_size')::bigint - ${END_PAGES}
       FROM pg_relation_size($1::regclass) AS size`,
    [log.table],
  );
  return row?.[0] === 't' ? `(${row[1]},0)` : undefined;
}

/** The extent of a log: exact for a small table; for a large one its ends and the planner's estimate. */
export async function logExtent(query: Query, log: LogDescription): Promise<LogExtent> {
  const time = timeColumn(log).quoted;
  const tail = await tailOf(query, log);
  if (tail === undefined) {
    const [row] = await query(`SELECT count(*), min(${time}), max(${time}) FROM ${log.table}`);
    return { rows: Number(row?.[0]), exact: true, first: textOrNull(row?.[1]), last: textOrNull(row?.[2]) };
  }
  const [plan] = await query(`EXPLAIN (FORMAT JSON) SELECT 1 FROM ${log.table}`);
  const [ends] = await query(
    `SELECT min(first), max(last) FROM (
       (SELECT min(${time}) AS first, max(${time}) AS last FROM ${log.table} WHERE ctid < $1::tid)
       UNION ALL
       (SELECT min(${time}), max(${time}) FROM ${log.table} WHERE ctid >= $2::tid)) AS ends`,
    [`(${END_PAGES},0)`, tail],
  );
  return {
    rows: plannedRows(String(plan?.[0])),
    exact: false,
    first: textOrNull(ends?.[0]),
    last: textOrNull(ends?.[1]),
  };
}

function plannedRows(explained: string): number {
  const [{ Plan: plan } = { Plan: undefined }] = JSON.parse(explained) as {
    Plan?: { 'Plan Rows': number };
  }[];
  return plan?.['Plan Rows'] ?? 0;
}

/** Each window is as much longer than the one before that trying them all costs little. */
const WINDOW_SECONDS = [1, 16, 256, 4_096, 65_536, 1_048_576, 16_777_216];

export interface WindowRequest {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly order: 'asc' | 'desc';
  /** The time at which the page before ended. */
  readonly after?: string | undefined;
}

/**
 * Ever longer windows at the end of a large table (or of the range, or where the page before ended) where
 * the first rows of the order should be. A BRIN index finds the rows of a window, but cannot give a whole
 * table in order: without windows, the newest hundred rows cost reading them all (3 million rows: 1 s
 * instead of 20 ms). Whatever the windows are, one that has enough rows has the right ones. None for a small
 * table; none that would be all of it.
 */
export async function timeWindows(
  query: Query,
  log: LogDescription,
  request: WindowRequest,
): Promise<{ from?: string; to?: string }[]> {
  const tail = await tailOf(query, log);
  if (tail === undefined) return [];
  const time = timeColumn(log).quoted;
  const isDesc = request.order === 'desc';
  const [near, far] = isDesc ? [request.to, request.from] : [request.from, request.to];
  const [nearer, farther] = isDesc ? ['least', 'greatest'] : ['greatest', 'least'];
  const [head, foot] = isDesc ? ['max', 'min'] : ['min', 'max'];
  const [atHead, atFoot] = isDesc
    ? ['ctid >= $1::tid', 'ctid < $2::tid']
    : ['ctid < $2::tid', 'ctid >= $1::tid'];
  const rows = await query(
    `SELECT bound FROM (
       SELECT ${nearer}((SELECT ${head}(${time}) FROM ${log.table} WHERE ${atHead}),
                     nullif($3, '')::timestamptz, nullif($4, '')::timestamptz) AS near,
              ${farther}((SELECT ${foot}(${time}) FROM ${log.table} WHERE ${atFoot}),
                     nullif($5, '')::timestamptz) AS far) AS ends,
       unnest(ARRAY[${WINDOW_SECONDS.join(', ')}]) AS seconds,
       LATERAL (SELECT near ${isDesc ? '-' : '+'} seconds * interval '1 s' AS bound) AS bounds
      WHERE isfinite(near) AND bound ${isDesc ? '>' : '<'} far
      ORDER BY seconds`,
    [tail, `(${END_PAGES},0)`, near ?? '', request.after ?? '', far ?? ''],
  );
  return rows.map(([bound]) => (isDesc ? { from: String(bound) } : { to: String(bound) }));
}
