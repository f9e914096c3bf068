import test from 'ava';
import type pg from 'pg';
import { ensureDays } from '../../../src/storage/partitions/ensure-days.js';
import { describeLogs, type LogDescription } from '../../../src/storage/queries/catalogue.js';
import { logExtent, timeWindows } from '../../../src/storage/queries/extent.js';
import { type Query, read } from '../../../src/storage/queries/query.js';
import { logRows, type RowsRequest, rowsStatement } from '../../../src/storage/queries/rows.js';
import { testDatabase } from '../../support/database.js';
import { insert, makeLog, NOW, rowsByPartition, TODAY } from './support.js';

/** Three days of a row a second, and what has no day: some rows without a time, and a few from 1970 and 2100. */
const DAYS = 3;
const PER_DAY = 86_400;
const ROWS = DAYS * PER_DAY;

let pool: pg.Pool;
let log: LogDescription;

const inRead = <T>(work: (query: Query) => Promise<T>): Promise<T> => read(pool, { timeoutMs: 30_000 }, work);

const requestOf = (changes: Partial<RowsRequest>): RowsRequest => ({
  columns: log.columns.filter(({ field }) => field === 'uid'),
  conditions: [],
  order: 'desc',
  limit: 100,
  ...changes,
});

const page = (changes: Partial<RowsRequest>) => inRead((query) => logRows(query, log, requestOf(changes)));
const uidsOf = async (changes: Partial<RowsRequest>): Promise<unknown[]> =>
  (await page(changes)).rows.map(({ cells }) => cells[0]);

const numbered = (...numbers: number[]): string[] => numbers.map((number) => `N${number}`);

test.before(async (t) => {
  const { db } = await testDatabase(t);
  pool = db.pool;
  const { table } = await makeLog(db, 'conn');
  await ensureDays(db, table, new Set([TODAY - 3, TODAY - 2, TODAY - 1, TODAY]), { now: NOW });
  await insert(db, table, [null, null, '1970-01-01T00:00:01Z', '2100-01-01T00:00:00Z']);
  await pool.query(
    `INSERT INTO ${table} (ts, uid, "id.orig_h", _received, _source)
     SELECT timestamptz '2026-11-21T00:00:00Z' + n * interval '1 s', 'N' || n, '10.0.0.1', now(), 1
       FROM generate_series(0, ${ROWS - 1}) AS n`,
  );
  await pool.query(`VACUUM (ANALYZE) ${table}`);
  log = await inRead(async (query) => (await describeLogs(query, ['conn']))[0] as LogDescription);
});

/** The partitions that a plan reads. */
async function planned(changes: Partial<RowsRequest>): Promise<string[]> {
  const { text, values } = rowsStatement(log, requestOf(changes));
  const plan = await inRead((query) => query(`EXPLAIN ${text}`, values));
  const scanned = plan.join('\n').matchAll(/Scan(?: using \S+)? on (conn_\w+)/g);
  return [...new Set([...scanned].map(([, name]) => String(name)))]
    .filter((name) => !name.endsWith('idx'))
    .sort();
}

test('only the partitions of a range are read', async (t) => {
  t.deepEqual(await planned({ from: '2026-11-22T01:00:00Z', to: '2026-11-22T02:00:00Z' }), ['conn_20261122']);
  t.deepEqual(await planned({ from: '2026-11-22T23:00:00Z', to: '2026-11-23T02:00:00Z' }), [
    'conn_20261122',
    'conn_20261123',
  ]);
  // What is later than all partitions can only be in the default one.
  t.deepEqual(await planned({ from: '2026-11-23T23:59:00Z' }), [
    'conn_20261123',
    'conn_20261124',
    'conn_default',
  ]);
});

test('the newest and the oldest rows are found without reading other days', async (t) => {
  t.deepEqual(await uidsOf({ limit: 3 }), ['C4', ...numbered(ROWS - 1, ROWS - 2)]);
  t.deepEqual(await uidsOf({ limit: 3, order: 'asc' }), ['C3', ...numbered(0, 1)]);
  const to = '2026-11-22T00:00:01Z';
  t.deepEqual(await uidsOf({ limit: 3, to }), numbered(PER_DAY, PER_DAY - 1, PER_DAY - 2));
  const windows = await inRead((query) => timeWindows(query, log, { order: 'desc' }));
  t.is(windows[0]?.from, '2026-11-23 23:59:58+00');
  t.deepEqual(await planned({ ...windows[0] }), ['conn_20261123', 'conn_20261124', 'conn_default']);
  const inside = await inRead((query) => timeWindows(query, log, { order: 'desc', to }));
  t.is(inside[0]?.from, '2026-11-22 00:00:00+00');
  const upwards = await inRead((query) =>
    timeWindows(query, log, { order: 'asc', from: '2026-11-22T23:59:59Z' }),
  );
  t.is(upwards[0]?.to, '2026-11-23 00:00:00+00');
  // Where the range has no day of its own, the nearest one tells.
  const before = await inRead((query) => timeWindows(query, log, { order: 'asc', from: '2026-11-01' }));
  t.is(before[0]?.to, '2026-11-21 00:00:01+00');
});

