import test from 'ava';
import { openDatabase } from '../../../src/storage/database.js';
import { ensureDays } from '../../../src/storage/partitions/ensure-days.js';
import { ownDatabase, testDatabase } from '../../support/database.js';
import { day, hold, indexesOf, insert, makeLog, NOW, rowsByPartition, TODAY } from './support.js';

const at = { now: NOW };
const backfill = { now: NOW, backfill: true };

test('a log has a default partition, and one for each UTC day that it is asked for', async (t) => {
  const { db } = await testDatabase(t);
  const { table, key } = await makeLog(db, 'conn');
  t.is(key, 'ts');
  t.deepEqual(await rowsByPartition(db, table), { conn_default: 0 });
  const made = await ensureDays(db, table, new Set([TODAY - 1, TODAY]), at);
  t.deepEqual(made, { created: [TODAY - 1, TODAY], postponed: [] });
  t.deepEqual(await ensureDays(db, table, new Set([TODAY - 1, TODAY]), at), { created: [], postponed: [] });
  // The zone of who writes does not matter: the bounds are those of UTC.
  await db.pool.query("SET timezone = 'Pacific/Kiritimati'");
  await insert(db, table, [
    '2026-11-23T00:00:00Z',
    '2026-11-23T23:59:59.999999Z',
    '2026-11-24T00:00:00Z',
    '2026-11-24T23:59:59.999999Z',
    '2026-11-25T00:00:00Z',
    '2026-11-24T00:30:00+14:00',
    '1970-01-01T00:00:00Z',
    'infinity',
    '-infinity',
    null,
  ]);
  t.deepEqual(await rowsByPartition(db, table), { conn_20261123: 3, conn_20261124: 2, conn_default: 5 });
  t.deepEqual(await indexesOf(db, 'log_partitions.conn_20261124'), [
    'brin ("id.orig_h" inet_bloom_ops)',
    'brin ("id.resp_h" inet_bloom_ops)',
    'brin (ts)',
    'brin (uid text_bloom_ops)',
  ]);
});

test('a log without ts, or with one that is no time, goes by its reception', async (t) => {
  const { db } = await testDatabase(t);
  const { table, key } = await makeLog(db, 'stats', [{ field: 'ts', zeekType: 'string', sqlType: 'text' }]);
  t.is(key, '_received');
  await ensureDays(db, table, new Set([TODAY]), at);
  await db.pool.query(`INSERT INTO ${table} VALUES ('x', '2026-11-24T12:00:00Z', 1)`);
  t.deepEqual(await rowsByPartition(db, table), { stats_20261124: 1, stats_default: 0 });
  t.deepEqual(await indexesOf(db, 'log_partitions.stats_20261124'), ['brin (_received)']);
  // A time that comes later does not change how the table is partitioned.
  const later = await makeLog(db, 'stats', [{ field: 'ts', zeekType: 'time', sqlType: 'timestamptz' }]);
  t.is(later.key, '_received');
});

test('days that cannot be get no partition', async (t) => {
  const { db } = await testDatabase(t);
  const { table } = await makeLog(db, 'odd');
  const days = [0, day('1994-12-31'), TODAY + 3, day('9999-12-31'), -1_000_000, 100_000_000];
  t.deepEqual(await ensureDays(db, table, new Set(days), backfill), { created: [], postponed: [] });
  const edges = [day('1995-01-01'), TODAY + 2];
  t.deepEqual(await ensureDays(db, table, new Set(edges), backfill), {
    created: edges.toReversed(),
    postponed: [],
  });
});

test('a live peer gets partitions for the last days only, a replay for those of a batch that is dense', async (t) => {
  const { db } = await testDatabase(t);
  const { table } = await makeLog(db, 'old');
  const old = [TODAY - 31, day('2020-02-29')];
  t.deepEqual((await ensureDays(db, table, new Set([...old, TODAY - 30]), at)).created, [TODAY - 30]);
  const other = await makeLog(db, 'replayed');
  const many = Array.from({ length: 32 }, (_, index) => day('2020-01-01') + index);
  t.deepEqual((await ensureDays(db, other.table, new Set(many), backfill)).created, []);
  t.deepEqual((await ensureDays(db, other.table, new Set(many.slice(1)), backfill)).created, many.slice(1));
  t.is(Object.keys(await rowsByPartition(db, other.table)).length, 32);
});

