import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { Bridge } from '../../src/bridge/bridge.js';
import type { Database } from '../../src/storage/database.js';
import { ensureDays } from '../../src/storage/partitions/ensure-days.js';
import { maintain } from '../../src/storage/partitions/maintenance.js';
import { connItems, inMessages } from './conn-items.js';

/** conn rows of a busy site over some days: made by the bridge once, then many times by SQL with other values. */

/** Rows that the bridge makes; each further one is one of these with a time, UID, client and server of its own. */
const BASE_ROWS = 20_000;
const DAY_SECONDS = 86_400;

const silent = { info: () => {}, warn: () => {}, error: () => {} };
const clock = { now: () => performance.now(), wallNanos: () => BigInt(Date.now()) * 1_000_000n };

export interface QuestionData {
  /** The log's path. */
  readonly path: string;
  /** UTC midnight after the last day, seconds since 1970. */
  readonly end: number;
}

/** @param days ending with yesterday; the rows are spread evenly, and their partitions are sealed. */
export async function makeConn(
  db: Database,
  path: string,
  rows: number,
  days: number,
): Promise<QuestionData> {
  const base = `${path}_base`;
  const bridge = new Bridge({ db, writerId: randomUUID(), logger: silent, clock });
  // And the table of the log itself, by one record of it.
  await bridge.run(inMessages([...(await connItems(BASE_ROWS, base)), ...(await connItems(1, path))]));
  await bridge.close();
  const table = `logs.${pg.escapeIdentifier(path)}`;
  await db.pool.query(`TRUNCATE ${table}`);
  const lastDay = Math.floor(Date.now() / 1_000 / DAY_SECONDS) - 1;
  const all = Array.from({ length: days }, (_, index) => lastDay - days + 1 + index);
  await ensureDays(db, table, new Set(all), { backfill: true });
  const { rows: columns } = await db.pool.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [table],
  );
  const made = new Map([
    ['ts', 'to_timestamp($1::float8 + n * $2::float8)'],
    ['_received', 'to_timestamp($1::float8 + n * $2::float8 + 1)'],
    ['duration', 'CASE WHEN b.duration IS NOT NULL THEN exp(random() * 9 - 3) END'],
    ['uid', `'C' || left(md5($3::text || n), 17)`],
    ['id.orig_h', `set_masklen('10.0.0.0'::inet + (power(random(), 2) * 65535)::int, 32)`],
    ['id.resp_h', `set_masklen('192.168.0.0'::inet + (power(random(), 3) * 65535)::int, 32)`],
    ['community_id', `'1:' || left(md5(n || $3::text), 27) || '='`],
  ]);
  const names = columns.map(({ name }) => pg.escapeIdentifier(name));
  const values = columns.map(({ name }) => made.get(name) ?? `b.${pg.escapeIdentifier(name)}`);
  const perDay = Math.floor(rows / days);
  for (const day of all) {
    await db.pool.query(
      `INSERT INTO ${table} (${names.join(', ')})
       SELECT ${values.join(', ')} FROM generate_series(0, ${perDay - 1}) AS n
         JOIN (SELECT *, row_number() OVER () - 1 AS number FROM logs.${pg.escapeIdentifier(base)}) AS b
           ON b.number = n % ${BASE_ROWS} ORDER BY n`,
      [day * DAY_SECONDS, DAY_SECONDS / perDay, String(day)],
    );
  }
  await maintain(db, { now: Date.now(), paths: [path] });
  await db.pool.query(`VACUUM ANALYZE ${table}`);
  return { path, end: (lastDay + 1) * DAY_SECONDS };
}
