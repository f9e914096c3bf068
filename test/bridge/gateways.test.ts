import test, { type ExecutionContext } from 'ava';
import type { Database } from '../../src/storage/database.js';
import { DAY_MS } from '../../src/storage/partitions/day.js';
import { readPartitions } from '../../src/storage/partitions/list.js';
import { maintain } from '../../src/storage/partitions/maintenance.js';
import { MaintenanceRunner } from '../../src/storage/partitions/runner.js';
import type { Item } from '../../src/zeek/item.js';
import type { LogSchema } from '../../src/zeek/log-schema.js';
import { ownDatabase } from '../support/database.js';
import { announcement, type Field, KEY, LogModel, TODAY } from './evolution-model.js';
import { expectPeace, type Gateway, startGateways, stayIn } from './gateways.js';
import { messages, until } from './numbers.js';
import { keepingLogger, origin, systemClock } from './support.js';

/** Several gateways on one database. */

test('gateways that start at once on an empty database migrate it once', async (t) => {
  const { db, url } = await ownDatabase(t, { bare: true });
  const gateways = await startGateways(t, url, 4);
  const { rows } = await db.pool.query(
    'SELECT count(*)::int, count(DISTINCT version)::int AS versions FROM zeekway.migrations',
  );
  t.is(rows[0].count, rows[0].versions);
  t.true(rows[0].count > 1);
  await expectPeace(t, db, gateways);
});

const LOGS = 10;
const MESSAGES = 12;
const SAME: readonly Field[] = [['ts', 'time'], KEY, ['uid', 'string'], ['id.orig_h', 'addr']];

/** Half of the logs have the same fields everywhere; of the others each gateway has fields of its own. */
const fieldsOf = (log: number, gateway: number): Field[] =>
  log % 2 === 0 ? [...SAME] : [...SAME, [`own ${gateway % 3}`, 'count'], [`shared ${log}`, 'set[addr]']];

/** Messages with records of all logs, whose order is another one in each gateway and each message. */
async function* recordsOf(
  models: readonly LogModel[],
  schemas: readonly LogSchema[],
  gateway: number,
): AsyncGenerator<readonly Item[]> {
  const from = origin(`gateway ${gateway}`);
  for (let message = 0; message < MESSAGES; message++) {
    const items: Item[] = [];
    for (let place = 0; place < LOGS; place++) {
      const log = (message + (gateway % 2 === 0 ? place : LOGS - place)) % LOGS;
      const [model, schema] = [models[log] as LogModel, schemas[log] as LogSchema];
      const first = (gateway * MESSAGES + message) * 30;
      items.push(announcement(schema, from));
      for (let n = first; n < first + 30; n++)
        items.push(model.record(schema, fieldsOf(log, gateway), n, from));
    }
    yield items;
  }
}

/** Each message is a batch of its own. */
async function writeAll({ bridge }: Gateway, source: AsyncIterable<readonly Item[]>): Promise<void> {
  for await (const items of source) {
    await bridge.run(messages(items));
    await bridge.flush();
  }
}

async function expectOneTableEach(t: ExecutionContext, db: Database): Promise<void> {
  const { rows } = await db.pool.query<{ name: string }>(
    "SELECT relname::text AS name FROM pg_class WHERE relnamespace = 'logs'::regnamespace AND relkind IN ('r', 'p')",
  );
  t.deepEqual(
    rows.map(({ name }) => name).toSorted(),
    Array.from({ length: LOGS }, (_, log) => `log${log}`),
  );
  for (const { name } of rows) {
    const { partitions } = (await readPartitions(db.pool, `logs.${name}`)) ?? { partitions: [] };
    const [rest, ...days] = partitions;
    t.true(rest?.isDefault);
    t.is(await timesIn(db, rest?.table ?? ''), 0);
    t.deepEqual(
      days.filter(({ bytes }) => bytes > 0).map(({ from, to }) => [from / DAY_MS, to / DAY_MS]),
      [TODAY - 2, TODAY - 1, TODAY].map((day) => [day, day + 1]),
    );
  }
}

/** Rows of a partition that have a time. */
async function timesIn(db: Database, partition: string): Promise<number> {
  const { rows } = await db.pool.query<{ n: number }>(`SELECT count(ts)::int AS n FROM ${partition}`);
  return rows[0]?.n ?? -1;
}

test('four gateways start at once, make the same logs and days, and two look after the partitions', async (t) => {
  const { db, url } = await ownDatabase(t, { bare: true });
  const gateways = await startGateways(t, url, 4);
  const models = Array.from({ length: LOGS }, (_, log) => new LogModel(`log${log}`));
  const schemas = gateways.map((_, gateway) =>
    models.map((model, log) => model.announce(fieldsOf(log, gateway))),
  );
  const logger = keepingLogger();
  const runners = gateways
    .slice(0, 2)
    .map((gateway) => new MaintenanceRunner({ db: gateway.db, clock: systemClock, logger, intervalMs: 50 }));
  for (const runner of runners) runner.start();
  await Promise.all(
    gateways.map((gateway, index) => writeAll(gateway, recordsOf(models, schemas[index] ?? [], index))),
  );
  for (const runner of runners) await runner.stop();
  await expectPeace(t, db, gateways);
  t.deepEqual(
    logger.lines.filter(({ level }) => level !== 'info'),
    [],
  );
  // What was in somebody's way is done at the next pass.
  t.deepEqual((await maintain(db, { now: Date.now() })).failures, []);
  for (const model of models) {
    t.is(model.size, 4 * MESSAGES * 30);
    await model.check(t, db);
  }
  await expectOneTableEach(t, db);
});

test('batches with the same logs in another order, and somebody who locks the logs: no deadlock', async (t) => {
  const { db, url } = await ownDatabase(t);
  const gateways = await startGateways(t, url, 2);
  const models = ['a', 'between', 'c'].map((path) => new LogModel(path));
  const schemas = models.map((model) => model.announce(SAME));
  const from = origin('peer');
  await gateways[0]?.bridge.run(messages(schemas.map((schema) => announcement(schema, from))));
  // Both stand still in the middle of their batches.
  const goOn = await stayIn(t, url, 'LOCK TABLE logs.between IN EXCLUSIVE MODE');
  const runs = gateways.map(async ({ bridge }, gateway) => {
    const logs = gateway === 0 ? [0, 1, 2] : [2, 1, 0];
    const items = logs.map((log) =>
      (models[log] as LogModel).record(schemas[log] as LogSchema, SAME, gateway, from),
    );
    await bridge.run(messages(items));
    await bridge.flush();
  });
  await until(t, async () => (await waiting(db, 'COPY %')) === 2);
  // Somebody makes an index of each of the other two, and whoever comes later waits behind that.
  let made = 0;
  const indexes = ['a', 'c'].map((log) => indexOf(t, url, log).then(() => (made += 1)));
  await until(t, async () => made + (await waiting(db, 'LOCK TABLE ONLY %')) === 2);
  await goOn();
  await Promise.all([...runs, ...indexes]);
  await expectPeace(t, db, gateways);
  for (const model of models) await model.check(t, db);
});

/** How many statements like a pattern wait for a lock. */
async function waiting(db: Database, like: string): Promise<number> {
  const { rowCount } = await db.pool.query(
    `SELECT 1 FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1`,
    [like],
  );
  return rowCount ?? 0;
}

/** As CREATE INDEX locks it. */
async function indexOf(t: ExecutionContext, url: string, table: string): Promise<void> {
  const end = await stayIn(t, url, `LOCK TABLE ONLY logs.${table} IN SHARE MODE`);
  await end();
}
