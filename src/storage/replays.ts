import type pg from 'pg';
import type { Database } from './database.js';
import { isMissingError, toDatabaseError } from './database-error.js';
import { inTransaction, LOCKS, lockKey } from './transaction.js';

/** A replay that has begun; its lock on the file's digest is held until it is finished or abandoned. */
export interface RunningReplay {
  readonly status: 'new';
  readonly id: number;
  /** The connection that holds the lock. */
  readonly lock: pg.PoolClient;
}

export type ReplayStart =
  | RunningReplay
  /** The same bytes were replayed before: when, and how many rows each log got. */
  | { readonly status: 'done'; readonly finished: Date; readonly items: Record<string, number> }
  /** Another zeekway replays the same bytes now. */
  | { readonly status: 'busy' };

interface FinishedRow {
  finished: Date;
  items: Record<string, number>;
}

/**
 * Removes the rows of a log, from one partition after the other, each in a transaction of its own: all together may be
 * more than the server has locks for. Meanwhile no partition is made, and no row moved from one to another.
 */
async function removeRows(db: Database, lock: pg.PoolClient, log: number, sources: number[]): Promise<void> {
  const key = [LOCKS.partitions, lockKey(log)];
  await lock.query('SELECT pg_advisory_lock($1, $2)', key);
  const { rows } = await db.pool.query<{ name: string }>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'r' AND (c.oid = $1 OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = $1))`,
    [log],
  );
  for (const { name } of rows) {
    try {
      await db.pool.query(`DELETE FROM ONLY ${name} WHERE _source = ANY($1::int[])`, [sources]);
    } catch (error) {
      // Dropped in the meantime.
      if (!isMissingError(error)) throw error;
    }
  }
  await lock.query('SELECT pg_advisory_unlock($1, $2)', key);
}

/** Runs of the digest that were not finished leave nothing behind. */
async function removeUnfinished(db: Database, lock: pg.PoolClient, digest: string): Promise<void> {
  const runs = await db.pool.query<{ id: number }>(
    'SELECT id FROM zeekway.replays WHERE digest = $1 AND finished IS NULL',
    [digest],
  );
  if (runs.rows.length === 0) return;
  const replays = runs.rows.map(({ id }) => id);
  const found = await db.pool.query<{ id: number }>(
    'SELECT id FROM zeekway.sources WHERE replay = ANY($1::int[])',
    [replays],
  );
  const sources = found.rows.map(({ id }) => id);
  const logs = await db.pool.query<{ oid: number }>(
    `SELECT c.oid FROM zeekway.logs JOIN pg_class c ON c.oid = to_regclass(format('logs.%I', table_name))
      ORDER BY table_name`,
  );
  for (const { oid } of logs.rows) await removeRows(db, lock, oid, sources);
  await inTransaction(db, 'remove an unfinished replay', async (client) => {
    for (const table of ['events', 'identifiers', 'dead_letters']) {
      await client.query(`DELETE FROM zeekway.${table} WHERE source = ANY($1::int[])`, [sources]);
    }
    // By the sources the rows are found: these go last.
    await client.query('DELETE FROM zeekway.sources WHERE id = ANY($1::int[])', [sources]);
    await client.query('DELETE FROM zeekway.replays WHERE id = ANY($1::int[])', [replays]);
  });
}

/** The loss of the connection ends the lock and shows itself at the next batch; here it must not end the process. */
const ignoreLoss = (): void => {};

async function releaseLock(client: pg.PoolClient): Promise<void> {
  let isLost = false;
  try {
    await client.query('SELECT pg_advisory_unlock_all()');
  } catch {
    // The lock ends with the session, and that ends with the connection.
    isLost = true;
  }
  client.off('error', ignoreLoss);
  client.release(isLost);
}

/**
 * Begins the replay of a file, unless the same bytes were replayed before (`done`) or are just now (`busy`).
 * Rows of an earlier run that was not finished are removed.
 * @param digest of the file's content
 * @param again replays bytes that were replayed before, and so doubles their rows
 */
export async function beginReplay(
  db: Database,
  { digest, name, again }: { readonly digest: string; readonly name: string; readonly again: boolean },
): Promise<ReplayStart> {
  const doing = 'begin the replay';
  let lock: pg.PoolClient;
  try {
    lock = await db.pool.connect();
  } catch (error) {
    throw toDatabaseError(error, doing);
  }
  lock.on('error', ignoreLoss);
  let isBegun = false;
  try {
    const { rows } = await lock.query<{ locked: boolean }>(
      'SELECT pg_try_advisory_lock($1, hashtext($2)) AS locked',
      [LOCKS.replay, digest],
    );
    if (!rows[0]?.locked) return { status: 'busy' };
    const done = await lock.query<FinishedRow>(
      `SELECT finished, items FROM zeekway.replays
        WHERE digest = $1 AND finished IS NOT NULL ORDER BY finished DESC LIMIT 1`,
      [digest],
    );
    const [last] = done.rows;
    if (last && !again) return { status: 'done', ...last };
    await removeUnfinished(db, lock, digest);
    const begun = await lock.query<{ id: number }>(
      'INSERT INTO zeekway.replays (digest, name) VALUES ($1, $2) RETURNING id',
      [digest, name],
    );
    const [row] = begun.rows;
    if (row === undefined) throw new Error('the server returned no row');
    isBegun = true;
    return { status: 'new', id: row.id, lock };
  } catch (error) {
    throw toDatabaseError(error, doing);
  } finally {
    if (!isBegun) await releaseLock(lock);
  }
}

/**
 * Marks a replay as done and gives up its lock. When this throws, the replay still has to be abandoned.
 * @param items how many rows each log path (and events, ...) got
 */
export async function finishReplay(
  db: Database,
  replay: RunningReplay,
  items: Readonly<Record<string, number>>,
): Promise<void> {
  try {
    await db.pool.query('UPDATE zeekway.replays SET finished = now(), items = $2 WHERE id = $1', [
      replay.id,
      JSON.stringify(items),
    ]);
  } catch (error) {
    throw toDatabaseError(error, 'finish the replay');
  }
  await releaseLock(replay.lock);
}

/** Gives a replay up. Its rows stay until the same bytes are replayed again, which removes them first. */
export async function abandonReplay(replay: RunningReplay): Promise<void> {
  await releaseLock(replay.lock);
}
