import { randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { type CopyPart, commitBatch } from '../../src/storage/batch.js';
import { type Database, isTransient } from '../../src/storage/database.js';
import { copyRow } from '../support/copy-rows.js';
import { ownDatabase, testDatabase } from '../support/database.js';

let tables = 0;

/** A table of its own for a test. */
async function numbersTable(t: ExecutionContext): Promise<{ db: Database; target: string }> {
  const { db } = await testDatabase(t);
  tables += 1;
  const target = `logs.numbers${tables}`;
  await db.pool.query(`CREATE TABLE ${target} (n int, "odd name" text)`);
  return { db, target };
}

const part = (target: string, numbers: readonly number[]): CopyPart => ({
  target,
  columns: ['n', 'odd name'],
  rows: numbers.length,
  chunks: [Buffer.concat(numbers.map((n) => copyRow([n, n % 2 === 0 ? null : `odd ${n}`])))],
});

async function numbersIn(db: Database, target: string): Promise<number[]> {
  const { rows } = await db.pool.query<{ n: number }>(`SELECT n FROM ${target} ORDER BY n`);
  return rows.map(({ n }) => n);
}

test('a batch writes all its parts', async (t) => {
  const { db, target } = await numbersTable(t);
  const other = await numbersTable(t);
  const batch = { writer: randomUUID(), seq: 1n, parts: [part(target, [1, 2]), part(other.target, [3])] };
  t.is(await commitBatch(db, batch), 'written');
  const { rows } = await db.pool.query(`SELECT * FROM ${target} ORDER BY n`);
  t.deepEqual(rows, [
    { n: 1, 'odd name': 'odd 1' },
    { n: 2, 'odd name': null },
  ]);
  t.deepEqual(await numbersIn(db, other.target), [3]);
});

test('rows may be cut anywhere', async (t) => {
  const { db, target } = await numbersTable(t);
  const whole = part(target, [1, 2, 3]);
  const chunks = [...Buffer.concat(whole.chunks)].map((byte) => Buffer.from([byte]));
  await commitBatch(db, { writer: randomUUID(), seq: 1n, parts: [{ ...whole, chunks }] });
  t.deepEqual(await numbersIn(db, target), [1, 2, 3]);
});

test('many megabytes in large chunks arrive', async (t) => {
  const { db, target } = await numbersTable(t);
  const chunk = Buffer.concat(Array.from({ length: 1000 }, (_, n) => copyRow([n, 'x'.repeat(1000)])));
  const large = { ...part(target, []), rows: 32_000, chunks: Array.from({ length: 32 }, () => chunk) };
  t.is(await commitBatch(db, { writer: randomUUID(), seq: 1n, parts: [large] }), 'written');
  const { rows } = await db.pool.query(`SELECT count(*)::int, sum(length("odd name"))::int FROM ${target}`);
  t.deepEqual(rows, [{ count: 32_000, sum: 32_000_000 }]);
});

test('a batch that was written is not written again', async (t) => {
  const { db, target } = await numbersTable(t);
  const writer = randomUUID();
  const second = { writer, seq: 2n ** 62n, parts: [part(target, [2])] };
  t.is(await commitBatch(db, { writer, seq: 1n, parts: [part(target, [1])] }), 'written');
  t.is(await commitBatch(db, second), 'written');
  t.is(await commitBatch(db, second), 'already');
  t.is(await commitBatch(db, { writer: randomUUID(), seq: 1n, parts: [part(target, [3])] }), 'written');
  t.deepEqual(await numbersIn(db, target), [1, 2, 3]);
});

test('a batch with a bad row is not written at all, and the error says where', async (t) => {
  const { db, target } = await numbersTable(t);
  const writer = randomUUID();
  const bad = { ...part(target, []), rows: 2, chunks: [copyRow([7, 'good']), copyRow([8, 'nul \0'])] };
  const error = await t.throwsAsync(commitBatch(db, { writer, seq: 1n, parts: [part(target, [1]), bad] }), {
    code: 'database_failed',
    message:
      /^cannot write a batch: invalid byte sequence .*; COPY numbers\d+, line 2, column odd name \(SQLSTATE 22021\)$/,
  });
  t.false(isTransient(error));
  t.deepEqual(await numbersIn(db, target), []);
  // The number is still free.
  t.is(await commitBatch(db, { writer, seq: 1n, parts: [part(target, [1])] }), 'written');
});

test('a part with another number of rows than it says is refused', async (t) => {
  const { db, target } = await numbersTable(t);
  const wrong = { ...part(target, [1, 2]), rows: 3 };
  await t.throwsAsync(commitBatch(db, { writer: randomUUID(), seq: 1n, parts: [wrong] }), {
    code: 'internal',
    message: `${target} took 2 rows of a batch that has 3`,
  });
  t.deepEqual(await numbersIn(db, target), []);
});

test('a lost answer to COMMIT: the second try finds the batch there', async (t) => {
  const { db, target } = await numbersTable(t);
  const writer = randomUUID();
  // A deferred trigger runs inside COMMIT: it ends the connection after everything was sent.
  await db.pool.query(`
    CREATE FUNCTION hang_up() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_notify('committing', pg_backend_pid()::text); PERFORM pg_sleep(0.3); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER hang_up AFTER INSERT ON ${target} DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION hang_up()`);
  const batch = { writer, seq: 1n, parts: [part(target, [1])] };
  // The answer is lost on our side: the socket is closed while the server is busy with COMMIT and goes on.
  const losing = commitBatch(withLostAnswer(db), batch);
  const error = await t.throwsAsync(losing, { code: 'database_unreachable' });
  t.true(isTransient(error));
  t.is(await commitBatch(db, batch), 'already');
  t.deepEqual(await numbersIn(db, target), [1]);
});

/** A database whose connections are cut right after COMMIT was sent. */
function withLostAnswer(db: Database): Database {
  const connect = async (): Promise<unknown> => {
    const client = await db.pool.connect();
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    Object.assign(client, {
      query: (...args: unknown[]) => {
        const result = query(...args);
        if (args[0] === 'COMMIT') setTimeout(() => cutConnection(client), 100);
        return result;
      },
    });
    return client;
  };
  return { ...db, pool: { connect } as unknown as Database['pool'] };
}

/** Ends the client's socket without a word to the server. */
function cutConnection(client: unknown): void {
  const { connection } = client as { connection: { stream: { destroy(): void } } };
  connection.stream.destroy();
}

test('a batch that waits for a lock can be given up', async (t) => {
  const { db, target } = await numbersTable(t);
  const other = await db.pool.connect();
  await other.query(`BEGIN; LOCK TABLE ${target} IN ACCESS EXCLUSIVE MODE`);
  const stop = new AbortController();
  const batch = { writer: randomUUID(), seq: 1n, parts: [part(target, [1])] };
  const writing = commitBatch(db, batch, stop.signal);
  setTimeout(() => stop.abort(), 100);
  await t.throwsAsync(writing, { code: 'database_unreachable' });
  await other.query('ROLLBACK');
  other.release();
  t.is(await commitBatch(db, batch), 'written');
});

test('a connection that is killed during COPY leaves nothing, and the batch can be tried again', async (t) => {
  const { db } = await ownDatabase(t);
  await db.pool.query('CREATE TABLE logs.killed (n int, "odd name" text)');
  await db.pool.query(`
    CREATE FUNCTION killed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5); RETURN NEW; END $$;
    CREATE TRIGGER killed BEFORE INSERT ON logs.killed FOR EACH ROW EXECUTE FUNCTION killed()`);
  const batch = { writer: randomUUID(), seq: 1n, parts: [part('logs.killed', [1, 2])] };
  const error = await t.throwsAsync(commitBatch(db, batch), { code: 'database_unreachable' });
  t.true(isTransient(error));
  await db.pool.query('DROP TRIGGER killed ON logs.killed');
  t.is(await commitBatch(db, batch), 'written');
  t.deepEqual(await numbersIn(db, 'logs.killed'), [1, 2]);
});
