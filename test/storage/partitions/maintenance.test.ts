import test, { type ExecutionContext } from 'ava';
import type { Database } from '../../../src/storage/database.js';
import { DAY_MS } from '../../../src/storage/partitions/day.js';
import { ensureDays } from '../../../src/storage/partitions/ensure-days.js';
import {
  type MaintenanceOptions,
  maintain,
  sealDays,
  upkeep,
} from '../../../src/storage/partitions/maintenance.js';
import { PassMemory, type PassReport, type Retention } from '../../../src/storage/partitions/pass.js';
import { ownDatabase } from '../../support/database.js';
import {
  day,
  hold,
  indexesOf,
  insert,
  makeLargeYesterday,
  makeLog,
  NOW,
  rowsByPartition,
  TODAY,
  untilBlocked,
} from './support.js';

const ALL_INDEXES = ['brin (ts)', 'btree ("id.orig_h")', 'btree ("id.resp_h")', 'hash (uid)'];
const OPEN_INDEXES = [
  'brin ("id.orig_h" inet_bloom_ops)',
  'brin ("id.resp_h" inet_bloom_ops)',
  'brin (ts)',
  'brin (uid text_bloom_ops)',
];

/** A pass that must not fail. */
async function run(
  t: ExecutionContext,
  db: Database,
  options: Partial<MaintenanceOptions> = {},
  work: typeof maintain = maintain,
): Promise<PassReport> {
  const report = await work(db, { now: NOW, ...options });
  t.deepEqual(report.failures, []);
  return report;
}

const steps = ({ done }: PassReport, ...wanted: string[]): unknown[] =>
  done
    .filter(({ step }) => wanted.includes(step))
    .map(({ path, step, days, rows }) => [path, step, days, rows]);

const keep = (defaultDays: number | undefined, days: [string, number | undefined][] = []): Retention => ({
  defaultDays,
  days: new Map(days),
});

const names = async (db: Database, table: string): Promise<string[]> =>
  Object.keys(await rowsByPartition(db, table));

test('partitions are made ahead for logs that are being written', async (t) => {
  const { db } = await ownDatabase(t);
  const written = await makeLog(db, 'written');
  const idle = await makeLog(db, 'idle');
  for (const { table } of [written, idle])
    await ensureDays(db, table, new Set([TODAY - 1, TODAY]), { now: NOW });
  await insert(db, written.table, ['2026-11-24T01:00:00Z']);
  await insert(db, idle.table, ['2026-11-23T01:00:00Z']);
  t.deepEqual(steps(await run(t, db), 'make'), [['written', 'make', [TODAY + 1, TODAY + 2], undefined]]);
  t.deepEqual(steps(await run(t, db), 'make'), []);
  t.true((await names(db, written.table)).includes('written_20261126'));
  t.false((await names(db, idle.table)).includes('idle_20261125'));
});

test('rows that wait in the default partition get to their days', async (t) => {
  const { db } = await ownDatabase(t);
  const { table } = await makeLog(db, 'conn');
  await insert(db, table, [
    '2026-11-24T01:00:00Z',
    '2026-11-23T23:59:59.999999Z',
    '1970-01-01T00:00:00Z',
    null,
  ]);
  await insert(db, table, [
    '2026-11-27T00:00:00Z',
    '2020-01-01T00:00:00Z',
    'infinity',
    '2100-01-01T00:00:00Z',
  ]);
  await insert(
    db,
    table,
    Array.from({ length: 1000 }, () => '2019-06-01T12:00:00Z'),
  );
  t.deepEqual(steps(await run(t, db), 'move'), [
    ['conn', 'move', [TODAY], 1],
    ['conn', 'move', [TODAY - 1], 1],
    ['conn', 'move', [day('2019-06-01')], 1000],
  ]);
  const rows = await rowsByPartition(db, table);
  t.like(rows, { conn_20190601: 1000, conn_20261123: 1, conn_20261124: 1, conn_default: 6 });
  // Tomorrow the one of the 27th is no longer in the distant future.
  t.deepEqual(steps(await run(t, db, { now: NOW + DAY_MS }), 'move'), [['conn', 'move', [TODAY + 3], 1]]);
});

