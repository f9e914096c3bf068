import test, { type ExecutionContext } from 'ava';
import { DEAD_LETTER_BYTES, RETRY_BYTES, RETRY_STEP } from '../../src/core/limits.js';
import type { Database } from '../../src/storage/database.js';
import {
  dropDeadLetters,
  newestDeadLetter,
  nextRetryLetters,
  retryTransaction,
} from '../../src/storage/dead-letters.js';
import {
  type DeadLetterFilter,
  deadLetterKinds,
  deadLetters,
} from '../../src/storage/queries/dead-letters.js';
import { read } from '../../src/storage/queries/query.js';
import { sourceId } from '../../src/storage/sources.js';
import { ownDatabase } from '../support/database.js';

const PEER = 'd3adbeef-d3ad-4eef-a3ad-beefd3adbeef';

/** Letters A1, A2, B1, ...: code, subject and the hour in which each was received; from the sources in turn. */
async function setUp(t: ExecutionContext, letters = ['a 1', 'a 2', 'b 1', 'a 1', 'b 3']) {
  const { db } = await ownDatabase(t);
  const sources = [
    await sourceId(db, { kind: 'live', name: '10.0.0.1:1', peer: PEER, node: 'worker-1' }),
    await sourceId(db, { kind: 'live', name: '10.0.0.1:2', peer: PEER }),
    await sourceId(db, { kind: 'backfill', name: 'a.log', peer: '' }),
    await sourceId(db, { kind: 'backfill', name: 'b.log', peer: '' }),
  ];
  for (const [index, letter] of letters.entries()) {
    const [code, subject] = letter.split(' ');
    await db.pool.query(
      `INSERT INTO zeekway.dead_letters (code, reason, subject, topic, received, source, raw)
       VALUES ($1, 'r', $2, 't', make_timestamptz(2026, 11, 24, $3, 0, 1.234567, 'UTC'), $4, $5)`,
      [code, subject, index, sources[index % sources.length], Buffer.of(index)],
    );
  }
  return { db, sources };
}

const ids = async (db: Database, filter: DeadLetterFilter): Promise<string[]> =>
  read(db.pool, { timeoutMs: 10_000 }, async (query) => {
    const { rows } = await deadLetters(query, { ...filter, order: 'asc', limit: 100, rawBytes: 1 });
    return rows.map(({ id }) => id);
  });

const FILTERS: readonly (readonly [DeadLetterFilter, string[]])[] = [
  [{}, ['1', '2', '3', '4', '5']],
  [{ code: 'a' }, ['1', '2', '4']],
  [{ code: 'a', subject: '1' }, ['1', '4']],
  [{ subject: '1', from: '2026-11-24 02:00:00Z' }, ['3', '4']],
  [{ from: '2026-11-24 01:00:01.234567Z', to: '2026-11-24 03:00:01.234567Z' }, ['2', '3']],
  [{ ids: ['5', '1', '99'] }, ['1', '5']],
  [{ ids: ['5', '1'], code: 'b' }, ['5']],
  [{ ids: [] }, []],
  [{ code: 'c' }, []],
];

test('a filter lists what it means, and dropping by it leaves the others', async (t) => {
  const { db } = await setUp(t);
  for (const [filter, expected] of FILTERS) t.deepEqual(await ids(db, filter), expected);
  for (const [filter, expected] of FILTERS.slice(1).toReversed()) {
    await db.pool.query('CREATE TABLE kept AS SELECT * FROM zeekway.dead_letters');
    let dropped = 0;
    for await (const rows of dropDeadLetters(db.pool, filter)) dropped += rows;
    t.is(dropped, expected.length);
    t.deepEqual(
      await ids(db, {}),
      ['1', '2', '3', '4', '5'].filter((id) => !expected.includes(id)),
    );
    await db.pool.query(
      `TRUNCATE zeekway.dead_letters;
       INSERT INTO zeekway.dead_letters OVERRIDING SYSTEM VALUE SELECT * FROM kept; DROP TABLE kept`,
    );
  }
});

test('the kinds: one for each code, subject and peer, however many addresses it had; one for each file', async (t) => {
  const { db } = await setUp(t, ['a 1', 'a 1', 'a 1', 'a 1', 'a 1', 'b 1']);
  const counted = (filter: DeadLetterFilter) =>
    read(db.pool, { timeoutMs: 10_000 }, (query) => deadLetterKinds(query, filter));
  const { kinds, total, hasMore } = await counted({});
  t.deepEqual([total, hasMore], [6, false]);
  t.deepEqual(
    kinds.map(({ code, source: { name, ...source }, count, first, last }) => [
      code,
      source.peer || name,
      source.node,
      count,
      first.slice(11),
      last.slice(11),
    ]),
    [
      ['a', PEER, 'worker-1', 3, '00:00:01.234567+00', '04:00:01.234567+00'],
      ['a', 'a.log', null, 1, '02:00:01.234567+00', '02:00:01.234567+00'],
      ['a', 'b.log', null, 1, '03:00:01.234567+00', '03:00:01.234567+00'],
      ['b', PEER, null, 1, '05:00:01.234567+00', '05:00:01.234567+00'],
    ],
  );
  t.is((await counted({ code: 'b' })).total, 1);
  t.deepEqual(await counted({ code: 'c' }), { kinds: [], total: 0, hasMore: false });
});

