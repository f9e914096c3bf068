import { partitionsSql } from '../partitions/list.js';
import type { LogDescription } from './catalogue.js';
import { type Query, textOf, textOrNull } from './query.js';

/**
 * What a log's table consists of: its partitions, or the table itself where it has none. Questions about the ends of a
 * log are asked of single pieces: a query of the whole table must lock and plan them all.
 */
export interface Piece {
  /** Quoted and qualified. */
  readonly table: string;
  /** PostgreSQL's text of the bounds, UTC; `null` where the piece may have rows of any time. */
  readonly low: string | null;
  readonly high: string | null;
  readonly bytes: number;
  /** The planner's figures of the last ANALYZE; `rows` is -1 before the first. */
  readonly rows: number;
  readonly pages: number;
  /** Pages now. */
  readonly pagesNow: number;
}

/**
 * The rows of a piece as the planner reckons them: those that a page had at the last ANALYZE, times the pages that there
 * are. `undefined` before the first.
 */
export function knownRows({
  rows,
  pages,
  pagesNow,
}: Omit<Piece, 'table' | 'low' | 'high' | 'bytes'>): number | undefined {
  return rows < 0 || pages === 0 ? undefined : (rows / pages) * pagesNow;
}

/** The pieces that hold anything, by time; the one without bounds first. */
export async function piecesOf(query: Query, log: LogDescription): Promise<Piece[]> {
  const found = await query(
    `SELECT name, low, high, bytes, reltuples, relpages, bytes / current_setting('block_size')::bigint
       FROM (SELECT p.*, pg_relation_size(p.oid) AS bytes FROM (${partitionsSql('$1::regclass')}) AS p
             UNION ALL
             SELECT oid, $2, relpages, reltuples, NULL, NULL, NULL, NULL, pg_relation_size(oid)
               FROM pg_class WHERE oid = $1::regclass AND relkind = 'r') AS pieces
      WHERE bytes > 0 ORDER BY low NULLS FIRST`,
    [log.table, log.table],
  );
  return found.map(([table, low, high, bytes, rows, pages, pagesNow]) => ({
    table: textOf(table),
    low: textOrNull(low),
    high: textOrNull(high),
    bytes: Number(bytes),
    rows: Number(rows),
    pages: Number(pages),
    pagesNow: Number(pagesNow),
  }));
}
