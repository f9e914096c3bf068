import test, { type ExecutionContext } from 'ava';
import { ensureLogTable } from '../../src/storage/log-tables.js';
import { testDatabase } from '../support/database.js';

/** The kinds of nodes of a plan, from the top. */
interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

const flatten = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(flatten)];

/** Names of the indexes by which PostgreSQL answers a query with parameters, as the API asks. */
async function indexesFor(t: ExecutionContext, where: string, values: readonly string[]): Promise<string[]> {
  const { db } = await testDatabase(t);
  const { rows } = await db.pool.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
    `EXPLAIN (FORMAT JSON) SELECT * FROM logs.conn WHERE ${where}`,
    [...values],
  );
  const plan = rows[0]?.['QUERY PLAN'][0].Plan;
  return plan ? flatten(plan).flatMap((node) => node['Index Name'] ?? []) : [];
}

test.before(async (t) => {
  const { db } = await testDatabase(t);
  await ensureLogTable(db, { path: 'conn', stream: 'Conn::LOG' }, [
    { field: 'ts', zeekType: 'time', sqlType: 'timestamptz' },
    { field: 'uid', zeekType: 'string', sqlType: 'text' },
    { field: 'id.orig_h', zeekType: 'addr', sqlType: 'inet' },
    { field: 'id.resp_h', zeekType: 'addr', sqlType: 'inet' },
    { field: 'history', zeekType: 'string', sqlType: 'text' },
  ]);
  await db.pool.query(
    `INSERT INTO logs.conn SELECT to_timestamp(1700000000 + n), 'C' || n, '10.0.0.0'::inet + n % 5000,
       '20.0.0.0'::inet + n::bigint * 7919, repeat('x', 60), now(), 1 FROM generate_series(1, 200000) n`,
  );
  await db.pool.query('VACUUM (ANALYZE) logs.conn');
});

test('a range of time is found by the BRIN index', async (t) => {
  const range = ['2023-11-15T00:00:00Z', '2023-11-15T00:10:00Z'];
  t.deepEqual(await indexesFor(t, 'ts >= $1::timestamptz AND ts < $2::timestamptz', range), ['conn_ts_idx']);
});

test('a uid is found by the hash index', async (t) => {
  t.deepEqual(await indexesFor(t, 'uid = $1::text', ['C4711']), ['conn_uid_idx']);
});

test('addresses in a subnet are found by the B-tree indexes of both ends', async (t) => {
  const within = (field: string): string => `"${field}" <<= $1::inet`;
  t.deepEqual(await indexesFor(t, within('id.orig_h'), ['10.0.3.0/24']), ['conn_id.orig_h_idx']);
  t.deepEqual(await indexesFor(t, within('id.resp_h'), ['20.1.0.0/16']), ['conn_id.resp_h_idx']);
  const either = `${within('id.orig_h')} OR ${within('id.resp_h')}`;
  t.deepEqual(await indexesFor(t, either, ['10.0.3.7/32']), ['conn_id.orig_h_idx', 'conn_id.resp_h_idx']);
});

test('columns that come later get their index, too; a log without ts is indexed by its reception', async (t) => {
  const { db } = await testDatabase(t);
  const log = { path: 'later', stream: 'Later::LOG' };
  const indexes = async (): Promise<string[]> => {
    const { rows } = await db.pool.query<{ definition: string }>(
      `SELECT regexp_replace(indexdef, '^.* USING ', '') AS definition FROM pg_indexes
        WHERE schemaname = 'logs' AND tablename = 'later' ORDER BY 1`,
    );
    return rows.map(({ definition }) => definition);
  };
  const options = "WITH (pages_per_range='32', autosummarize='on')";
  await ensureLogTable(db, log, [{ field: 'note', zeekType: 'string', sqlType: 'text' }]);
  t.deepEqual(await indexes(), [`brin (_received) ${options}`]);
  await ensureLogTable(db, log, [
    { field: 'ts', zeekType: 'time', sqlType: 'timestamptz' },
    { field: 'fuid', zeekType: 'string', sqlType: 'text' },
    { field: 'uid', zeekType: 'set[string]', sqlType: 'text[]' },
    { field: 'id.resp_h', zeekType: 'addr', sqlType: 'inet' },
  ]);
  t.deepEqual(await indexes(), [
    `brin (_received) ${options}`,
    `brin (ts) ${options}`,
    'btree ("id.resp_h")',
    'hash (fuid)',
  ]);
});
