import test from 'ava';
import { problemsOf } from '../../src/http/partitions.js';
import { DAY_MS, dayOf, dayText } from '../../src/storage/partitions/day.js';
import { ensureDays } from '../../src/storage/partitions/ensure-days.js';
import { maintain } from '../../src/storage/partitions/maintenance.js';
import { insert, makeLog } from '../storage/partitions/support.js';
import { ownDatabase, testDatabase } from '../support/database.js';
import { type Json, openApi, type TestApi } from './api.js';

/** The API tells by the time of this machine. */
const TODAY = dayOf(Date.now());
const FAR = '2100-01-01';

let api: TestApi;
test.before(async (t) => {
  api = await openApi(t, { retention: { defaultDays: 30, days: new Map([['kept', undefined]]) } });
  const { db } = await testDatabase(t);
  const { table } = await makeLog(db, 'conn');
  await makeLog(db, 'kept');
  await ensureDays(db, table, new Set([TODAY - 2, TODAY]));
  await insert(db, table, [
    ...[TODAY - 2, TODAY - 2, TODAY].map((day) => new Date(day * DAY_MS + 1).toISOString()),
    null,
    null,
    null,
    '1970-01-01T00:00:01Z',
    `${FAR}T23:59:59Z`,
    `${FAR}T00:00:00Z`,
    'infinity',
    '-infinity',
    '0044-03-15 12:00:00+00 BC',
  ]);
  const { failures } = await maintain(db, { now: Date.now() });
  t.deepEqual(failures, []);
  // Rows that came after the last look of the maintenance.
  await insert(db, table, [dayText(TODAY - 1), '2020-02-29']);
  await db.pool.query(
    `CREATE TABLE logs.old (ts timestamptz, uid text, _received timestamptz NOT NULL, _source int NOT NULL);
     INSERT INTO logs.old VALUES (now(), 'C1', now(), 1);
     INSERT INTO zeekway.logs (path, table_name, stream) VALUES ('old', 'old', 'Old::LOG')`,
  );
});
test.after.always(() => api.close());

const kindsOf = (log: Json | undefined): unknown[] =>
  ((log?.['problems'] ?? []) as Json[]).map(({ kind }) => kind);

async function summaryOf(path: string): Promise<Json | undefined> {
  const { body } = await api.get('/v1/partitions');
  return (body['logs'] as Json[]).find((log) => log['path'] === path);
}

test('all logs, summed up', async (t) => {
  const { body } = await api.get('/v1/partitions');
  t.deepEqual(
    (body['logs'] as Json[]).map(({ path }) => path),
    ['conn', 'kept', 'old'],
  );
  const { rows } = await api.pool.query(
    `SELECT current_setting('max_locks_per_transaction')::int * current_setting('max_connections')::int AS locks`,
  );
  t.is(body['limit'], Math.min(4_000, Math.floor(rows[0].locks / 10)));
  const conn = await summaryOf('conn');
  t.like(conn, {
    table: 'logs."conn"',
    key: 'ts',
    // The default one, two that were made, two that the maintenance made ahead.
    count: 5,
    first: dayText(TODAY - 2),
    last: dayText(TODAY + 2),
    keptDays: 30,
  });
  t.true(Number(conn?.['bytes']) >= 3 * 8192);
  t.true(Number(conn?.['indexBytes']) > 0);
  const kept = await summaryOf('kept');
  t.false('keptDays' in (kept ?? {}));
  t.deepEqual(kept?.['default'], { rows: 0, exact: true, days: [] });
  t.deepEqual(kindsOf(kept), []);
});

test('what waits in the default partition, by day and reason', async (t) => {
  const conn = await summaryOf('conn');
  t.deepEqual(conn?.['default'], {
    rows: 11,
    exact: true,
    days: [
      { reason: 'no_time', rows: 3 },
      { day: FAR, reason: 'too_late', rows: 2 },
      { day: '-infinity', reason: 'too_early', rows: 1 },
      { day: '0044-03-15 BC', reason: 'too_early', rows: 1 },
      { day: '1970-01-01', reason: 'too_early', rows: 1 },
      { day: '2020-02-29', reason: 'old', rows: 1 },
      { day: dayText(TODAY - 1), reason: 'recent', rows: 1 },
      { day: 'infinity', reason: 'too_late', rows: 1 },
    ],
  });
  t.deepEqual(conn?.['problems'], [
    {
      kind: 'rows_in_default',
      detail:
        '11 rows are in the default partition: 3 without a time, 2 of 2100-01-01 (more than 2 days ahead), 1 of -infinity (before 1995), 1 of 0044-03-15 BC (before 1995), 1 of 1970-01-01 (before 1995), 3 of other days',
    },
  ]);
});