test('pages go on from one partition into the next', async (t) => {
  for (const order of ['desc', 'asc'] as const) {
    const found: unknown[] = [];
    let after: RowsRequest['after'];
    do {
      const { rows, next } = await page({ order, limit: 10_000, after });
      found.push(...rows.map(({ cells }) => cells[0]));
      after = next;
    } while (after);
    const days = Array.from({ length: ROWS }, (_, index) => `N${index}`);
    const sorted = order === 'asc' ? ['C3', ...days, 'C4'] : ['C4', ...days.reverse(), 'C3'];
    t.deepEqual(found.slice(0, -2), sorted, order);
    t.deepEqual(found.slice(-2).sort(), ['C1', 'C2'], order);
  }
});

test.serial('rows of one time, and those without, come once each, page by page', async (t) => {
  const { db } = await testDatabase(t);
  const { table } = await makeLog(db, 'same');
  const description = (await inRead((query) => describeLogs(query, ['same'])))[0] as LogDescription;
  const columns = description.columns.filter(({ field }) => field === 'uid');
  await ensureDays(db, table, new Set([TODAY]), { now: NOW });
  await insert(
    db,
    table,
    Array.from({ length: 5 }, () => '2026-11-24 01:00+00'),
  );
  await insert(db, table, [null, null, null, null, null]);
  for (const order of ['desc', 'asc'] as const) {
    let after: RowsRequest['after'];
    const found: unknown[] = [];
    do {
      const request = { columns, conditions: [], order, limit: 1, after };
      const { rows, next } = await inRead((query) => logRows(query, description, request));
      found.push(...rows.map(({ cells }) => cells[0]));
      after = next;
    } while (after);
    const uids = ['C1', 'C2', 'C3', 'C4', 'C5'];
    t.deepEqual(found, order === 'asc' ? [...uids, ...uids] : [...uids.toReversed(), ...uids.toReversed()]);
  }
});

test.serial('a cursor outlives the partition that it is in, and no rewrite of it', async (t) => {
  const { db } = await testDatabase(t);
  const { table } = await makeLog(db, 'gone');
  await ensureDays(db, table, new Set([TODAY - 1, TODAY]), { now: NOW });
  await insert(db, table, ['2026-11-24 02:00+00', '2026-11-24 01:00+00', '2026-11-23 01:00+00']);
  const description = (await inRead((query) => describeLogs(query, ['gone'])))[0] as LogDescription;
  const columns = description.columns.filter(({ field }) => field === 'uid');
  const request: RowsRequest = { columns, conditions: [], order: 'desc', limit: 1 };
  const { next: after } = await inRead((query) => logRows(query, description, request));
  await db.pool.query('VACUUM FULL log_partitions.gone_20261123');
  const second = await inRead((query) => logRows(query, description, { ...request, after }));
  t.is(second.rows[0]?.cells[0], 'C2');
  await db.pool.query('VACUUM FULL log_partitions.gone_20261124');
  await t.throwsAsync(
    inRead((query) => logRows(query, description, { ...request, after })),
    { code: 'request_invalid' },
  );
  await db.pool.query('DROP TABLE log_partitions.gone_20261124');
  const third = await inRead((query) => logRows(query, description, { ...request, after }));
  t.is(third.rows[0]?.cells[0], 'C3');
});

test('the extent of a large log is that of its first and last day, and of what has none', async (t) => {
  const extent = await inRead((query) => logExtent(query, log));
  t.false(extent.exact);
  t.true(Math.abs(extent.rows - ROWS) < ROWS / 100, String(extent.rows));
  t.is(extent.first, '1970-01-01 00:00:01+00');
  t.is(extent.last, '2100-01-01 00:00:00+00');
});

test('before its first ANALYZE the rows of a partition are estimated as the planner does it', async (t) => {
  const { db } = await testDatabase(t);
  const { table } = await makeLog(db, 'fresh');
  await ensureDays(db, table, new Set([TODAY]), { now: NOW });
  const values = `SELECT '2026-11-24 01:00+00'::timestamptz, repeat('x', 200), NULL, NULL, now(), 1`;
  await db.pool.query(`INSERT INTO ${table} ${values} FROM generate_series(1, 60000)`);
  const description = (await inRead((query) => describeLogs(query, ['fresh'])))[0] as LogDescription;
  const extent = await inRead((query) => logExtent(query, description));
  t.false(extent.exact);
  t.true(extent.rows > 20_000 && extent.rows < 240_000, String(extent.rows));
  t.is(extent.last, '2026-11-24 01:00:00+00');
  t.deepEqual(await rowsByPartition(db, table), { fresh_20261124: 60_000, fresh_default: 0 });
});
