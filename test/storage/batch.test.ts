import { randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import {
  type BatchOutcome,
  type CopyPart,
  commitBatch,
  type Position,
  storedPosition,
} from '../../src/storage/batch.js';
import { type Database, isTransient, toDatabaseError } from '../../src/storage/database.js';
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
  target: { table: target, columns: ['n', 'odd name'] },
  rows: numbers.length,
  chunks: [Buffer.concat(numbers.map((n) => copyRow([n, n % 2 === 0 ? null : `odd ${n}`])))],
});

const at = (entry: number, item = 0): Position => ({ entry, item });

/** A writer's first batch. */
const first = (parts: readonly CopyPart[], writer: string = randomUUID()) => ({
  writer,
  expected: undefined,
  reached: at(1),
  parts,
});

const isWritten = (outcome: BatchOutcome<CopyPart>): boolean => outcome.status === 'written';

async function numbersIn(db: Database, target: string): Promise<number[]> {
  const { rows } = await db.pool.query<{ n: number }>(`SELECT n FROM ${target} ORDER BY n`);
  return rows.map(({ n }) => n);
}

test('a batch writes all its parts', async (t) => {
  const { db, target } = await numbersTable(t);
  const other = await numbersTable(t);
  const batch = first([part(target, [1, 2]), part(other.target, [3])]);
  t.true(isWritten(await commitBatch(db, batch)));
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
  await commitBatch(db, first([{ ...whole, chunks }]));
  t.deepEqual(await numbersIn(db, target), [1, 2, 3]);
});

test('many megabytes in large chunks arrive', async (t) => {
  const { db, target } = await numbersTable(t);
  const chunk = Buffer.concat(Array.from({ length: 1000 }, (_, n) => copyRow([n, 'x'.repeat(1000)])));
  const large = { ...part(target, []), rows: 32_000, chunks: Array.from({ length: 32 }, () => chunk) };
  t.true(isWritten(await commitBatch(db, first([large]))));
  const { rows } = await db.pool.query(`SELECT count(*)::int, sum(length("odd name"))::int FROM ${target}`);
  t.deepEqual(rows, [{ count: 32_000, sum: 32_000_000 }]);
});

test('a batch is written only where the database has the position that was expected', async (t) => {
  const { db, target } = await numbersTable(t);
  const writer = randomUUID();
  const far = at(2 ** 52, 2 ** 31 - 1);
  t.is(await storedPosition(db.pool, writer), undefined);
  t.true(isWritten(await commitBatch(db, first([part(target, [1])], writer))));
  const second = { writer, expected: at(1), reached: far, parts: [part(target, [2])] };
  t.true(isWritten(await commitBatch(db, second)));
  t.deepEqual(await commitBatch(db, second), { status: 'elsewhere', found: far });
  t.deepEqual(await commitBatch(db, first([part(target, [9])], writer)), { status: 'elsewhere', found: far });
  t.deepEqual(await storedPosition(db.pool, writer), far);
  // Another writer, and one that the database has forgotten, have their own.
  t.true(isWritten(await commitBatch(db, first([part(target, [3])]))));
  t.true(isWritten(await commitBatch(db, { ...second, writer: randomUUID(), parts: [part(target, [4])] })));
  t.deepEqual(await numbersIn(db, target), [1, 2, 3, 4]);
});

test('rows that are refused can be replaced inside the transaction', async (t) => {
  const { db, target } = await numbersTable(t);
  const other = await numbersTable(t);
  await db.pool.query(
    `ALTER TABLE ${target} ADD CHECK (n <> 3), ADD UNIQUE (n) DEFERRABLE INITIALLY DEFERRED`,
  );
  const asked: string[] = [];
  // Ones that are refused alone go to the other table, with their sign changed.
  const replace = (refused: CopyPart & { numbers: number[] }, error: unknown) => {
    asked.push(
      `${refused.numbers.join()}: ${toDatabaseError(error, 'x').message.replace(/^.*?: |;.*$/g, '')}`,
    );
    if (refused.numbers.length === 1)
      return [
        {
          ...part(
            other.target,
            refused.numbers.map((n) => -n),
          ),
          numbers: [],
        },
      ];
    return refused.numbers.map((n) => ({ ...part(target, [n]), numbers: [n] }));
  };
  const parts = [
    { ...part(target, [1, 2]), numbers: [1, 2] },
    { ...part(target, [3, 2]), numbers: [3, 2] },
    { ...part(target, [5]), numbers: [5] },
  ];
  const batch = { writer: randomUUID(), expected: undefined, reached: at(1), parts };
  const outcome = await commitBatch(db, batch, { replace });
  t.deepEqual(outcome.status === 'written' && outcome.parts.map((written) => written.target.table), [
    target,
    other.target,
    other.target,
    target,
  ]);
  t.deepEqual(await numbersIn(db, target), [1, 2, 5]);
  t.deepEqual(await numbersIn(db, other.target), [-3, -2]);
  t.regex(asked.join('\n'), /^3,2: .*check.*\n3: .*check.*\n2: duplicate key .*$/);
});

