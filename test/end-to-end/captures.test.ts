import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import test from 'ava';
import { replayFile } from '../../src/cli/replay-file.js';
import type { Database } from '../../src/storage/database.js';
import { ownDatabase } from '../support/database.js';
import { silentLogger } from '../support/logger.js';
import { fixtureFile, pcapFile } from '../support/recordings.js';
import { compareWithZeek, logsOf, storedArgs, storedRecords } from '../support/stored-logs.js';
import { handlerLines, printedBy } from '../support/zeek-print.js';

/*
 * The proof: recordings of real Zeek, replayed into a real database, against what Zeek itself logged.
 */

async function replay(db: Database, file: string, again = false) {
  const signal = new AbortController().signal;
  return replayFile(db, file, { again, speed: 'max', logger: silentLogger, signal, onProgress: () => {} });
}

for (const [name, logs, records] of [
  ['native-logs', 15, 869],
  ['native-log-types', 1, 1003],
  ['broker-cluster', 19, 957],
  ['zeromq', 14, 866],
] as const) {
  test.serial(`${name}: every table equals what Zeek logged, field by field`, async (t) => {
    const { db } = await ownDatabase(t);
    const outcome = await replay(db, pcapFile(name));
    t.deepEqual(outcome.warnings, []);
    t.is(outcome.rows['(dead letters)'], undefined);
    const compared = await compareWithZeek(t, db, name);
    t.is(logsOf(name, 'json').length, logs);
    t.is(compared, records);
  });
}

for (const format of ['json', 'tsv'] as const) {
  test.serial(`Zeek's own ${format} log files, as backfill, give the same rows as the capture`, async (t) => {
    const { db } = await ownDatabase(t);
    const { db: other } = await ownDatabase(t);
    await replay(other, pcapFile('native-logs'));
    for (const file of logsOf('native-logs', format)) {
      const path = basename(file, '.log');
      await replay(db, file);
      const [fromFile, fromCapture] = [await storedRecords(db, path), await storedRecords(other, path)];
      t.deepEqual(fromFile.records, fromCapture.records, file);
      // JSON leaves out what is unset: a field that is unset in all records is not in the file.
      for (const [field, type] of fromFile.types) {
        t.is(fromCapture.types.get(field), type, `${path} ${field}`);
      }
    }
  });
}

test.serial('the same bytes are stored once, unless asked for again', async (t) => {
  const { db } = await ownDatabase(t);
  const count = async (): Promise<number> =>
    Number(
      (
        await db.pool.query(
          'SELECT (SELECT count(*) FROM logs.conn) + (SELECT count(*) FROM zeekway.events) AS n',
        )
      ).rows[0].n,
    );
  const first = await replay(db, pcapFile('broker-cluster'));
  const once = await count();
  const second = await replay(db, pcapFile('broker-cluster'));
  t.true(second.earlier instanceof Date);
  t.deepEqual(second.rows, first.rows);
  t.is(await count(), once);
  const third = await replay(db, pcapFile('broker-cluster'), true);
  t.is(third.earlier, undefined);
  t.is(await count(), 2 * once);
});

test.serial('every event of every type is stored without loss', async (t) => {
  const { db } = await ownDatabase(t);
  await replay(db, pcapFile('native-events'));
  const { rows } = await db.pool.query<{ name: string; args: string }>(
    `SELECT name, args::text AS args FROM zeekway.events WHERE topic LIKE 'gw/a/%' ORDER BY id`,
  );
  t.deepEqual(
    rows.map(({ name }) => name),
    ['scalars', 'scalars', 'network', 'network', 'containers', 'records', 'misc'].map(
      (name) => `Gw::${name}`,
    ),
  );
  const scalars = rows[0]?.args ?? '';
  for (const part of [
    '{"data": -42, "@data-type": "integer"}',
    '{"data": 18446744073709551615, "@data-type": "count"}',
    '{"data": -0.0025, "@data-type": "real"}',
    '{"data": "2023-11-14T22:13:20.123456", "@data-type": "timestamp"}',
    '{"data": "-1500ms", "@data-type": "timespan"}',
    String.raw`{"data": "plain \\x00\\xff bytes \\xc3\\xa9", "@data-type": "string"}`,
    '{"data": "Gw::GREEN", "@data-type": "enum-value"}',
  ]) {
    t.true(scalars.includes(part), part);
  }
  t.true((rows[1]?.args ?? '').includes('9007199254740993'));
});

for (const [topic, zeek] of [
  ['gw/a/all', 'listener'],
  ['gw/b/all', 'dialer'],
] as const) {
  test.serial(`the events on ${topic} are stored as the Zeek that got them printed them`, async (t) => {
    const { db } = await ownDatabase(t);
    await replay(db, pcapFile('native-events'));
    const { rows } = await db.pool.query<{ name: string; args: string }>(
      'SELECT name, args::text AS args FROM zeekway.events WHERE topic = $1 ORDER BY id',
      [topic],
    );
    const printed = rows.flatMap(({ name, args }) => printedBy(name, storedArgs(args)) ?? []);
    const output = readFileSync(fixtureFile(`zeek/native-events/${zeek}.txt`), 'utf8');
    t.deepEqual(printed, handlerLines(output));
    t.is(printed.length, 7);
  });
}

test.serial('a data-store session is counted, an encrypted one refused with a reason', async (t) => {
  const { db } = await ownDatabase(t);
  await t.notThrowsAsync(replay(db, pcapFile('native-stores')));
  await t.throwsAsync(() => replay(db, pcapFile('native-tls')), { code: 'capture_without_broker' });
});
