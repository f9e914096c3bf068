import type { Database } from '../../../src/storage/database.js';
import { type ColumnSpec, ensureLogTable, type LogTable } from '../../../src/storage/log-tables.js';
import { DAY_MS } from '../../../src/storage/partitions/day.js';
import { ensureDays } from '../../../src/storage/partitions/ensure-days.js';

export const day = (date: string): number => Date.parse(`${date}T00:00:00Z`) / DAY_MS;

/** The time that these tests are at. */
export const NOW = Date.parse('2026-11-24T10:00:00Z');
export const TODAY = day('2026-11-24');

const SPECS: readonly ColumnSpec[] = [
  { field: 'ts', zeekType: 'time', sqlType: 'timestamptz' },
  { field: 'uid', zeekType: 'string', sqlType: 'text' },
  { field: 'id.orig_h', zeekType: 'addr', sqlType: 'inet' },
  { field: 'id.resp_h', zeekType: 'addr', sqlType: 'inet' },
];

export const makeLog = (
  db: Database,
  path: string,
  specs: readonly ColumnSpec[] = SPECS,
): Promise<LogTable> => ensureLogTable(db, { path, stream: 'Test::LOG' }, specs);

/** Rows of the given times (`null`: without), the uid being their place. */
export async function insert(db: Database, table: string, times: readonly (string | null)[]): Promise<void> {
  await db.pool.query(
    `INSERT INTO ${table} (ts, uid, _received, _source)
     SELECT ts, 'C' || place, '2026-11-24 10:00:00+00', 1
       FROM unnest($1::timestamptz[]) WITH ORDINALITY AS t (ts, place)`,
    [times],
  );
}

/** A log whose partition of yesterday is too large to be sealed at once. */
export async function makeLargeYesterday(db: Database): Promise<LogTable> {
  const log = await makeLog(db, 'conn');
  await ensureDays(db, log.table, new Set([TODAY - 1]), { now: NOW });
  await db.pool.query(
    `INSERT INTO ${log.table} (ts, uid, _received, _source) SELECT '2026-11-23T00:00:00Z', 'C' || n, now(), 1
       FROM generate_series(1, 300000) n`,
  );
  return log;
}

/** How many rows each partition has, those without any too. */
export async function rowsByPartition(db: Database, table: string): Promise<Record<string, number>> {
  const { rows } = await db.pool.query<{ name: string }>(
    'SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::regclass ORDER BY 1',
    [table],
  );
  const counts: [string, number][] = [];
  for (const { name } of rows) {
    const counted = await db.pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${name}`);
    counts.push([name.replace('log_partitions.', ''), counted.rows[0]?.n ?? -1]);
  }
  return Object.fromEntries(counts);
}

/** Indexes of a relation: method, column and operators, sorted. */
export async function indexesOf(db: Database, relation: string): Promise<string[]> {
  const { rows } = await db.pool.query<{ index: string }>(
    `SELECT regexp_replace(pg_get_indexdef(indexrelid), '^.* USING ', '') ||
            CASE WHEN indisvalid THEN '' ELSE ' INVALID' END AS index
       FROM pg_index WHERE indrelid = $1::regclass ORDER BY 1`,
    [relation],
  );
  return rows.map(({ index }) => index.replace(/ WITH .*?\)/, ''));
}

/** Holds a lock on a table, as a long query does, until the returned function is called. */
export async function hold(db: Database, statement: string): Promise<() => Promise<void>> {
  const client = await db.pool.connect();
  await client.query('BEGIN');
  await client.query(statement);
  return async () => {
    await client.query('ROLLBACK');
    client.release();
  };
}

/** Waits until a statement of this database is blocked by a lock. @param like a pattern of the statement. */
export async function untilBlocked(db: Database, like: string): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const { rows } = await db.pool.query(
      `SELECT 1 FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1`,
      [like],
    );
    if (rows.length > 0) return;
    if (performance.now() > deadline) throw new Error(`waited a minute in vain until ${like} is blocked`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
