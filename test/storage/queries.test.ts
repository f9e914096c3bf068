import test from 'ava';
import type pg from 'pg';
import { ensureLogTable, type SqlType } from '../../src/storage/log-tables.js';
import { ensureDays } from '../../src/storage/partitions/ensure-days.js';
import { describeLogs, type LogColumn, type LogDescription } from '../../src/storage/queries/catalogue.js';
import { logExtent, timeWindows } from '../../src/storage/queries/extent.js';
import { type Query, read } from '../../src/storage/queries/query.js';
import { type Condition, logRows, type RowsRequest, rowsStatement } from '../../src/storage/queries/rows.js';
import { testDatabase } from '../support/database.js';

/** Large enough to be read by its indexes: 200,000 rows, ten a second, all of one day, the two halves from other networks. */
const ROWS = 200_000;
const SPECS: readonly (readonly [string, string, SqlType])[] = [
  ['ts', 'time', 'timestamptz'],
  ['uid', 'string', 'text'],
  ['id.orig_h', 'addr', 'inet'],
  ['id.resp_h', 'addr', 'inet'],
  ['id.resp_p', 'port', 'integer'],
  ['tunnel_parents', 'set[string]', 'text[]'],
];

let pool: pg.Pool;
let log: LogDescription;
test.before(async (t) => {
  const { db } = await testDatabase(t);
  pool = db.pool;
  const specs = SPECS.map(([field, zeekType, sqlType]) => ({ field, zeekType, sqlType }));
  const { table } = await ensureLogTable(db, { path: 'conn', stream: 'Conn::LOG' }, specs);
  const now = Date.parse('2026-11-24T12:00:00Z');
  await ensureDays(db, table, new Set([Math.floor(now / 86_400_000)]), { now });
  await pool.query(
    `INSERT INTO ${table} (ts, uid, "id.orig_h", "id.resp_h", "id.resp_p", _received, _source)
     SELECT timestamptz '2026-11-24T00:00:00Z' + n * interval '100 ms', 'C' || n,
            (CASE WHEN n < ${ROWS / 2} THEN inet '10.0.0.0' ELSE inet '192.168.0.0' END) + n % 65536,
            inet '2001:db8::' + n, n % 1000, now(), 1
       FROM generate_series(0, ${ROWS - 1}) AS n`,
  );
  await pool.query(`VACUUM (ANALYZE) ${table}`);
  log = await inRead(async (query) => (await describeLogs(query, ['conn']))[0] as LogDescription);
});

const inRead = <T>(work: (query: Query) => Promise<T>): Promise<T> => read(pool, { timeoutMs: 30_000 }, work);

function column(name: string): LogColumn {
  const found = log.columns.find(({ field }) => field === name);
  if (!found) throw new Error(`no column ${name}`);
  return found;
}

const where = (test: Condition['test'], name: string, value: string): RowsRequest['conditions'] => [
  [{ test, column: column(name), value }],
];

const requestOf = (changes: Partial<RowsRequest>): RowsRequest => ({
  columns: log.columns,
  conditions: [],
  order: 'desc',
  limit: 100,
  ...changes,
});

/** The indexes of the day's partition that the plan of a request's statement uses. */
async function indexesOf(changes: Partial<RowsRequest>): Promise<string[]> {
  const { text, values } = rowsStatement(log, requestOf(changes));
  const plan = await inRead((query) => query(`EXPLAIN ${text}`, values));
  const indexes = [...plan.join('\n').matchAll(/Index Scan (?:on|using) "?([^\s"]+)/g)];
  return indexes.map(([, index]) => String(index)).filter((index) => !index.includes('_default'));
}

test('a range of time is read by the index on ts', async (t) => {
  const range = { from: '2026-11-24T01:00:00Z', to: '2026-11-24T01:01:00Z' };
  t.deepEqual(await indexesOf(range), ['conn_20261124_ts_idx']);
  t.deepEqual(await indexesOf({ from: '2026-11-24T05:30:00Z' }), ['conn_20261124_ts_idx']);
});

test('a uid is read by its index', async (t) => {
  t.deepEqual(await indexesOf({ conditions: where('equals', 'uid', 'C5') }), ['conn_20261124_uid_idx']);
});

test('an address is read by its index', async (t) => {
  t.deepEqual(await indexesOf({ conditions: where('equals', 'id.resp_h', '2001:db8::100') }), [
    'conn_20261124_id.resp_h_idx',
  ]);
});

const uidsOf = async (changes: Partial<RowsRequest>): Promise<unknown[]> => {
  const { rows } = await inRead((query) =>
    logRows(query, log, requestOf({ columns: [column('uid')], ...changes })),
  );
  return rows.map(({ cells }) => cells[0]);
};

test('the newest rows of a large table are found in a window of time', async (t) => {
  t.deepEqual(await uidsOf({ limit: 3 }), ['C199999', 'C199998', 'C199997']);
  t.deepEqual(await uidsOf({ limit: 3, order: 'asc' }), ['C0', 'C1', 'C2']);
  t.deepEqual(await uidsOf({ limit: 2, to: '2026-11-24T00:00:10Z' }), ['C99', 'C98']);
  t.deepEqual(await uidsOf({ limit: 2, order: 'asc', from: '2026-11-24T00:00:10Z' }), ['C100', 'C101']);
  const windows = await inRead((query) => timeWindows(query, log, { order: 'desc' }));
  t.is(windows[0]?.from, '2026-11-24 05:33:18.9+00');
  // 65,536 s would be more than the table has.
  t.is(windows.length, 4);
  const bounded = await inRead((query) =>
    timeWindows(query, log, { order: 'desc', from: '2026-11-24T05:33:00Z' }),
  );
  t.deepEqual(bounded, [{ from: '2026-11-24 05:33:18.9+00' }, { from: '2026-11-24 05:33:03.9+00' }]);
});