test('moving waits for nobody, and is tried again', async (t) => {
  const { db } = await ownDatabase(t);
  const { table } = await makeLog(db, 'conn');
  const other = await makeLog(db, 'other');
  for (const log of [table, other.table]) await insert(db, log, ['2026-11-24T01:00:00Z']);
  const release = await hold(db, `SELECT count(*) FROM ${table}`);
  const report = await upkeep(db, { now: NOW });
  if (report === 'busy') throw new Error('nobody else is there');
  t.deepEqual(
    report.failures.map(({ path, step, isUnlucky }) => [path, step, isUnlucky]),
    [['conn', 'move', true]],
  );
  t.deepEqual(await rowsByPartition(db, table), { conn_default: 1 });
  t.like(await rowsByPartition(db, other.table), { other_20261124: 1, other_default: 0 });
  await release();
  t.deepEqual(steps(await run(t, db, {}), 'move'), [['conn', 'move', [TODAY], 1]]);
});

test('a day that is over is sealed, one that is not is left', async (t) => {
  const { db } = await ownDatabase(t);
  const { table } = await makeLog(db, 'conn');
  await ensureDays(db, table, new Set([TODAY - 1, TODAY]), { now: NOW });
  await insert(db, table, ['2026-11-23T01:00:00Z', '2026-11-24T01:00:00Z', null]);
  const early = await run(t, db, { now: TODAY * DAY_MS + 3_599_999 });
  t.deepEqual(steps(early, 'seal'), []);
  t.deepEqual(steps(await run(t, db, { now: TODAY * DAY_MS + 3_600_000 }), 'seal').length, 1);
  t.deepEqual(await indexesOf(db, 'log_partitions.conn_20261123'), ALL_INDEXES);
  t.deepEqual(await indexesOf(db, 'log_partitions.conn_20261124'), OPEN_INDEXES);
  t.deepEqual(await indexesOf(db, 'log_partitions.conn_default'), OPEN_INDEXES);
  const again = await run(t, db);
  t.deepEqual(steps(again, 'seal', 'index'), []);
  // Late rows are written as before.
  await insert(db, table, ['2026-11-23T02:00:00Z']);
  const { rows } = await db.pool.query("SELECT uid FROM logs.conn WHERE ts = '2026-11-23T02:00:00Z'");
  t.deepEqual(rows, [{ uid: 'C1' }]);
});

