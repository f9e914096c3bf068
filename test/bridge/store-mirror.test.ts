import test, { type ExecutionContext } from 'ava';
import type pg from 'pg';
import type { MirroredChange } from '../../src/bridge/stores/history-batch.js';
import { StoreMirror } from '../../src/bridge/stores/mirror.js';
import { count, string, type Value } from '../../src/codec/value.js';
import { STORE_MIRROR_CHANGES } from '../../src/core/limits.js';
import type { StoreEntry } from '../../src/store/backend.js';
import { ownDatabase, testDatabase } from '../support/database.js';
import { until } from '../support/endpoints.js';
import { keepingLogger } from './support.js';

const SECOND = 1_000_000_000n;
const key = (name: string): Value => string(name);

async function setUp(t: ExecutionContext, given?: Awaited<ReturnType<typeof testDatabase>>['db']) {
  const db = given ?? (await testDatabase(t)).db;
  const logger = keepingLogger();
  const mirror = new StoreMirror({ db, logger, now: () => 50n * SECOND });
  t.teardown(() => mirror.close());
  const store = `store ${Math.random()}`;
  let content: StoreEntry[] = [];
  return {
    mirror,
    store,
    db,
    logger,
    reset: (entries: StoreEntry[]) => {
      content = entries;
      mirror.reset(store, () => content);
    },
    change: (second: number, type: MirroredChange['type'], name: string, value?: number) =>
      mirror.change({
        store,
        type,
        key: key(name),
        ...(value === undefined ? {} : { value: count(value) }),
        publisher: 'someone',
        time: BigInt(second) * SECOND,
      }),
    history: async () => {
      await until('all is written', () => Reflect.get(mirror, 'working') === undefined);
      const { rows } = await db.queryPool.query(
        `SELECT key_text || ' ' || value_text || ' ' || extract(epoch FROM since)::int || ' '
                || CASE WHEN until = 'infinity' THEN 'now' ELSE extract(epoch FROM until)::int || ' ' || ended END AS line
           FROM zeekway.store_history WHERE store = $1 ORDER BY key_text, since, id`,
        [store],
      );
      return rows.map(({ line }) => line);
    },
  };
}

test('each value is there from when to when, and why it ended', async (t) => {
  const { reset, change, history } = await setUp(t);
  reset([{ key: key('old'), value: count(1) }]);
  await history();
  change(60, 'insert', 'a', 1);
  change(61, 'update', 'a', 2);
  change(62, 'update', 'old', 3);
  change(63, 'expire', 'a');
  change(64, 'insert', 'a', 4);
  await history();
  change(65, 'erase', 'old');
  change(66, 'update', 'a', 5);
  t.deepEqual(await history(), [
    '"a" 1 60 61 updated',
    '"a" 2 61 63 expired',
    '"a" 4 64 66 updated',
    '"a" 5 66 now',
    '"old" 1 50 62 updated',
    '"old" 3 62 65 erased',
  ]);
});

test('a content that may have changed unseen is compared: what is equal goes on', async (t) => {
  const { reset, change, history } = await setUp(t);
  reset([]);
  await history();
  for (const [name, value] of [
    ['same', 1],
    ['other', 2],
    ['gone', 3],
  ] as const)
    change(10, 'insert', name, value);
  await history();
  reset([
    { key: key('same'), value: count(1) },
    { key: key('other'), value: count(9) },
    { key: key('new'), value: count(4) },
  ]);
  t.deepEqual(await history(), [
    '"gone" 3 10 50 unknown',
    '"new" 4 50 now',
    '"other" 2 10 50 unknown',
    '"other" 9 50 now',
    '"same" 1 10 now',
  ]);
});

test('while the database is away changes wait; where they are too many the content is compared', async (t) => {
  const { db } = await ownDatabase(t);
  const { reset, change, history, mirror, logger } = await setUp(t, db);
  reset([]);
  await history();
  await db.pool.query('ALTER TABLE zeekway.store_history RENAME TO away');
  for (let index = 0; index < STORE_MIRROR_CHANGES + 10_000; index++) change(60, 'update', 'a', index);
  reset([{ key: key('a'), value: count(7) }]);
  change(60, 'update', 'a', 7);
  await until('it is told', () =>
    logger.lines.some((line) => JSON.stringify(line).includes('waits for the database')),
  );
  t.true(mirror.waiting <= STORE_MIRROR_CHANGES);
  await db.pool.query('ALTER TABLE zeekway.away RENAME TO store_history');
  t.deepEqual(
    (await history()).filter((line) => line.endsWith('now')),
    ['"a" 7 50 now'],
  );
});

test('a batch whose COMMIT got no answer is not written twice', async (t) => {
  const { db } = await ownDatabase(t);
  // The server commits and the answer is lost: told by a pool that fails once behind the COMMIT.
  const connect = db.pool.connect.bind(db.pool) as () => Promise<pg.PoolClient>;
  let lose = true;
  const lossy = async (): Promise<pg.PoolClient> => {
    const client = await connect();
    const query = client.query.bind(client) as (...all: unknown[]) => Promise<unknown>;
    const losing = async (...all: unknown[]): Promise<unknown> => {
      const result = await query(...all);
      if (all[0] !== 'COMMIT' || !lose) return result;
      lose = false;
      throw Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' });
    };
    return Object.assign(client, { query: losing });
  };
  const pool: pg.Pool = Object.create(db.pool, { connect: { value: lossy } });
  const { reset, change, history } = await setUp(t, { ...db, pool });
  lose = false;
  reset([]);
  await history();
  lose = true;
  change(60, 'insert', 'a', 1);
  change(61, 'update', 'a', 2);
  t.deepEqual(await history(), ['"a" 1 60 61 updated', '"a" 2 61 now']);
  t.false(lose);
});