test('a table that is not partitioned', async (t) => {
  const old = await summaryOf('old');
  t.like(old, { table: 'logs."old"', count: 0, indexBytes: 0 });
  t.true(Number(old?.['bytes']) >= 8192);
  t.false('key' in (old ?? {}));
  t.false('default' in (old ?? {}));
  t.deepEqual(kindsOf(old), ['not_partitioned']);
  const { body } = await api.get('/v1/partitions/old');
  t.deepEqual(body['partitions'], []);
  t.deepEqual(kindsOf(body), ['not_partitioned']);
});

test('each partition of a log', async (t) => {
  const { body } = await api.get('/v1/partitions/conn');
  const { partitions, limit, ...summary } = body;
  t.is(limit, (await api.get('/v1/partitions')).body['limit']);
  t.deepEqual(summary, await summaryOf('conn'));
  const listed = partitions as Json[];
  const dayed = (day: number, sealed: boolean, rows: number | undefined) => ({
    table: `log_partitions.conn_${dayText(day).replaceAll('-', '')}`,
    default: false,
    first: dayText(day),
    last: dayText(day),
    sealed,
    ...(rows === undefined ? {} : { rows }),
  });
  t.deepEqual(
    listed.map(({ bytes, indexBytes, ...others }) => others),
    [
      // The maintenance has analyzed it, with a page for nine rows.
      { table: 'log_partitions.conn_default', default: true, sealed: false, rows: 9 },
      dayed(TODAY - 2, true, 2),
      dayed(TODAY, false, 1),
      dayed(TODAY + 1, false, 0),
      dayed(TODAY + 2, false, 0),
    ],
  );
  const sum = (key: string): number => listed.reduce((total, each) => total + Number(each[key]), 0);
  t.is(sum('bytes'), Number(summary['bytes']));
  t.is(sum('indexBytes'), Number(summary['indexBytes']));
});

test('a partition that was never analyzed has no number of rows', async (t) => {
  const { db } = await ownDatabase(t);
  const { table } = await makeLog(db, 'fresh');
  await ensureDays(db, table, new Set([TODAY]));
  await insert(db, table, [dayText(TODAY)]);
  const fresh = await openApi(t, { pool: db.pool });
  t.teardown(() => fresh.close());
  const { body } = await fresh.get('/v1/partitions/fresh');
  const [rest, day] = body['partitions'] as Json[];
  t.is(rest?.['rows'], 0);
  t.false('rows' in (day ?? {}));
});

test('more partitions than the server has locks for', (t) => {
  const piece = { table: 'p', first: '2026-11-24', last: '2026-11-24', isDefault: false, isSealed: false };
  const pieces = Array.from({ length: 641 }, () => ({ ...piece, rows: 0, bytes: 0, indexBytes: 0 }));
  const log = { path: 'many', table: 'logs."many"', key: 'ts', pieces };
  const nothing = { rows: 0, exact: true, days: [] };
  t.deepEqual(problemsOf(log, nothing, 641), []);
  t.deepEqual(problemsOf(log, nothing, 640), [
    {
      kind: 'too_many_partitions',
      detail:
        'it has 641 partitions, and this server has locks for 640: older days get none, and queries without a range of time may fail',
    },
  ]);
});

test('a default partition with very many rows is told by its first ones', async (t) => {
  const { db } = await ownDatabase(t);
  const { table } = await makeLog(db, 'lost');
  await db.pool.query(
    `INSERT INTO ${table} (ts, _received, _source)
     SELECT to_timestamp(n % 40 * 86400), now(), 1 FROM generate_series(1, 150000) n`,
  );
  await db.pool.query(`ANALYZE ${table}`);
  const lost = await openApi(t, { pool: db.pool });
  t.teardown(() => lost.close());
  const { body } = await lost.get('/v1/partitions/lost');
  const { rows, exact, days } = body['default'] as { rows: number; exact: boolean; days: Json[] };
  t.false(exact);
  t.true(Math.abs(rows - 150_000) < 1_500, String(rows));
  t.is(days.length, 31);
  t.like(days[0], { day: '1970-01-01', reason: 'too_early', rows: 2500 });
  t.regex(
    String((body['problems'] as Json[])[0]?.['detail']),
    /^about 1\d{5} rows are .*: of the first 100000 2500 of 1970-01-01 \(before 1995\), .*, 87500 of other days$/,
  );
});

test('a log that does not exist', async (t) => {
  const { status, body } = await api.get('/v1/partitions/con');
  t.is(status, 404);
  t.like(body, { code: 'not_found', detail: 'there is no log "con"; did you mean "conn"?' });
});