test('the indexes of a large partition are built beside those who write and read', async (t) => {
  const { db } = await ownDatabase(t);
  const { table } = await makeLog(db, 'conn');
  await ensureDays(db, table, new Set([TODAY - 1]), { now: NOW });
  await db.pool.query(
    `INSERT INTO ${table} (ts, uid, "id.orig_h", _received, _source)
     SELECT '2026-11-23T00:00:00Z'::timestamptz + n * interval '0.3 s', 'C' || n, '10.0.0.0'::inet + n, now(), 1
       FROM generate_series(1, 280000) n`,
  );
  const { rows: sizes } = await db.pool.query(
    `SELECT pg_relation_size('log_partitions.conn_20261123') AS size`,
  );
  t.true(Number(sizes[0].size) > 16 * 1024 * 1024);
  // A build that was cancelled leaves an index that is not valid.
  await db.pool.query('CREATE INDEX broken ON log_partitions.conn_20261123 USING hash (uid)');
  await db.pool.query(
    `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'log_partitions.broken'::regclass`,
  );
  // Somebody's own index is none of ours.
  await db.pool.query('CREATE INDEX own ON log_partitions.conn_20261123 (_source)');
  // An open transaction that has written to it: it commits while the first index is being built.
  const client = await db.pool.connect();
  await client.query('BEGIN');
  await client.query(
    `INSERT INTO ${table} (ts, uid, _received, _source) VALUES ('2026-11-23T23:59:59Z', 'late', now(), 1)`,
  );
  const running = run(t, db, {}, async (on, options) => {
    for (;;) {
      const report = await sealDays(on, options);
      if (report === 'busy') throw new Error('nobody else is there');
      // A lock was in the way for too long, an autovacuum's say: a later pass does it, as those of the runner do.
      if (!report.failures.some(({ isUnlucky }) => isUnlucky)) return report;
    }
  });
  await untilBlocked(db, '% INDEX CONCURRENTLY %');
  await client.query(
    `INSERT INTO ${table} (ts, uid, _received, _source) VALUES ('2026-11-23T23:59:59Z', 'late', now(), 1)`,
  );
  await client.query('COMMIT');
  client.release();
  t.deepEqual(steps(await running, 'seal').length, 1);
  t.deepEqual(
    await indexesOf(db, 'log_partitions.conn_20261123'),
    [...ALL_INDEXES, 'btree (_source)'].sort(),
  );
  const { rows } = await db.pool.query("EXPLAIN SELECT * FROM logs.conn WHERE uid = 'late'");
  t.regex(rows.map((row) => row['QUERY PLAN']).join('\n'), /Index Scan using conn_20261123_uid_idx/);
  const subnet = await db.pool.query(`EXPLAIN SELECT * FROM logs.conn WHERE "id.orig_h" <<= '10.0.3.0/24'`);
  t.regex(subnet.rows.map((row) => row['QUERY PLAN']).join('\n'), /"conn_20261123_id.orig_h_idx/);
  const late = await db.pool.query("SELECT 1 FROM logs.conn WHERE uid = 'late'");
  t.is(late.rows.length, 2);
});

test('a build stops when it is told to, and is begun anew', async (t) => {
  const { db } = await ownDatabase(t);
  const { table } = await makeLargeYesterday(db);
  // The build waits for this transaction, which has a snapshot.
  const release = await hold(
    db,
    `INSERT INTO ${table} (ts, _received, _source) VALUES ('2026-11-23', now(), 1)`,
  );
  const stop = new AbortController();
  const running = sealDays(db, { now: NOW, signal: stop.signal });
  await untilBlocked(db, 'CREATE INDEX CONCURRENTLY%');
  stop.abort(new Error('stopped by the test'));
  await t.throwsAsync(running, { message: 'stopped by the test' });
  t.true((await indexesOf(db, 'log_partitions.conn_20261123')).some((index) => index.endsWith('INVALID')));
  await release();
  await run(t, db);
  t.deepEqual(await indexesOf(db, 'log_partitions.conn_20261123'), ALL_INDEXES);
});

test('a new column does not wait for the build of an index', async (t) => {
  const { db } = await ownDatabase(t);
  await makeLargeYesterday(db);
  // The build waits for this snapshot; the column need not.
  const reader = await db.pool.connect();
  await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await reader.query('SELECT 1');
  const running = sealDays(db, { now: NOW });
  await untilBlocked(db, 'CREATE INDEX CONCURRENTLY%');
  const grown = await makeLog(db, 'conn', [{ field: 'fuid', zeekType: 'string', sqlType: 'text' }]);
  t.deepEqual(grown.columns, ['fuid']);
  const report = await running;
  if (report === 'busy') throw new Error('nobody else is there');
  t.deepEqual(
    report.failures.map(({ step, isUnlucky }) => [step, isUnlucky]),
    [['seal', true]],
  );
  await reader.query('ROLLBACK');
  reader.release();
  await run(t, db);
  t.deepEqual(await indexesOf(db, 'log_partitions.conn_20261123'), [...ALL_INDEXES, 'hash (fuid)'].sort());
  t.deepEqual(
    await indexesOf(db, 'log_partitions.conn_default'),
    [...OPEN_INDEXES, 'brin (fuid text_bloom_ops)'].sort(),
  );
});

test('pages that were written are summarized, and partitions that changed are analyzed', async (t) => {
  const { db } = await ownDatabase(t);
  const { table } = await makeLog(db, 'conn');
  await ensureDays(db, table, new Set([TODAY]), { now: NOW });
  const summarized = async (): Promise<number> => {
    const { done } = await run(t, db);
    return done
      .flatMap(({ step, rows }) => (step === 'summarize' ? [rows ?? 0] : []))
      .reduce((a, b) => a + b, 0);
  };
  const write = (rows: number) =>
    db.pool.query(
      `INSERT INTO ${table} (ts, uid, _received, _source) SELECT '2026-11-24T01:00:00Z', 'C' || n, now(), 1
       FROM generate_series(1, ${rows}) n`,
    );
  await write(20_000);
  t.true((await summarized()) > 4);
  const { rows } = await db.pool.query<{ tuples: number }>(
    `SELECT reltuples AS tuples FROM pg_class WHERE oid = 'log_partitions.conn_20261124'::regclass`,
  );
  t.is(rows[0]?.tuples, 20_000);
});

test('retention drops days and deletes old rows without one, per log, and nothing where there is none', async (t) => {
  const { db } = await ownDatabase(t);
  const days = new Set([TODAY - 10, TODAY - 3, TODAY - 2, TODAY]);
  const tables: Record<string, string> = {};
  for (const path of ['short', 'long', 'never']) {
    const { table } = await makeLog(db, path);
    tables[path] = table;
    await ensureDays(db, table, days, { now: NOW });
    await insert(db, table, ['2026-11-14T01:00:00Z', '2026-11-21T23:00:00Z', '2026-11-22T01:00:00Z']);
    await insert(db, table, ['1970-01-01', '2026-11-20T00:00:00Z', '2100-01-01', null]);
  }
  await db.pool.query(`INSERT INTO ${tables['short']} (ts, _received, _source) VALUES (NULL, '2026-11-01', 1),
    ('2100-01-01', '2026-11-01', 1)`);
  await run(t, db, { retention: undefined });
  const retention = keep(5, [
    ['short', 2],
    ['never', undefined],
  ]);
  const report = await run(t, db, { retention });
  t.deepEqual(steps(report, 'drop', 'delete'), [
    ['long', 'drop', [TODAY - 10], undefined],
    ['long', 'delete', undefined, 1],
    ['short', 'drop', [TODAY - 10, TODAY - 4, TODAY - 3], undefined],
    ['short', 'delete', undefined, 3],
  ]);
  t.deepEqual(await rowsByPartition(db, tables['short'] ?? ''), {
    // 2 days are not over before the end of the day before yesterday.
    short_20261122: 1,
    short_20261124: 0,
    short_default: 2,
  });
  t.like(await rowsByPartition(db, tables['long'] ?? ''), {
    long_20261121: 1,
    long_20261120: 1,
    long_default: 2,
  });
  t.like(await rowsByPartition(db, tables['never'] ?? ''), {
    never_20261114: 1,
    never_20261120: 1,
    never_default: 3,
  });
});

test('retention drops what is a partition then, when nobody is in the way', async (t) => {
  const { db } = await ownDatabase(t);
  const { table } = await makeLog(db, 'conn');
  await ensureDays(db, table, new Set([TODAY - 3]), { now: NOW });
  await insert(db, table, ['2026-11-21T01:00:00Z']);
  const release = await hold(db, `SELECT count(*) FROM ${table}`);
  const report = await upkeep(db, { now: NOW, retention: keep(1) });
  if (report === 'busy') throw new Error('nobody else is there');
  t.deepEqual(
    report.failures.map(({ step, isUnlucky }) => [step, isUnlucky]),
    [['drop', true]],
  );
  await release();
  t.deepEqual(steps(await run(t, db, { retention: keep(1) }), 'drop'), [
    ['conn', 'drop', [TODAY - 3], undefined],
  ]);
  t.deepEqual(await rowsByPartition(db, table), { conn_default: 0 });
});

test('days that had nothing are dropped after a while', async (t) => {
  const { db } = await ownDatabase(t);
  const { table } = await makeLog(db, 'conn');
  await ensureDays(db, table, new Set([TODAY - 2, TODAY - 1, TODAY]), { now: NOW });
  await insert(db, table, ['2026-11-22T01:00:00Z']);
  const memory = new PassMemory();
  t.deepEqual(steps(await run(t, db, { memory }), 'drop'), []);
  t.deepEqual(steps(await run(t, db, { memory, now: NOW + 3_599_000 }), 'drop'), []);
  t.deepEqual(steps(await run(t, db, { memory, now: NOW + 3_600_000 }), 'drop'), [
    ['conn', 'drop', [TODAY - 1], undefined],
  ]);
  t.deepEqual(
    await names(db, table),
    ['log_partitions.conn_20261122', 'log_partitions.conn_20261124', 'log_partitions.conn_default'].map(
      (name) => name.slice('log_partitions.'.length),
    ),
  );
});

test('of several gateways one looks after the partitions', async (t) => {
  const { db } = await ownDatabase(t);
  const { table } = await makeLog(db, 'conn');
  await insert(db, table, ['2026-11-24T01:00:00Z', '2026-11-20T01:00:00Z']);
  const reports = await Promise.all(Array.from({ length: 5 }, () => upkeep(db, { now: NOW })));
  const ran = reports.filter((report) => report !== 'busy');
  t.true(ran.length >= 1);
  t.deepEqual(
    ran.flatMap(({ failures }) => failures),
    [],
  );
  t.is(ran.flatMap((report) => steps(report, 'move')).length, 2);
});

test('a default partition that somebody dropped is made again when a day is; one log does not stop the others', async (t) => {
  const { db } = await ownDatabase(t);
  const { table } = await makeLog(db, 'conn');
  await db.pool.query('DROP TABLE log_partitions.conn_default');
  await ensureDays(db, table, new Set([TODAY]), { now: NOW });
  t.deepEqual(await names(db, table), ['conn_20261124', 'conn_default']);
  await db.pool.query(`CREATE SCHEMA kept`);
  await makeLog(db, 'view');
  await db.pool.query('DROP TABLE logs.view');
  await db.pool.query('CREATE VIEW logs.view AS SELECT 1 AS ts');
  await insert(db, table, ['2026-11-24T01:00:00Z']);
  const report = await run(t, db);
  t.deepEqual(steps(report, 'make'), [['conn', 'make', [TODAY + 1, TODAY + 2], undefined]]);
});
