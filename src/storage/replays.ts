import pg from 'pg';
import type { Database } from './database.js';
import { toDatabaseError } from './database-error.js';
import { inTransaction, LOCKS } from './transaction.js';

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

/** Runs of the digest that were not finished leave nothing behind. */
async function removeUnfinished(db: Database, digest: string): Promise<void> {
  await inTransaction(db, 'remove an unfinished replay', async (client) => {
    const runs = await client.query<{ id: number }>(
      'SELECT id FROM zeekway.replays WHERE digest = $1 AND finished IS NULL',
      [digest],
    );
    if (runs.rows.length === 0) return;
    const replays = runs.rows.map(({ id }) => id);
    const sources = await client.query<{ id: number }>(
      'SELECT id FROM zeekway.sources WHERE replay = ANY($1::int[])',
      [replays],
    );
    const ids = sources.rows.map(({ id }) => id);
    const logs = await client.query<{ table_name: string }>(
      `SELECT table_name FROM zeekway.logs
        WHERE to_regclass(format('logs.%I', table_name)) IS NOT NULL ORDER BY table_name`,
    );
    for (const { table_name } of logs.rows) {
      await client.query(
        `DELETE FROM logs.${pg.escapeIdentifier(table_name)} WHERE _source = ANY($1::int[])`,
        [ids],
      );
    }
    for (const table of ['events', 'identifiers', 'dead_letters']) {
      await client.query(`DELETE FROM zeekway.${table} WHERE source = ANY($1::int[])`, [ids]);
    }
    await client.query('DELETE FROM zeekway.sources WHERE id = ANY($1::int[])', [ids]);
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
    await removeUnfinished(db, digest);
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
