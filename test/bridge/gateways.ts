import type { ExecutionContext } from 'ava';
import pg from 'pg';
import type { Bridge } from '../../src/bridge/bridge.js';
import { openStore } from '../../src/cli/store.js';
import type { Database } from '../../src/storage/database.js';
import { makeBridge } from './numbers.js';
import type { LogLine } from './support.js';

/** What a process of zeekway has of its own: connections, a writer and its log. */
export interface Gateway {
  readonly db: Database;
  readonly bridge: Bridge;
  readonly lines: readonly LogLine[];
}

/** Opens the database as a process that starts does. It ends with the test. */
async function startGateway(t: ExecutionContext, url: string): Promise<Gateway> {
  const db = await openStore({ database: url, data: '' }, () => {});
  t.teardown(() => db.close());
  const { bridge, logger } = makeBridge(t, db);
  return { db, bridge, lines: logger.lines };
}

export const startGateways = (t: ExecutionContext, url: string, size: number): Promise<Gateway[]> =>
  Promise.all(Array.from({ length: size }, () => startGateway(t, url)));

/** What a gateway may say on a slow machine: that it waited for a lock, and goes on. */
const ONLY_WAITED = /lock timeout|database: writing again/;

/** Closes the bridges and expects that all went well: nothing was kept aside, and nobody ran into a deadlock. */
export async function expectPeace(
  t: ExecutionContext,
  db: Database,
  gateways: readonly Gateway[],
): Promise<void> {
  await Promise.all(gateways.map(({ bridge }) => bridge.close()));
  for (const { bridge } of gateways) {
    t.like(bridge.status, { database: { state: 'ok' }, waiting: { rows: 0 }, deadLetterKinds: [] });
  }
  t.deepEqual(
    gateways.flatMap(({ lines }) => lines).filter(({ message }) => !ONLY_WAITED.test(message)),
    [],
  );
  const { rows } = await db.pool.query('SELECT code, reason FROM zeekway.dead_letters');
  t.deepEqual(rows, []);
  const found = await deadlocks(db);
  t.log(`${found} deadlocks`);
  t.is(found, 0);
}

/** How many deadlocks the server found in this database. */
async function deadlocks(db: Database): Promise<number> {
  const { rows } = await db.pool.query<{ deadlocks: number }>(
    'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()',
  );
  return rows[0]?.deadlocks ?? -1;
}

/**
 * Runs a statement in a transaction that stays open, as a person does, until the result is called; at the latest it
 * ends with the test.
 */
export async function stayIn(
  t: ExecutionContext,
  url: string,
  statement: string,
): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: url });
  t.teardown(() => client.end());
  await client.connect();
  await client.query('BEGIN');
  await client.query(statement);
  return async () => {
    await client.query('COMMIT');
  };
}
