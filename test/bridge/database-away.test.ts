import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type pg from 'pg';
import { BATCH_BYTES, BATCHES_IN_FLIGHT } from '../../src/core/limits.js';
import { type Database, openDatabase } from '../../src/storage/database.js';
import { migrate } from '../../src/storage/migrate.js';
import type { Item } from '../../src/zeek/item.js';
import { ownDatabase } from '../support/database.js';
import { column, FIELDS, handFed, makeBridge, messages, numbers, record, SCHEMA, until } from './numbers.js';
import { logItem, origin, RECEIVED, schemaOf } from './support.js';

async function expectNumbers(t: ExecutionContext, db: Database, size: number): Promise<void> {
  const { rows } = await db.pool.query({
    text: 'SELECT count(*)::int, count(DISTINCT n)::int, min(n)::int, max(n)::int FROM logs.numbers',
    rowMode: 'array',
  });
  t.deepEqual(rows, [[size, size, 0, size - 1]]);
}

test('connections that are cut again and again: every row is there once', async (t) => {
  const { db, url } = await ownDatabase(t);
  const { bridge, logger } = makeBridge(t, db);
  const other = await openDatabase({ url });
  const source = handFed();
  const run = bridge.run(source);
  const from = origin('a');
  let cut = 0;
  let parts = 0;
  for (; cut < 5 && parts < 3_000; parts++) {
    source.push(numbers(from, parts * 100, 100));
    await sleep(20);
    const { rowCount } = await other.pool.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
    cut += rowCount ?? 0;
  }
  source.end();
  await run;
  await bridge.close();
  t.true(cut >= 5, `only ${cut} connections were cut`);
  // Its connection was not cut; of the others, one may not know yet that it was.
  await expectNumbers(t, other, parts * 100);
  await other.close();
  t.deepEqual(bridge.status.database, { state: 'ok' });
  t.deepEqual(bridge.status.written.logs, { numbers: parts * 100 });
  // Each time away is told by two lines, not by one a try.
  const lines = logger.lines.map(({ level }) => level);
  t.deepEqual(
    lines,
    lines.map((_, index) => (index % 2 === 0 ? 'warn' : 'info')),
  );
});

/** A database that carries out the first COMMITs of rows, and whose connection breaks before it says so. */
function losingAnswers(db: Database, times: number): Database {
  let left = times;
  const connect = async (): Promise<pg.PoolClient> => {
    const client = await db.pool.connect();
    let hasCopied = false;
    const query = (text: string | object, values?: unknown[]): Promise<unknown> => {
      const result: Promise<unknown> = client.query(text as string, values);
      hasCopied ||= typeof text !== 'string';
      if (text !== 'COMMIT' || !hasCopied || left === 0) return result;
      left -= 1;
      return result.then(() => Promise.reject(new Error('Connection terminated unexpectedly')));
    };
    return new Proxy(client, { get: (target, key) => (key === 'query' ? query : bound(target, key)) });
  };
  const pool = new Proxy(db.pool, {
    get: (target, key) => (key === 'connect' ? connect : bound(target, key)),
  });
  return { ...db, pool };
}

function bound(target: object, key: string | symbol): unknown {
  const member: unknown = Reflect.get(target, key);
  return typeof member === 'function' ? member.bind(target) : member;
}

test('a commit whose answer is lost is not written twice', async (t) => {
  const { db } = await ownDatabase(t);
  const setUp = makeBridge(t, db).bridge;
  const from = origin('a');
  await setUp.run(
    messages([{ kind: 'schema', schema: SCHEMA, origin: from, topic: '', received: RECEIVED }]),
  );
  await setUp.close();
  const { bridge, logger } = makeBridge(t, losingAnswers(db, 3));
  for (let n = 0; n < 3; n++) {
    await bridge.run(messages(numbers(from, n * 10, 10)));
    await bridge.flush();
  }
  await bridge.close();
  await expectNumbers(t, db, 30);
  t.is(logger.lines.filter(({ level }) => level === 'warn').length, 3);
});