/** A letter for each size in bytes. */
async function addLetters(db: Database, sizes: readonly number[]): Promise<void> {
  await db.pool.query(
    `INSERT INTO zeekway.dead_letters (code, reason, subject, topic, received, source, raw)
     SELECT 'c', '', '', '', now(), 1, convert_to(repeat('x', size), 'UTF8')
       FROM unnest($1::int[]) WITH ORDINALITY AS s (size, number) ORDER BY number`,
    [sizes],
  );
}

test('dropping goes in steps; what comes in meanwhile stays, and what others dropped is no end', async (t) => {
  const { db } = await setUp(t, []);
  await addLetters(db, Array<number>(3_500).fill(1));
  const steps: number[] = [];
  for await (const rows of dropDeadLetters(db.pool, {})) {
    steps.push(rows);
    if (steps.length === 1) {
      await addLetters(db, [1, 1]);
      await db.pool.query('DELETE FROM zeekway.dead_letters WHERE id BETWEEN 1001 AND 2010');
    }
  }
  t.deepEqual(steps, [1_000, 1_000, 490]);
  t.deepEqual(await ids(db, {}), ['3501', '3502']);
});

test('letters to try again come in steps of so many, or of so many bytes', async (t) => {
  const { db } = await setUp(t, []);
  const large = DEAD_LETTER_BYTES - 1;
  const fit = Math.ceil(RETRY_BYTES / large);
  await addLetters(db, [...Array<number>(RETRY_STEP + 5).fill(1), ...Array<number>(fit + 1).fill(large)]);
  await addLetters(db, [DEAD_LETTER_BYTES]);
  const until = await newestDeadLetter(db.pool);
  const steps: number[] = [];
  const cut: string[] = [];
  for (let after = '0'; ; ) {
    const { letters, last } = await nextRetryLetters(db.pool, {}, { after, until });
    if (last === undefined) break;
    steps.push(letters.length);
    cut.push(...letters.filter(({ raw }) => raw === null).map(({ id }) => id));
    after = last;
  }
  t.deepEqual(steps, [RETRY_STEP, 5 + fit, 2]);
  t.deepEqual(cut, [until]);
  const [letter] = (await nextRetryLetters(db.pool, { ids: ['1'] }, { after: '0', until })).letters;
  t.is(letter?.raw?.toString(), 'x');
});

test('a letter has its time to the microsecond', async (t) => {
  const { db, sources } = await setUp(t, ['a 1']);
  const { letters } = await nextRetryLetters(db.pool, {}, { after: '0', until: '1' });
  t.deepEqual(letters, [
    {
      id: '1',
      code: 'a',
      topic: 't',
      received: BigInt(Date.UTC(2026, 10, 24, 0, 0, 1)) * 1_000_000n + 234_567_000n,
      source: sources[0] as number,
      raw: Buffer.of(0),
      format: 'broker-bin-v1',
    },
  ]);
});

test('a refused COPY leaves the transaction as it was; what throws leaves everything', async (t) => {
  const { db } = await setUp(t);
  // A row of one column, the text "a".
  const row = Buffer.from('00010000000161', 'hex');
  await db.pool.query('CREATE TABLE letters (a text UNIQUE DEFERRABLE INITIALLY DEFERRED)');
  const part = (times: number) => ({
    target: { table: 'letters', columns: ['a'] },
    rows: times,
    chunks: Array<Buffer>(times).fill(row),
  });
  await retryTransaction(db, ['2', '99', '3', '4'], async ({ present, copy, remove, keep }) => {
    t.deepEqual([...present], ['2', '3', '4']);
    await copy([part(1)]);
    // The constraint is one that waits for the end of the transaction.
    await t.throwsAsync(copy([part(1)]), { message: /duplicate key/ });
    await remove(['2']);
    await keep([
      { id: '3', code: 'x', reason: 'new', subject: '' },
      { id: '4', code: 'y', reason: 'newer', subject: 's' },
    ]);
  });
  const after = async () =>
    (
      await db.pool.query({
        text: 'SELECT id, code, reason, subject FROM zeekway.dead_letters ORDER BY id',
        rowMode: 'array',
      })
    ).rows;
  const expected = [
    ['1', 'a', 'r', '1'],
    ['3', 'x', 'new', '1'],
    ['4', 'y', 'newer', 's'],
    ['5', 'b', 'r', '3'],
  ];
  t.deepEqual(await after(), expected);
  t.deepEqual((await db.pool.query('SELECT a FROM letters')).rows, [{ a: 'a' }]);
  const failing = retryTransaction(db, ['1'], async ({ copy, remove }) => {
    await remove(['1']);
    await copy([{ ...part(0), target: { table: 'nowhere', columns: ['a'] } }]);
  });
  await t.throwsAsync(failing, { message: /"nowhere" does not exist/ });
  t.deepEqual(await after(), expected);
});

test('two that try the same letter again: the second waits, and finds it gone', async (t) => {
  const { db } = await setUp(t);
  let second: Promise<string[]> = Promise.resolve([]);
  await retryTransaction(db, ['1', '2'], async ({ remove }) => {
    second = retryTransaction(db, ['1', '3'], async ({ present }) => [...present]);
    await remove(['1']);
  });
  t.deepEqual(await second, ['3']);
});
