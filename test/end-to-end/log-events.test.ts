import test from 'ava';
import { encodeValue } from '../../src/codec/value-binary.js';
import { Interpreter } from '../../src/zeek/interpreter.js';
import type { Item } from '../../src/zeek/item.js';
import { makeBridge, messages } from '../bridge/numbers.js';
import { ownDatabase } from '../support/database.js';
import { nativeItems, RECEIVED, recordedLogEvents } from '../support/log-events.js';
import type { RecordingName } from '../support/recordings.js';
import { compareWithZeek } from '../support/stored-logs.js';

/*
 * What Zeek sent natively, sent as events: the tables are those that the native logs have.
 */

function eventItems(name: RecordingName): Item[][] {
  const interpreter = new Interpreter({ kind: 'live', peer: 'zeromq_worker-1_host_1_x', name });
  return recordedLogEvents(name).map(({ topic, value }) =>
    interpreter.interpret(topic, encodeValue(value), RECEIVED),
  );
}

for (const [name, records] of [
  ['native-logs', 869],
  ['native-log-types', 1003],
  ['broker-cluster', 957],
] as const) {
  test.serial(`${name} as events: every table equals what Zeek logged, field by field`, async (t) => {
    const { db } = await ownDatabase(t);
    const { bridge } = makeBridge(t, db);
    await bridge.run(messages(...eventItems(name)));
    await bridge.close();
    t.is(await compareWithZeek(t, db, name, 'any'), records);
    for (const table of ['events', 'dead_letters']) {
      const { rows } = await db.pool.query(`SELECT count(*)::int AS n FROM zeekway.${table}`);
      t.deepEqual(rows, [{ n: 0 }], table);
    }
  });
}

test.serial('a log that comes both ways has one table, with the fields of either', async (t) => {
  const { db } = await ownDatabase(t);
  const catalogue = async (): Promise<unknown[]> =>
    (
      await db.pool.query(
        'SELECT l.*, f.* FROM zeekway.logs l JOIN zeekway.log_fields f USING (path) ORDER BY l.path, f.field',
      )
    ).rows;
  const { bridge } = makeBridge(t, db);
  await bridge.run(messages(nativeItems('native-log-types')));
  const before = await catalogue();
  t.true(before.length > 20);
  await bridge.run(messages(...eventItems('native-log-types')));
  await bridge.close();
  t.deepEqual(await catalogue(), before);
  const { rows } = await db.pool.query('SELECT count(*)::int AS n FROM logs.gw_types');
  t.deepEqual(rows, [{ n: 2 * 1003 }]);
});