test('a server that stops and starts again: nothing is lost, and the state says how it is', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'zeekway-away-'));
  await chmod(dataDir, 0o755);
  const db = await openDatabase({ dataDir });
  await migrate(db);
  const { bridge, logger } = makeBridge(t, db);
  const source = handFed();
  const run = bridge.run(source);
  const from = origin('a');
  source.push(numbers(from, 0, 10));
  await until(t, () => bridge.status.written.batches === 1);

  const pid = Number((await readFile(join(dataDir, 'postgres/data/postmaster.pid'), 'utf8')).split('\n')[0]);
  process.kill(pid, 'SIGINT');
  await until(
    t,
    async () => !(await readFile(join(dataDir, 'postgres/data/postmaster.pid'), 'utf8').catch(() => '')),
  );
  source.push(numbers(from, 10, 10));
  await until(t, () => bridge.status.database.state === 'retrying');
  // A source and a log that are new while the server is away.
  source.push([logItem(schemaOf('later', FIELDS), record(1), origin('new'))]);
  await sleep(1_000);
  const away = bridge.status;
  t.deepEqual(away.written.logs, { numbers: 10 });
  t.is(away.waiting.rows, 11);
  t.is(logger.lines.length, 1);
  t.true(away.database.state === 'retrying' && away.database.since.getTime() > Date.now() - 60_000);

  const again = await openDatabase({ dataDir });
  source.end();
  await run;
  await bridge.close();
  t.deepEqual(bridge.status.database, { state: 'ok' });
  t.deepEqual(
    logger.lines.map(({ level }) => level),
    ['warn', 'info'],
  );
  await expectNumbers(t, again, 20);
  t.deepEqual(await column(again, 'SELECT n::int FROM logs.later'), [1]);
  await db.close();
  await again.close();
  await rm(dataDir, { recursive: true });
});

/** Keeps everybody from a table until the result is called. */
async function locked(db: Database, table: string): Promise<() => Promise<void>> {
  const client = await db.pool.connect();
  await client.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
  return async () => {
    await client.query('COMMIT');
    client.release();
  };
}

test('a database that does not keep up stops the source, and memory is bounded', async (t) => {
  const { db } = await ownDatabase(t);
  const { bridge } = makeBridge(t, db);
  const from = origin('a');
  await bridge.run(messages(numbers(from, 0, 1)));
  await bridge.flush();
  const unlock = await locked(db, 'logs.numbers');
  const text = 'x'.repeat(1_000);
  const perMessage = 100;
  const total = 400;
  let pulled = 0;
  const source = async function* (): AsyncGenerator<readonly Item[]> {
    for (let part = 0; part < total; part++) {
      pulled += 1;
      const first = 1 + part * perMessage;
      yield Array.from({ length: perMessage }, (_, index) =>
        logItem(SCHEMA, record(first + index, text), from),
      );
    }
  };
  const run = bridge.run(source());
  await until(t, async () => {
    const before = pulled;
    await sleep(1_000);
    return pulled === before && bridge.status.waiting.batches === BATCHES_IN_FLIGHT;
  });
  const { waiting } = bridge.status;
  const pulledThen = pulled;
  await unlock();
  t.is(waiting.batches, BATCHES_IN_FLIGHT);
  // The first batch may have gone out before it was full.
  t.true(waiting.bytes > BATCHES_IN_FLIGHT * BATCH_BYTES, `${waiting.bytes} bytes`);
  t.true(waiting.bytes < (BATCHES_IN_FLIGHT + 1) * BATCH_BYTES + 10_000, `${waiting.bytes} bytes`);
  t.true(pulledThen < total / 2, `${pulledThen} of ${total} messages were pulled`);
  await run;
  await bridge.close();
  await expectNumbers(t, db, 1 + total * perMessage);
});

test('close with a deadline says how many items were not written', async (t) => {
  const { db } = await ownDatabase(t);
  const { bridge } = makeBridge(t, db);
  const from = origin('a');
  await bridge.run(messages(numbers(from, 0, 1)));
  await bridge.flush();
  const unlock = await locked(db, 'logs.numbers');
  await bridge.run(messages(numbers(from, 1, 1_234)));
  const begin = performance.now();
  await t.throwsAsync(bridge.close({ deadlineMs: 300 }), {
    code: 'items_not_written',
    message: '1234 items were not written: not within 300 ms',
  });
  t.true(performance.now() - begin < 3_000);
  await unlock();
});

test('close with a deadline while the database is away', async (t) => {
  const { db } = await ownDatabase(t);
  const pool = {
    connect: () => Promise.reject(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })),
  };
  const { bridge } = makeBridge(t, { ...db, pool: { ...pool, query: pool.connect } as unknown as pg.Pool });
  const run = bridge.run(messages(numbers(origin('a'), 0, 5)));
  await until(t, () => bridge.status.database.state === 'retrying');
  const expectation = {
    code: 'items_not_written',
    message: /^5 items were not written: not within 200 ms: .*refused/,
  };
  await Promise.all([
    t.throwsAsync(bridge.close({ deadlineMs: 200 }), expectation),
    t.throwsAsync(run, expectation),
  ]);
});