test('rows that are in the default partition move into the partition of their day', async (t) => {
  const { db } = await testDatabase(t);
  const { table } = await makeLog(db, 'moved');
  await db.pool.query(`ALTER TABLE ${table} ADD COLUMN note text DEFAULT 'mine',
    ADD COLUMN twice text GENERATED ALWAYS AS (uid || uid) STORED`);
  await insert(db, table, ['2026-11-24T01:00:00Z', '2026-11-23T01:00:00Z', null]);
  t.deepEqual((await ensureDays(db, table, new Set([TODAY]), at)).created, [TODAY]);
  t.deepEqual(await rowsByPartition(db, table), { moved_20261124: 1, moved_default: 2 });
  const { rows } = await db.pool.query('SELECT uid, note, twice FROM log_partitions.moved_20261124');
  t.deepEqual(rows, [{ uid: 'C1', note: 'mine', twice: 'C1C1' }]);
});

test('who reads the default partition does not make writers wait for long: the rows go there for now', async (t) => {
  const { db, url } = await ownDatabase(t);
  const { table } = await makeLog(db, 'held');
  const release = await hold(db, `SELECT count(*) FROM ${table}`);
  const made = await ensureDays(db, table, new Set([TODAY]), at);
  t.deepEqual([made.created, made.postponed], [[], [TODAY]]);
  t.regex(String(made.problem?.message), /lock timeout/);
  await insert(db, table, ['2026-11-24T01:00:00Z']);
  await release();
  // It is not tried again at once.
  t.deepEqual(await ensureDays(db, table, new Set([TODAY]), at), { created: [], postponed: [TODAY] });
  const other = await openDatabase({ url });
  t.teardown(() => other.close());
  t.deepEqual((await ensureDays(other, table, new Set([TODAY]), at)).created, [TODAY]);
  t.deepEqual(await rowsByPartition(db, table), { held_20261124: 1, held_default: 0 });
});

test('many gateways may want the same days at once', async (t) => {
  const { db, url } = await ownDatabase(t);
  const { table } = await makeLog(db, 'race');
  const others = await Promise.all(Array.from({ length: 4 }, () => openDatabase({ url })));
  const days = new Set([TODAY - 2, TODAY - 1, TODAY]);
  const made = await Promise.all(others.map((other) => ensureDays(other, table, days, at)));
  await Promise.all(others.map((other) => other.close()));
  t.deepEqual(made.flatMap(({ created }) => created).toSorted(), [...days]);
  t.deepEqual(
    made.flatMap(({ problem }) => problem ?? []),
    [],
  );
  t.is(Object.keys(await rowsByPartition(db, table)).length, 4);
});

test("a partition that somebody made is used, one that was detached is in nobody's way", async (t) => {
  const { db, url } = await ownDatabase(t);
  const { table } = await makeLog(db, 'mine');
  await db.pool.query(
    `CREATE TABLE november PARTITION OF ${table} FOR VALUES FROM ('2026-11-01 12:00+00') TO ('2026-12-01+00')`,
  );
  await db.pool.query(
    `CREATE TABLE early PARTITION OF ${table} FOR VALUES FROM (MINVALUE) TO ('2000-01-01+00')`,
  );
  const covered = new Set([TODAY, day('2026-11-01'), day('1999-12-31')]);
  t.deepEqual(await ensureDays(db, table, covered, backfill), { created: [], postponed: [] });
  const october = new Set([day('2026-10-31')]);
  t.deepEqual((await ensureDays(db, table, october, at)).created, [...october]);
  await db.pool.query(`ALTER TABLE ${table} DETACH PARTITION log_partitions.mine_20261031`);
  const other = await openDatabase({ url });
  t.teardown(() => other.close());
  t.deepEqual((await ensureDays(other, table, october, at)).created, [...october]);
  t.regex(Object.keys(await rowsByPartition(db, table)).join(), /"mine#2~[0-9a-f]{8}_20261031"/);
});

test('a table that was dropped is asked for anew; a plain one is left alone', async (t) => {
  const { db } = await testDatabase(t);
  const { table } = await makeLog(db, 'again');
  await ensureDays(db, table, new Set([TODAY]), at);
  await db.pool.query(`DROP TABLE ${table}`);
  await t.throwsAsync(ensureDays(db, table, new Set([TODAY - 1]), at), { code: 'database_failed' });
  await makeLog(db, 'again');
  t.deepEqual((await ensureDays(db, table, new Set([TODAY]), at)).created, [TODAY]);
  await db.pool.query('CREATE TABLE logs.plain (ts timestamptz)');
  t.deepEqual(await ensureDays(db, 'logs.plain', new Set([TODAY]), at), { created: [], postponed: [] });
});
