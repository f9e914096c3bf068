import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { DAY_MS, dayOf, dayText } from '../../src/storage/partitions/day.js';
import { ensureDays } from '../../src/storage/partitions/ensure-days.js';
import { maintain } from '../../src/storage/partitions/maintenance.js';
import { insert, makeLog } from '../storage/partitions/support.js';
import { ownDatabase } from '../support/database.js';
import { zeekway } from './cli.js';

const data = mkdtempSync(join(tmpdir(), 'zeekway-partitions-'));
const TODAY = dayOf(Date.now());

/** Three logs: one with rows that have no day, one of two days that is kept for a while, and an old plain table. */
async function setUp(t: ExecutionContext) {
  const { db, url } = await ownDatabase(t);
  const conn = await makeLog(db, 'conn');
  await insert(db, conn.table, [null, null, '1970-01-01T00:00:01Z', '2100-01-01T00:00:00Z']);
  const dns = await makeLog(db, 'dns');
  await ensureDays(db, dns.table, new Set([TODAY - 1, TODAY]));
  await insert(
    db,
    dns.table,
    [TODAY - 1, TODAY - 1, TODAY].map((day) => new Date(day * DAY_MS + 1).toISOString()),
  );
  // In an hour of the next day, so that yesterday is sealed whenever this test runs.
  const { failures } = await maintain(db, { now: Math.max(Date.now(), TODAY * DAY_MS + 3_600_000) });
  t.deepEqual(failures, []);
  await db.pool.query(
    `CREATE TABLE logs.weird (ts timestamptz, uid text, _received timestamptz NOT NULL, _source int NOT NULL);
     INSERT INTO zeekway.logs (path, table_name, stream) VALUES ('weird', 'weird', 'Weird::LOG')`,
  );
  return (...args: string[]) => zeekway(t, ['partitions', ...args, '--database', url, '--data', data]);
}

/** The cells of a table's rows. */
const cells = (out: string): string[][] =>
  out
    .split('\n')
    .filter((line) => line.startsWith('│'))
    .map((line) =>
      line
        .split('│')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

test('all logs, in a line each, and what is odd', async (t) => {
  const run = await setUp(t);
  const { code, out, err } = await run('--retention', 'dns=30d');
  t.is(code, 0, err);
  const [head, conn, dns, weird, ...more] = cells(out);
  t.deepEqual(more, []);
  t.deepEqual(head, ['log', 'partitions', 'first day', 'last day', 'rows in default', 'size', 'kept for']);
  t.deepEqual(conn?.toSpliced(5, 1), ['conn', '1', '-', '-', '4', 'ever']);
  t.deepEqual(dns?.toSpliced(5, 1), ['dns', '5', dayText(TODAY - 1), dayText(TODAY + 2), '0', '30 days']);
  t.regex(String(dns?.[5]), /^[\d.]+ KiB$/);
  t.deepEqual(weird, ['weird', 'none', '-', '-', '-', '8 KiB', 'ever']);
  t.deepEqual(out.trimEnd().split('\n').slice(-2), [
    'conn: 4 rows are in the default partition: 2 without a time, 1 of 1970-01-01 (before 1995), 1 of 2100-01-01 (more than 2 days ahead)',
    'weird: its table is not partitioned by days: nothing of it is dropped when it is old, or sealed',
  ]);
});

test('one log, each partition in a line', async (t) => {
  const run = await setUp(t);
  const { code, out, err } = await run('dns', 'conn', '--retention', 'default=1d');
  t.is(code, 0, err);
  t.regex(out, /^dns: 5 partitions by the UTC day of ts, [\d.]+ KiB, kept for 1 day\n/);
  const rows = cells(out);
  const states = rows.map(([day, count, , , state]) => [day, count, state]);
  t.deepEqual(states, [
    ['day', 'rows', 'state'],
    ['default', '0', 'hot'],
    [dayText(TODAY - 1), '~2', 'sealed'],
    [dayText(TODAY), '~1', 'hot'],
    [dayText(TODAY + 1), '0', 'hot'],
    [dayText(TODAY + 2), '0', 'hot'],
    ['day', 'rows', 'state'],
    ['default', '4', 'hot'],
  ]);
  t.regex(out, /\nconn: 1 partition by the UTC day of ts, /);
  t.regex(out, /\nconn: 4 rows are in the default partition: 2 without a time, .*\n$/);
});

test('--json has what the API answers', async (t) => {
  const run = await setUp(t);
  const all = JSON.parse((await run('--json', '--retention', 'dns=30d')).out);
  t.deepEqual(
    all.logs.map(({ path, keptDays }: { path: string; keptDays?: number }) => [path, keptDays]),
    [
      ['conn', undefined],
      ['dns', 30],
      ['weird', undefined],
    ],
  );
  t.true(all.limit > 100);
  const one = JSON.parse((await run('weird', '--json')).out);
  t.like(one, { path: 'weird', count: 0, partitions: [], problems: [{ kind: 'not_partitioned' }] });
});

test('mistakes: a clear line and exit code 1', async (t) => {
  const run = await setUp(t);
  const unknown = await run('con');
  t.deepEqual([unknown.code, unknown.out], [1, '']);
  t.regex(unknown.err, /^zeekway: there is no log "con"; did you mean "conn"\? \[not_found\]$/m);
  t.notRegex(unknown.err, /^ +at /m);
  const retention = await run('--retention', 'dns=soon');
  t.deepEqual([retention.code, retention.out], [1, '']);
  t.regex(retention.err, /\[config_invalid\]/);
});

test('a database without logs', async (t) => {
  const { url } = await ownDatabase(t);
  const { code, out, err } = await zeekway(t, ['partitions', '--database', url, '--data', data]);
  t.deepEqual([code, out, err], [0, '', 'there are no logs\n']);
});