test('a filter that few rows match is answered from all of the table', async (t) => {
  const found = await uidsOf({ conditions: where('equals', 'id.resp_h', '2001:db8::5') });
  t.deepEqual(found, ['C5']);
  t.is((await uidsOf({ conditions: where('equals', 'id.resp_p', '7'), limit: 150 })).length, 150);
  t.is((await uidsOf({ conditions: where('within', 'id.orig_h', '10.0.0.0/30'), limit: 150 })).length, 8);
});

test('a short range is asked at once where the planner finds its rows cheap, else by windows', async (t) => {
  const asked = (changes: Partial<RowsRequest>): Promise<string[]> =>
    inRead(async (query) => {
      const texts: string[] = [];
      const spied: Query = (text, values) => {
        texts.push(text.trimStart().split(' ', 1)[0] ?? '');
        return query(text, values);
      };
      await logRows(spied, log, requestOf(changes));
      return texts;
    });
  const minute = { from: '2026-11-24T01:00:00.000000Z', to: '2026-11-24T01:01:00.000000Z' };
  const few = where('equals', 'id.resp_h', '2001:db8::5');
  t.deepEqual(await asked({ ...minute, conditions: few }), ['EXPLAIN', 'SELECT']);
  // Reading the whole day costs much; the pieces, their ends, the windows, and all of it.
  const day = { from: '2026-11-24T00:00:00.000000Z', to: '2026-11-25T00:00:00.000000Z' };
  const many = await asked({ ...day, conditions: where('within', 'id.resp_h', '2001:db8::/125') });
  t.deepEqual(many.slice(0, 2), ['EXPLAIN', 'SELECT']);
  t.true(many.length > 4);
  // Without a condition, and of a long or an open range, the planner is not asked.
  t.false((await asked(minute)).includes('EXPLAIN'));
  t.false(
    (await asked({ ...day, from: '2026-01-01T00:00:00.000000Z', conditions: few })).includes('EXPLAIN'),
  );
  t.false((await asked({ to: minute.to, conditions: few })).includes('EXPLAIN'));
});

test.serial('pages of a large table go on where the one before ended', async (t) => {
  const uids: unknown[] = [];
  let after: RowsRequest['after'];
  for (let page = 0; page < 5; page++) {
    const { rows, next } = await inRead((query) =>
      logRows(query, log, requestOf({ columns: [column('uid')], limit: 1000, after })),
    );
    uids.push(...rows.map(({ cells }) => cells[0]));
    after = next;
  }
  t.deepEqual(
    uids,
    Array.from({ length: 5000 }, (_, index) => `C${ROWS - 1 - index}`),
  );
});

test.serial('rows that came late are found, wherever they lie in the table', async (t) => {
  await pool.query(
    `INSERT INTO ${log.table} (ts, uid, _received, _source)
     VALUES ('2026-11-24T02:00:00.05Z', 'late', now(), 1), (NULL, 'timeless', now(), 1)`,
  );
  t.true((await uidsOf({ from: '2026-11-24T02:00:00Z', to: '2026-11-24T02:00:01Z' })).includes('late'));
  t.deepEqual(await uidsOf({ limit: 1 }), ['C199999']);
  t.deepEqual(await uidsOf({ conditions: where('equals', 'uid', 'timeless') }), ['timeless']);
  await pool.query(`DELETE FROM ${log.table} WHERE uid IN ('late', 'timeless')`);
});

test('the extent of a large table is estimated from its ends', async (t) => {
  const extent = await inRead((query) => logExtent(query, log));
  t.false(extent.exact);
  t.true(Math.abs(extent.rows - ROWS) < ROWS / 100, String(extent.rows));
  t.is(extent.first, '2026-11-24 00:00:00+00');
  t.is(extent.last, '2026-11-24 05:33:19.9+00');
});

test.serial('a transaction reads only, and ends', async (t) => {
  const error = await t.throwsAsync(inRead((query) => query('DELETE FROM zeekway.logs')));
  t.like(error, { code: 'database_failed' });
  t.regex(String(error?.message), /read-only/);
  await t.throwsAsync(
    inRead(async () => {
      throw new Error('of the caller');
    }),
    { message: 'of the caller' },
  );
  t.is(pool.waitingCount, 0);
  t.is(pool.idleCount, pool.totalCount);
});

test('statements together keep to the limit', async (t) => {
  const slow = read(pool, { timeoutMs: 300 }, async (query) => {
    for (let n = 0; n < 10; n++) await query('SELECT pg_sleep(0.2)');
  });
  await t.throwsAsync(slow, { code: 'query_timeout' });
});

test('a signal that is aborted already runs nothing', async (t) => {
  await t.throwsAsync(
    read(pool, { timeoutMs: 1000, signal: AbortSignal.abort() }, (query) => query('SELECT 1')),
    { code: 'query_timeout' },
  );
});
