import { randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { Bridge } from '../../src/bridge/bridge.js';
import { checkStored, problems } from '../../src/load/check.js';
import type { LoadPlan } from '../../src/load/plan.js';
import { streamsOf } from '../../src/load/records.js';
import { readSamples } from '../../src/load/samples.js';
import { LoadWorker, type Sent } from '../../src/load/worker.js';
import { systemClock } from '../../src/peer/system.js';
import { ownDatabase } from '../support/database.js';
import { LISTEN, testEndpoint, until, urlOf } from '../support/endpoints.js';
import { liveItems } from '../support/live-items.js';
import { silentLogger } from '../support/logger.js';
import { loadPlan } from './plan.js';

/** Sends a plan through an endpoint and a bridge into a database of its own. */
async function store(t: ExecutionContext, plan: LoadPlan) {
  const samples = await readSamples();
  const { db } = await ownDatabase(t);
  const { endpoint } = testEndpoint(t);
  const bridge = new Bridge({ db, writerId: randomUUID(), logger: silentLogger, clock: systemClock });
  void bridge.run(liveItems(endpoint.subscribe(['zeek/logs/'])));
  t.teardown(() => bridge.close());
  const url = urlOf(await endpoint.listen(LISTEN));
  const workers = Array.from({ length: plan.workers }, (_, worker) => {
    const started = new LoadWorker({ plan, worker, samples, url });
    t.teardown(() => started.stop());
    return started;
  });
  await Promise.all(workers.map((worker) => worker.connect()));
  await Promise.all(workers.map((worker) => worker.begin()));
  await until('all is written', () => {
    const { logs } = bridge.status.written;
    return Object.values(logs).reduce((sum, rows) => sum + rows, 0) >= (plan.records ?? 0);
  });
  const streams = workers.flatMap((_, worker) => streamsOf(plan, worker, samples));
  const sent = workers.flatMap((worker) => worker.sent);
  const query = (sql: string) => db.pool.query(sql);
  const wrong = async (as: readonly Sent[] = sent, cuts: readonly Sent[] = []): Promise<string[]> =>
    problems(await checkStored(query, streams, as), cuts);
  return { query, wrong, sent, streams };
}

test.serial('what was sent is found, record for record, and whatever is wrong is told', async (t) => {
  const { query, wrong, sent, streams } = await store(t, loadPlan({ records: 12_000 }));
  t.deepEqual(await wrong(), []);
  const uid = (log: string, worker: number, number: number): string =>
    streams.find((stream) => stream.log === log && stream.worker === worker)?.uid(number) ?? '';

  await query(`DELETE FROM logs.conn WHERE uid IN ('${uid('conn', 1, 17)}', '${uid('conn', 1, 18)}')`);
  t.deepEqual(await wrong(), ['conn of worker 1: records 17 to 18 are missing']);
  // It may be missing where a connection was lost, and nowhere else.
  const cutAt = (end: number): Sent[] => [{ log: 'conn', worker: 1, end: 4_200, cuts: [end] }];
  t.deepEqual(await wrong(sent, cutAt(19)), []);
  t.is((await wrong(sent, cutAt(18))).length, 1);
  t.is((await wrong(sent, cutAt(20))).length, 1);

  await query(`INSERT INTO logs.dns SELECT * FROM logs.dns WHERE uid = '${uid('dns', 0, 1_199)}'`);
  t.deepEqual(await wrong(sent, cutAt(19)), ['dns of worker 0: 1 rows are stored more than once']);

  await query(`UPDATE logs.http SET tags = '{HTTP::URI_SQLI}' WHERE uid = '${uid('http', 0, 5)}'`);
  t.deepEqual((await wrong(sent, cutAt(19))).slice(1), [
    'http of worker 0: of records 0 to 599 some were changed',
  ]);
});

test.serial('every column of every log counts', async (t) => {
  const { query, wrong, streams } = await store(t, loadPlan({ workers: 1, records: 3_000 }));
  t.deepEqual(await wrong(), []);
  for (const stream of streams) {
    for (const { name } of stream.schema.fields) {
      const column = `"${name}"`;
      const table = `logs.${stream.log}`;
      if (name === 'uid') continue;
      await query(`CREATE TABLE kept AS TABLE ${table}`);
      // NULL where something was; where nothing was in any row, something.
      const { rows } = await query(`SELECT format_type(atttypid, NULL) AS type FROM pg_attribute
        WHERE attrelid = '${table}'::regclass AND attname = '${name}'`);
      const type = String(rows[0]?.['type']);
      const some = { text: "'x'", numeric: '0', 'text[]': "'{x}'" }[type] ?? 'NULL';
      await query(`UPDATE ${table} SET ${column} = CASE WHEN ${column} IS NULL THEN ${some}::${type} END
        WHERE uid = (SELECT uid FROM ${table} ORDER BY ${column} LIMIT 1)`);
      t.is((await wrong()).length, 1, `${table} ${column}`);
      await query(`TRUNCATE ${table}`);
      await query(`INSERT INTO ${table} TABLE kept`);
      await query('DROP TABLE kept');
    }
  }
});

test.serial('the end is missing, and what was never sent is told', async (t) => {
  const { wrong, sent } = await store(t, loadPlan({ workers: 1, records: 1_000 }));
  const shifted = (by: number): Sent[] => sent.map((one) => ({ ...one, end: one.end + by }));
  t.deepEqual(await wrong(shifted(2)), [
    'conn of worker 0: records 700 to 701 are missing',
    'dns of worker 0: records 200 to 201 are missing',
    'http of worker 0: records 100 to 101 are missing',
  ]);
  t.deepEqual(await wrong(shifted(-3)), [
    'conn of worker 0: 3 rows were never sent',
    'dns of worker 0: 3 rows were never sent',
    'http of worker 0: 3 rows were never sent',
  ]);
  t.deepEqual(await wrong([]), [
    'conn of worker 0: 700 rows were never sent',
    'dns of worker 0: 200 rows were never sent',
    'http of worker 0: 100 rows were never sent',
  ]);
});
