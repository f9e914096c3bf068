import test from 'ava';
import type { Database } from '../../src/storage/database.js';
import { describeLogs } from '../../src/storage/queries/catalogue.js';
import { read } from '../../src/storage/queries/query.js';
import { logRows } from '../../src/storage/queries/rows.js';
import type { Item } from '../../src/zeek/item.js';
import type { LogSchema } from '../../src/zeek/log-schema.js';
import { ownDatabase } from '../support/database.js';
import { announcement, type Field, KEY, LogModel } from './evolution-model.js';
import { expectPeace, type Gateway, startGateways } from './gateways.js';
import { messages, until } from './numbers.js';
import { origin } from './support.js';

/** Logs whose fields change while they are written and read. */

const BASE: readonly Field[] = [['ts', 'time'], KEY, ['who', 'string']];

/** What a Zeek script does to a log over the years. */
const VERSIONS: readonly (readonly Field[])[] = [
  [...BASE, ['size', 'count'], ['note', 'string'], ['hosts', 'set[addr]']],
  // Fields added, one of them in front.
  [
    ['local', 'bool'],
    ...BASE,
    ['size', 'count'],
    ['note', 'string'],
    ['hosts', 'set[addr]'],
    ['via', 'addr'],
  ],
  // A type widened.
  [...BASE, ['size', 'double'], ['note', 'string'], ['hosts', 'set[addr]'], ['via', 'addr']],
  // A scalar becomes a set, and a set has other elements.
  [...BASE, ['size', 'double'], ['note', 'set[string]'], ['hosts', 'set[string]'], ['via', 'addr']],
  // A set becomes a vector, of the same elements and of others.
  [...BASE, ['size', 'double'], ['note', 'vector[string]'], ['hosts', 'vector[count]'], ['via', 'addr']],
  // A field removed.
  [...BASE, ['size', 'double'], ['note', 'vector[string]'], ['hosts', 'vector[count]']],
  // It is back with another type, and all are in another order.
  [['via', 'enum'], ['hosts', 'vector[count]'], ['note', 'string'], ['size', 'int'], ...BASE.toReversed()],
];

interface Version {
  readonly fields: readonly Field[];
  readonly schema: LogSchema;
}

/** The versions that are out, of which the last is the newest. */
function release(model: LogModel, released: Version[], fields: readonly Field[]): void {
  released.push({ fields, schema: model.announce(fields) });
}

const BATCH_RECORDS = 25;

/** Writes batch after batch, each of the next version that is out, until it is told to stop. */
function startWriter(
  { bridge }: Gateway,
  name: string,
  model: LogModel,
  released: Version[],
  next: () => number,
) {
  const from = origin(name);
  const state = { batches: 0, longest: 0, isStopped: false };
  const write = async (): Promise<void> => {
    while (!state.isStopped) {
      const { fields, schema } = released[state.batches % released.length] as Version;
      const items = Array.from({ length: BATCH_RECORDS }, () => model.record(schema, fields, next(), from));
      const begin = performance.now();
      await bridge.run(messages(items));
      await bridge.flush();
      state.longest = Math.max(state.longest, performance.now() - begin);
      state.batches += 1;
    }
  };
  return { state, done: write() };
}

/** Reads the newest rows as the API does, and all as a person does, until it is told to stop. */
function startReader(db: Database, path: string) {
  const state = { queries: 0, longest: 0, rows: 0, shrunk: 0, isStopped: false };
  const query = async (): Promise<void> => {
    while (!state.isStopped) {
      const begin = performance.now();
      await read(db.queryPool, { timeoutMs: 30_000 }, async (ask) => {
        for (const log of await describeLogs(ask, [path])) {
          await logRows(ask, log, { columns: log.columns, conditions: [], order: 'desc', limit: 50 });
        }
      });
      const { rows } = await db.queryPool.query(`SELECT * FROM logs."${path}"`);
      state.longest = Math.max(state.longest, performance.now() - begin);
      if (rows.length < state.rows) state.shrunk += 1;
      state.rows = rows.length;
      state.queries += 1;
    }
  };
  return { state, done: query() };
}

