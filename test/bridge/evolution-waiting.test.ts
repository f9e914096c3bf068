import test from 'ava';
import { SCHEMA_LOCK_TIMEOUT_MS } from '../../src/core/limits.js';
import { ownDatabase } from '../support/database.js';
import { announcement, type Field, KEY, LogModel } from './evolution-model.js';
import { expectPeace, type Gateway, startGateways, stayIn } from './gateways.js';
import { column, messages, until } from './numbers.js';
import { origin } from './support.js';

/** A column cannot be added while somebody reads or writes the log. */

const OLD: readonly Field[] = [KEY, ['who', 'string']];
const NEW: readonly Field[] = [...OLD, ['added', 'addr']];

test('somebody reads a log for long: a new column waits, and nobody else', async (t) => {
  const { db, url } = await ownDatabase(t);
  const gateways = await startGateways(t, url, 2);
  const [first, second] = gateways as [Gateway, Gateway];
  const [read, other, later] = ['read', 'other', 'later'].map((path) => new LogModel(path)) as [
    LogModel,
    LogModel,
    LogModel,
  ];
  const from = origin('peer');
  const [old, others] = [read.announce(OLD), other.announce(OLD)];
  await first.bridge.run(messages([announcement(old, from), announcement(others, from)]));
  await first.bridge.flush();
  const end = await stayIn(t, url, 'SELECT * FROM logs.read');

  const changed = read.announce(NEW);
  const run = first.bridge.run(
    messages(
      [other.record(others, OLD, 0, from), read.record(changed, NEW, 0, from)],
      [read.record(old, OLD, 1, from), read.record(changed, NEW, 2, from)],
    ),
  );
  await until(t, () => first.bridge.status.database.state === 'retrying');
  const added =
    "SELECT attname FROM pg_attribute WHERE attrelid = 'logs.read'::regclass AND attname = 'added'";
  // What came before it, even in the same message, is stored.
  await until(t, async () => (await column(db, 'SELECT n FROM logs.other')).length === 1);
  // Another gateway goes on: with that log as it was, with others, and with a new one.
  const begin = performance.now();
  for (let n = 10; performance.now() - begin < 2 * SCHEMA_LOCK_TIMEOUT_MS; n++) {
    const items = [
      read.record(old, OLD, n, from),
      other.record(others, OLD, n, from),
      later.record(later.announce(OLD), OLD, n, from),
    ];
    await second.bridge.run(messages(items));
    await second.bridge.flush();
  }
  t.deepEqual(await column(db, added), []);
  t.is(first.bridge.status.waiting.rows, 1);
  await end();
  await run;
  await expectPeace(t, db, gateways);
  t.deepEqual(await column(db, added), ['added']);
  for (const model of [read, other, later]) await model.check(t, db);
});
