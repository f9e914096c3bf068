import test from 'ava';
import { decodeLogRecord } from '../../src/codec/log-record.js';
import { encodeValue } from '../../src/codec/value-binary.js';
import { Interpreter } from '../../src/zeek/interpreter.js';
import type { Item, LogItem } from '../../src/zeek/item.js';
import type { LogSchema } from '../../src/zeek/log-schema.js';
import { makeBridge, messages } from '../bridge/numbers.js';
import { ownDatabase } from '../support/database.js';
import { logEvent } from '../support/log-events.js';
import { type RecordingName, recordedPayloads } from '../support/recordings.js';
import { compareWithZeek } from '../support/stored-logs.js';

/*
 * What Zeek sent natively, sent as events: the tables are those that the native logs have.
 */

/** `Zeekway::event_batch_size`. */
const BATCH = 100;
const RECEIVED = 1_700_000_000_000_000_000n;

/** The records of a recording, and the announcements before them. */
function nativeItems(name: RecordingName): Item[] {
  const interpreters = new Map<string, Interpreter>();
  const items = recordedPayloads([name]).flatMap(({ topic, sender, bytes }) => {
    const interpreter = interpreters.get(sender) ?? new Interpreter({ kind: 'live', peer: sender, name });
    interpreters.set(sender, interpreter);
    return interpreter.interpret(topic, bytes, RECEIVED);
  });
  return items.filter(({ kind }) => kind === 'log' || kind === 'schema');
}

function recordedLogs(name: RecordingName): Map<LogSchema, LogItem[]> {
  const logs = new Map<LogSchema, LogItem[]>();
  for (const item of nativeItems(name)) {
    if (item.kind === 'log') logs.set(item.schema, [...(logs.get(item.schema) ?? []), item]);
  }
  return logs;
}

/** What comes of the same records as events. */
function eventItems(name: RecordingName): Item[][] {
  const interpreter = new Interpreter({ kind: 'live', peer: 'zeromq_worker-1_host_1_x', name });
  return [...recordedLogs(name)].flatMap(([schema, records]) =>
    Array.from({ length: Math.ceil(records.length / BATCH) }, (_, index) => {
      const some = records.slice(index * BATCH, (index + 1) * BATCH);
      const event = logEvent(
        schema,
        some.map(({ serial }) => decodeLogRecord(serial)),
      );
      return interpreter.interpret(`zeekway/logs/${schema.path}`, encodeValue(event), RECEIVED);
    }),
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
