import type pg from 'pg';
import type { Database } from './database.js';
import { toDatabaseError } from './database-error.js';

/** First keys of our advisory locks (PostgreSQL's two-integer form); the number is "zw" and a counter. */
export const LOCKS = {
  migrate: 0x7a770001,
  logTables: 0x7a770002,
  replay: 0x7a770003,
  /** Making and dropping partitions; the second key is the table's OID. */
  partitions: 0x7a770004,
  /** One maintenance at a time... */
  maintenance: 0x7a770005,
  /** ...and one that builds indexes of what is complete. */
  sealing: 0x7a770006,
  /** An index of a table is being built, or its columns change; the second key is the table's OID. */
  building: 0x7a770007,
} as const;

/** An OID, which is unsigned, as the second key of an advisory lock. */
export const lockKey = (oid: number): number => oid | 0;

/** A lost connection is told by the statement that runs; the event would end the process without a listener. */
const ignoreConnectionEvent = (): void => {};

/** Takes a connection out of the pool for `work`; it does not go back when `work` throws. */
async function withClient<T>(
  db: Database,
  doing: string,
  work: (client: pg.PoolClient) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  let client: pg.PoolClient;
  try {
    client = await db.pool.connect();
  } catch (error) {
    throw toDatabaseError(error, doing);
  }
  client.on('error', ignoreConnectionEvent);
  // Closes the connection in the middle of a statement: the client of a pool is a client like any other.
  const giveUp = (): void => void (client as unknown as pg.Client).end();
  signal?.addEventListener('abort', giveUp);
  if (signal?.aborted) giveUp();
  let failed = true;
  try {
    const result = await work(client);
    failed = false;
    return result;
  } catch (error) {
    throw toDatabaseError(error, doing);
  } finally {
    signal?.removeEventListener('abort', giveUp);
    client.off('error', ignoreConnectionEvent);
    client.release(failed);
  }
}

/**
 * Runs `work` in a transaction: committed when it returns, rolled back when it throws (the connection is
 * closed then, so that nothing of it is left). Errors leave as the catalogue's.
 * @param doing completes "cannot ..." in the error
 * @param signal gives up: the connection is closed, whatever the server is doing
 */
export async function inTransaction<T>(
  db: Database,
  doing: string,
  work: (client: pg.PoolClient) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const transaction = async (client: pg.PoolClient): Promise<T> => {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  };
  return withClient(db, doing, transaction, signal);
}
