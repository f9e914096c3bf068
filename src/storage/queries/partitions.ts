import pg from 'pg';
import {
  EARLIEST_PARTITION_DAY,
  PARTITION_DAYS_BACK,
  PARTITION_REPORT_DAYS,
  PARTITION_REPORT_ROWS,
} from '../../core/limits.js';
import { dayOf, lastDay } from '../partitions/day.js';
import { limitOf, SERVER_LOCKS_SQL } from '../partitions/limit.js';
import { KEYS_SQL, partitionsSql } from '../partitions/list.js';
import { knownRows } from './pieces.js';
import { type Cell, type Query, textOf, textOrNull } from './query.js';

/** The partitions of the logs, for people: from PostgreSQL's catalogue and files, without reading rows. */

export interface StoredPartition {
  /** Quoted and qualified: `log_partitions.conn_20261124`. */
  readonly table: string;
  /**
   * The UTC days with which it begins and ends (PostgreSQL's text of a date: `2026-11-24`, `-infinity`), the same but
   * where somebody made it by hand; `null` for the default one.
   */
  readonly first: string | null;
  readonly last: string | null;
  readonly isDefault: boolean;
  readonly isSealed: boolean;
  /** The planner's estimate; `undefined` before the first ANALYZE. */
  readonly rows: number | undefined;
  /** Of the rows, with what they have out of line, and of the indexes. */
  readonly bytes: number;
  readonly indexBytes: number;
}

export interface LogPartitions {
  readonly path: string;
  /** Quoted and qualified. */
  readonly table: string;
  /** The column by which it is partitioned, unquoted; `undefined` for a table that is not partitioned by days. */
  readonly key: string | undefined;
  /** The default partition, then the others by time; of a table that is not partitioned by days only itself. */
  readonly pieces: readonly StoredPartition[];
}

/** How many partitions a log may have on this server. */
export async function serverLimit(query: Query): Promise<number> {
  const [row] = await query(`SELECT ${SERVER_LOCKS_SQL}`);
  return limitOf(Number(row?.[0]));
}

/** The pieces of the tables `t` with the keys `k`. */
const PIECES_SQL = `
  SELECT oid, name, relpages, reltuples, is_default, low, high, is_sealed FROM (${partitionsSql('k.oid')}) AS partitions
  UNION ALL
  SELECT t.oid, format('logs.%I', t.relname), t.relpages, t.reltuples, false, NULL, NULL, false WHERE k.oid IS NULL`;

/** All logs, or the one of the path, sorted by path. Those whose table somebody dropped are left out. */
export async function logPartitions(query: Query, path?: string): Promise<LogPartitions[]> {
  const rows = await query(
    `SELECT l.path, l.table_name, k.key, p.name, low::date,
            (high - interval '1 us')::date, is_default, is_sealed, p.reltuples, p.relpages,
            pg_relation_size(p.oid) / current_setting('block_size')::bigint, pg_table_size(p.oid), pg_indexes_size(p.oid)
       FROM zeekway.logs l
       JOIN pg_class t ON t.oid = to_regclass(format('logs.%I', l.table_name))
       LEFT JOIN (${KEYS_SQL}) AS k ON k.oid = t.oid
       LEFT JOIN LATERAL (${PIECES_SQL}) AS p ON true
      ${path === undefined ? '' : 'WHERE l.path = $1'}
      ORDER BY l.path COLLATE "C", is_default DESC, low, p.name`,
    path === undefined ? [] : [path],
  );
  const logs = new Map<string, LogPartitions & { pieces: StoredPartition[] }>();
  for (const [rowPath, table, key, ...cells] of rows) {
    const log = logs.get(textOf(rowPath)) ?? {
      path: textOf(rowPath),
      table: `logs.${pg.escapeIdentifier(textOf(table))}`,
      key: textOrNull(key) ?? undefined,
      pieces: [],
    };
    logs.set(log.path, log);
    const piece = storedPartition(cells);
    if (piece !== undefined) log.pieces.push(piece);
  }
  return [...logs.values()];
}

/** `undefined` where there is none, or it was dropped a moment ago. */
function storedPartition(cells: Cell[]): StoredPartition | undefined {
  const [table, first, last, isDefault, isSealed, rows, pages, pagesNow, bytes, indexBytes] = cells;
  if (textOrNull(table) === null || textOrNull(bytes) === null) return undefined;
  const figures = { rows: Number(rows), pages: Number(pages), pagesNow: Number(pagesNow) };
  return {
    table: textOf(table),
    first: textOrNull(first),
    last: textOrNull(last),
    isDefault: isDefault === 't',
    isSealed: isSealed === 't',
    rows: figures.pagesNow === 0 ? 0 : knownRows(figures),
    bytes: Number(bytes),
    indexBytes: Number(indexBytes),
  };
}

/**
 * Why rows are in the default partition: they have no time; their day is none that records can be of (before 1995, or
 * too far ahead); it is so long ago that it gets a partition only when it has enough rows; or the maintenance has not
 * moved them yet.
 */
export const WAITING_REASONS = ['no_time', 'too_early', 'too_late', 'old', 'recent'] as const;
export type WaitingReason = (typeof WAITING_REASONS)[number];

/** Rows of a default partition that are of one day. */
interface WaitingRows {
  /** PostgreSQL's text of the date, or `infinity`; `null` where they have no time. */
  readonly day: string | null;
  readonly reason: WaitingReason;
  readonly rows: number;
}

/** @param day since the Unix epoch; infinite ones too. */
function reasonOf(day: number, now: number): WaitingReason {
  if (day < EARLIEST_PARTITION_DAY) return 'too_early';
  if (day > lastDay(now)) return 'too_late';
  return day < dayOf(now) - PARTITION_DAYS_BACK ? 'old' : 'recent';
}

/** What is in a default partition. */
export interface DefaultRows {
  readonly rows: number;
  /** False where there are PARTITION_REPORT_ROWS or more: `rows` is estimated then, and `days` are of so many. */
  readonly exact: boolean;
  /** The days with the most rows, PARTITION_REPORT_DAYS at most. */
  readonly days: readonly WaitingRows[];
}

/**
 * Looks into a default partition.
 * @param key the column by which the log is partitioned, unquoted.
 * @param now milliseconds since the Unix epoch.
 */
export async function defaultRows(
  query: Query,
  key: string,
  { table, rows: estimated = 0 }: StoredPartition,
  now: number,
): Promise<DefaultRows> {
  const found = await query(
    `SELECT day::date, extract(epoch FROM day) / 86400, count(*), sum(count(*)) OVER ()
       FROM (SELECT date_trunc('day', ${pg.escapeIdentifier(key)}) AS day
               FROM ONLY ${table} LIMIT ${PARTITION_REPORT_ROWS}) AS rows
      GROUP BY day ORDER BY count(*) DESC, day LIMIT ${PARTITION_REPORT_DAYS}`,
  );
  const read = Number(found[0]?.[3] ?? 0);
  const exact = read < PARTITION_REPORT_ROWS;
  return {
    rows: exact ? read : Math.max(read, Math.round(estimated)),
    exact,
    days: found.map(([day, number, rows]) => ({
      day: textOrNull(day),
      reason: typeof number === 'string' ? reasonOf(Number(number), now) : 'no_time',
      rows: Number(rows),
    })),
  };
}