test('a batch with a bad row is not written at all, and the error says where', async (t) => {
  const { db, target } = await numbersTable(t);
  const writer = randomUUID();
  const bad = { ...part(target, []), rows: 2, chunks: [copyRow([7, 'good']), copyRow([8, 'nul \0'])] };
  const error = await t.throwsAsync(commitBatch(db, first([part(target, [1]), bad], writer)), {
    code: 'database_failed',
    message:
      /^cannot write a batch: invalid byte sequence .*; COPY numbers\d+, line 2, column odd name \(SQLSTATE 22021\)$/,
  });
  t.false(isTransient(error));
  t.deepEqual(await numbersIn(db, target), []);
  t.is(await storedPosition(db.pool, writer), undefined);
});

test('a part with another number of rows than it says is refused', async (t) => {
  const { db, target } = await numbersTable(t);
  const wrong = { ...part(target, [1, 2]), rows: 3 };
  await t.throwsAsync(commitBatch(db, first([wrong])), {
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
  const batch = first([part(target, [1])], writer);
  // The answer is lost on our side: the socket is closed while the server is busy with COMMIT and goes on.
  const losing = commitBatch(withLostAnswer(db), batch);
  const error = await t.throwsAsync(losing, { code: 'database_unreachable' });
  t.true(isTransient(error));
  t.deepEqual(await commitBatch(db, batch), { status: 'elsewhere', found: batch.reached });
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

test('a batch that is given up between two statements is a lost connection, too', async (t) => {
  const { db, target } = await numbersTable(t);
  const batch = first([part(target, [1])]);
  const stopped = commitBatch(db, batch, { signal: AbortSignal.abort() });
  await t.throwsAsync(stopped, { code: 'database_unreachable' });
  t.true(isWritten(await commitBatch(db, batch)));
});

test('a batch that waits for a lock can be given up', async (t) => {
  const { db, target } = await numbersTable(t);
  const other = await db.pool.connect();
  await other.query(`BEGIN; LOCK TABLE ${target} IN ACCESS EXCLUSIVE MODE`);
  const stop = new AbortController();
  const batch = first([part(target, [1])]);
  const writing = commitBatch(db, batch, { signal: stop.signal });
  setTimeout(() => stop.abort(), 100);
  await t.throwsAsync(writing, { code: 'database_unreachable' });
  await other.query('ROLLBACK');
  other.release();
  t.true(isWritten(await commitBatch(db, batch)));
});

test('a connection that is killed during COPY leaves nothing, and the batch can be tried again', async (t) => {
  const { db } = await ownDatabase(t);
  await db.pool.query('CREATE TABLE logs.killed (n int, "odd name" text)');
  await db.pool.query(`
    CREATE FUNCTION killed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5); RETURN NEW; END $$;
    CREATE TRIGGER killed BEFORE INSERT ON logs.killed FOR EACH ROW EXECUTE FUNCTION killed()`);
  const batch = first([part('logs.killed', [1, 2])]);
  const error = await t.throwsAsync(commitBatch(db, batch), { code: 'database_unreachable' });
  t.true(isTransient(error));
  await db.pool.query('DROP TRIGGER killed ON logs.killed');
  t.true(isWritten(await commitBatch(db, batch)));
  t.deepEqual(await numbersIn(db, 'logs.killed'), [1, 2]);
});
