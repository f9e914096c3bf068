import test from 'ava';
import { ownDatabase } from '../support/database.js';
import { column, handFed, makeBridge, numbers, SCHEMA, until } from './numbers.js';
import { origin, RECEIVED } from './support.js';

test('a quiet stream is visible within a second', async (t) => {
  const { db } = await ownDatabase(t);
  const { bridge } = makeBridge(t, db);
  const source = handFed();
  const run = bridge.run(source);
  const from = origin('quiet');
  source.push([{ kind: 'schema', schema: SCHEMA, origin: from, topic: '', received: RECEIVED }]);
  const table = async (): Promise<boolean> =>
    (await column(db, "SELECT to_regclass('logs.numbers') IS NOT NULL"))[0] === true;
  t.true((await until(t, table)) < 20_000);
  const waits: number[] = [];
  for (let n = 0; n < 5; n++) {
    source.push(numbers(from, n, 1));
    const isThere = async (): Promise<boolean> =>
      (await column(db, `SELECT count(*)::int FROM logs.numbers WHERE n = ${n}`))[0] === 1;
    waits.push(await until(t, isThere));
  }
  const median = waits.toSorted((a, b) => a - b)[2] ?? Number.NaN;
  t.true(median < 1_000, `${waits.join(', ')} ms`);
  source.end();
  await run;
  await bridge.close();
  t.is(bridge.status.written.batches, 5);
});