test('a log changes while two gateways write it, a third announces it and somebody reads it', async (t) => {
  const { db, url } = await ownDatabase(t);
  const gateways = await startGateways(t, url, 3);
  const [first, second, third] = gateways as [Gateway, Gateway, Gateway];
  const model = new LogModel('evolving');
  const released: Version[] = [];
  let n = 0;
  const next = (): number => n++;
  const from = origin('announcer');

  const announce = async (fields: readonly Field[]): Promise<void> => {
    release(model, released, fields);
    const { schema } = released.at(-1) as Version;
    const records = Array.from({ length: BATCH_RECORDS }, () => model.record(schema, fields, next(), from));
    await third.bridge.run(messages([announcement(schema, from), ...records]));
    await third.bridge.flush();
  };
  await announce(VERSIONS[0] ?? []);
  const writers = [first, second].map((gateway, index) =>
    startWriter(gateway, `writer ${index}`, model, released, next),
  );
  const reader = startReader(db, model.path);
  const states = [...writers.map(({ state }) => state), reader.state];
  const all = Promise.all([...writers, reader].map(({ done }) => done));
  for (const fields of VERSIONS.slice(1)) {
    const before = writers.map(({ state }) => state.batches);
    const [beforeQueries] = [reader.state.queries];
    // The others write it from now on, too: who comes first makes the columns.
    await announce(fields);
    const goesOn = until(
      t,
      () =>
        writers.every(({ state }, index) => state.batches >= (before[index] ?? 0) + 20) &&
        reader.state.queries > beforeQueries,
      60_000,
    );
    await Promise.race([goesOn, all]);
  }
  for (const state of states) state.isStopped = true;
  await all;
  const batches = writers.reduce((sum, { state }) => sum + state.batches, 0);
  t.log(`${batches} batches, ${model.size} rows, ${reader.state.queries} rounds of queries`);
  t.log(`the longest: ${states.map(({ longest }) => `${longest.toFixed()} ms`).join(', ')}`);
  t.is(reader.state.shrunk, 0);
  await expectPeace(t, db, gateways);
  await model.check(t, db);
});

test('two versions of Zeek at once in one gateway', async (t) => {
  const { db, url } = await ownDatabase(t);
  const gateways = await startGateways(t, url, 1);
  const [{ bridge }] = gateways as [Gateway];
  const model = new LogModel('conn');
  const versions: readonly (readonly Field[])[] = [
    [...BASE, ['service', 'string'], ['history', 'string'], ['orig_l2_addr', 'string']],
    [...BASE, ['ip_proto', 'count'], ['service', 'set[string]'], ['history', 'string']],
  ];
  const peers = versions.map((fields, index) => ({
    fields,
    from: origin(`peer ${index}`),
    schema: model.announce(fields),
  }));
  let n = 0;
  const source = async function* (): AsyncGenerator<readonly Item[]> {
    for (let message = 0; message < 60; message++) {
      const items: Item[] = [];
      // A peer that connects anew announces in an object of its own.
      for (const peer of peers) {
        if (message % 10 !== 0) continue;
        peer.schema = model.announce(peer.fields);
        items.push(announcement(peer.schema, peer.from));
      }
      for (let index = 0; index < 100; index++) {
        const { schema, fields, from } = peers[(index * 7 + message) % 3 === 0 ? 0 : 1] as (typeof peers)[0];
        items.push(model.record(schema, fields, n++, from));
      }
      yield items;
    }
  };
  await bridge.run(source());
  await expectPeace(t, db, gateways);
  t.is(model.size, 6_000);
  await model.check(t, db);
  t.like(bridge.status.written, { logs: { conn: 6_000 } });
});
