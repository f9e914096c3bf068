import test, { type ExecutionContext } from 'ava';
import { ensureLogTable } from '../../src/storage/log-tables.js';
import { ensureDays } from '../../src/storage/partitions/ensure-days.js';
import { testDatabase } from '../support/database.js';

/** The kinds of nodes of a plan, from the top. */
interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

const flatten = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(flatten)];

/**
 * Names of the indexes by which PostgreSQL answers a query with parameters, as the API asks, in the partition of the
 * day.
 */
async function indexesFor(t: ExecutionContext, where: string, values: readonly string[]): Promise<string[]> {
  const { db } = await testDatabase(t);
  const { rows } = await db.pool.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
    `EXPLAIN (FORMAT JSON) SELECT * FROM logs.conn WHERE ${where}`,
    [...values],
  );
  const plan = rows[0]?.['QUERY PLAN'][0].Plan;
  const names = plan ? flatten(plan).flatMap((node) => node['Index Name'] ?? []) : [];
  return names.flatMap((name) => /^conn_20231115_(.*)/.exec(name)?.[1] ?? []);
}

const NOW = Date.parse('2023-11-15T20:00:00Z');

test.before(async (t) => {
  const { db } = await testDatabase(t);
  const { table } = await ensureLogTable(db, { path: 'conn', stream: 'Conn::LOG' }, [
    { field: 'ts', zeekType: 'time', sqlType: 'timestamptz' },
    { field: 'uid', zeekType: 'string', sqlType: 'text' },
    { field: 'id.orig_h', zeekType: 'addr', sqlType: 'inet' },
    { field: 'id.resp_h', zeekType: 'addr', sqlType: 'inet' },
    { field: 'history', zeekType: 'string', sqlType: 'text' },
  ]);
  await ensureDays(db, table, new Set([Math.floor(NOW / 86_400_000)]), { now: NOW });
  await db.pool.query(
    `INSERT INTO logs.conn SELECT '2023-11-15 00:00:00+00'::timestamptz + n * interval '0.3 s', 'C' || n,
       '10.0.0.0'::inet + n / 40, '20.0.0.0'::inet + n::bigint * 7919, repeat('x', 60), now(), 1
       FROM generate_series(1, 200000) n`,
  );
  await db.pool.query('VACUUM (ANALYZE) logs.conn');
});

test('a range of time is found by the BRIN index', async (t) => {
  const range = ['2023-11-15T00:00:00Z', '2023-11-15T00:10:00Z'];
  t.deepEqual(await indexesFor(t, 'ts >= $1::timestamptz AND ts < $2::timestamptz', range), ['ts_idx']);
});

test('while a day is being written, a uid and an address are found by Bloom filters', async (t) => {
  t.deepEqual(await indexesFor(t, 'uid = $1::text', ['C4711']), ['uid_idx']);
  t.deepEqual(await indexesFor(t, '"id.orig_h" = $1::inet', ['10.0.3.7']), ['id.orig_h_idx']);
  const either = '"id.orig_h" = $1::inet OR "id.resp_h" = $1::inet';
  t.deepEqual(await indexesFor(t, either, ['10.0.3.7']), ['id.orig_h_idx', 'id.resp_h_idx']);
});
