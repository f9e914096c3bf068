import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { type RetryOutcome, retryDeadLetters } from '../../src/bridge/retry.js';
import { encodeLogRecord, type LogField, type LogValue } from '../../src/codec/log-record.js';
import { nameFromBytes } from '../../src/codec/text.js';
import { count, string, type Value } from '../../src/codec/value.js';
import { encodeValue } from '../../src/codec/value-binary.js';
import { DEAD_LETTER_BYTES, RETRY_STEP } from '../../src/core/limits.js';
import type { Database } from '../../src/storage/database.js';
import { sourceId } from '../../src/storage/sources.js';
import { Interpreter } from '../../src/zeek/interpreter.js';
import type { Item } from '../../src/zeek/item.js';
import type { LogSchema } from '../../src/zeek/log-schema.js';
import {
  batchMessage,
  eventMessage,
  identifierUpdateMessage,
  logCreateMessage,
  logWriteMessage,
} from '../../src/zeek/message.js';
import { value as anyValue, logRecord, name } from '../support/arbitrary.js';
import { ownDatabase } from '../support/database.js';
import { column, makeBridge, messages, numbers, record, SCHEMA } from './numbers.js';
import { field, origin, RECEIVED, schemaOf } from './support.js';

async function retry(db: Database, filter = {}): Promise<RetryOutcome[]> {
  const all: RetryOutcome[] = [];
  for await (const { outcomes } of retryDeadLetters(db, filter)) all.push(...outcomes);
  return all;
}

const kinds = (outcomes: readonly RetryOutcome[]): string[] => outcomes.map(({ outcome }) => outcome);

/** What a peer with the origin of these items sends, through its interpreter and a bridge. */
async function send(t: ExecutionContext, db: Database, values: readonly Value[], topic = 'zeek/logs/x') {
  const { bridge } = makeBridge(t, db);
  const interpreter = new Interpreter(origin('10.0.0.1:7'));
  const payloads = values.map((value) => interpreter.interpret(topic, encodeValue(value), RECEIVED));
  await bridge.run(messages(...payloads));
  await bridge.close();
}

async function store(t: ExecutionContext, db: Database, items: readonly Item[]): Promise<void> {
  const { bridge } = makeBridge(t, db);
  await bridge.run(messages(items));
  await bridge.close();
}

const letters = async (db: Database, what = 'code'): Promise<unknown[]> =>
  column(db, `SELECT ${what} FROM zeekway.dead_letters ORDER BY id`);

const REFUSE = `
  CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN RAISE EXCEPTION 'not now'; END $$`;

/** Tables that refuse every row, until they are told to take them. */
async function refusing(db: Database, tables: readonly string[]): Promise<() => Promise<void>> {
  await db.pool.query(REFUSE);
  for (const table of tables) {
    await db.pool.query(
      `CREATE TRIGGER refuse BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION refuse()`,
    );
  }
  return async () => {
    for (const table of tables) await db.pool.query(`DROP TRIGGER refuse ON ${table}`);
  };
}

test('rows that a constraint refused are stored once it is gone, with their time and source', async (t) => {
  const { db } = await ownDatabase(t);
  await send(t, db, [logCreateMessage(SCHEMA)]);
  await db.pool.query('ALTER TABLE logs.numbers ADD CONSTRAINT odd CHECK (n % 2 = 0)');
  await send(
    t,
    db,
    [0, 1, 2, 3].map((n) => batchMessage([logCreateMessage(SCHEMA), logWriteMessage(SCHEMA, record(n))])),
  );
  t.deepEqual(await letters(db), ['row_rejected', 'row_rejected']);
  const before = await letters(db, 'reason');
  t.deepEqual(kinds(await retry(db)), ['failed', 'failed']);
  t.deepEqual(await letters(db, 'id::int'), [1, 2]);
  t.regex(String((await letters(db, 'reason'))[0]), /violates check constraint "odd".*SQLSTATE 23514/);
  t.notDeepEqual(await letters(db, 'reason'), before);
  await db.pool.query('ALTER TABLE logs.numbers DROP CONSTRAINT odd');
  t.deepEqual(await retry(db), [
    { id: '1', outcome: 'stored', rows: 1 },
    { id: '2', outcome: 'stored', rows: 1 },
  ]);
  t.deepEqual(await letters(db), []);
  t.deepEqual(await column(db, 'SELECT n::int FROM logs.numbers ORDER BY n'), [0, 1, 2, 3]);
  t.deepEqual(
    await column(db, 'SELECT count(DISTINCT (_received, _source))::int FROM logs.numbers WHERE n > 0'),
    [1],
  );
  t.deepEqual(await retry(db), []);
});

test('a letter that is refused again leaves the others of its transaction alone', async (t) => {
  const { db } = await ownDatabase(t);
  const from = origin('a');
  await store(t, db, numbers(from, 0, 1));
  const allow = await refusing(db, ['logs.numbers', 'zeekway.events']);
  const event: Item = {
    kind: 'event',
    event: { name: 'e', args: [], metadata: [] },
    origin: from,
    topic: 't',
    received: RECEIVED,
  };
  await store(t, db, [...numbers(from, 1, RETRY_STEP + 10), event]);
  await allow();
  await db.pool.query('ALTER TABLE logs.numbers ADD CHECK (n NOT IN (3, 4, 205))');
  const outcomes = await retry(db);
  t.is(outcomes.length, RETRY_STEP + 11);
  const failed = outcomes.filter(({ outcome }) => outcome === 'failed');
  t.deepEqual(
    failed.map((outcome) => [outcome.id, 'code' in outcome && outcome.code]),
    ['3', '4', '205'].map((id) => [id, 'row_rejected']),
  );
  t.deepEqual(await letters(db, 'id::int'), [3, 4, 205]);
  t.deepEqual(await column(db, 'SELECT count(*)::int FROM logs.numbers'), [RETRY_STEP + 8]);
  t.deepEqual(await column(db, 'SELECT name FROM zeekway.events'), ['e']);
});

test('what is no message stays, with the reason of today and all its bytes', async (t) => {
  const { db } = await ownDatabase(t);
  await send(t, db, [string('no message'), batchMessage([string('nor this'), eventMessage('e', [])])]);
  await db.pool.query("UPDATE zeekway.dead_letters SET reason = 'of an older zeekway', subject = 's'");
  const raw = await letters(db, 'raw');
  const outcomes = await retry(db);
  t.deepEqual(kinds(outcomes), ['failed', 'failed']);
  t.true(
    outcomes.every((one) => one.outcome === 'failed' && one.reason.startsWith('at byte 0: expected a Zeek')),
  );
  t.deepEqual(await letters(db, 'subject'), ['s', 's']);
  t.deepEqual(await letters(db, 'raw'), raw);
  t.regex(String((await letters(db, 'reason'))[0]), /^at byte 0/);
  t.deepEqual(await column(db, 'SELECT name FROM zeekway.events'), ['e']);
});

test('a payload of which a part was stored when it came is not stored again', async (t) => {
  const { db } = await ownDatabase(t);
  const { bridge } = makeBridge(t, db);
  const interpreter = new Interpreter(origin('a'));
  const event = encodeValue(eventMessage('e', []));
  // Bytes behind a message, and a batch that ends before its last message.
  const payloads = [
    Buffer.concat([event, Buffer.of(0)]),
    encodeValue(batchMessage([eventMessage('f', []), eventMessage('g', [])])).subarray(0, -event.length),
  ];
  await bridge.run(messages(...payloads.map((payload) => interpreter.interpret('t', payload, RECEIVED))));
  await bridge.close();
  t.deepEqual(kinds(await retry(db)), ['failed', 'failed']);
  t.deepEqual(await column(db, 'SELECT name FROM zeekway.events ORDER BY 1'), ['e', 'f']);
  t.is((await letters(db)).length, 2);
});

test('where there is nothing to try, it is said why', async (t) => {
  const { db } = await ownDatabase(t);
  const schema = schemaOf('times', [field('ts', 'time')]);
  const serial = encodeLogRecord([{ type: 'time', value: 1e13 }]);
  await send(t, db, [
    logCreateMessage(schema),
    logWriteMessage(schema, serial),
    identifierUpdateMessage('cut', string('x'.repeat(DEAD_LETTER_BYTES))),
  ]);
  await db.pool.query(
    `INSERT INTO zeekway.dead_letters (code, reason, subject, topic, received, source, raw)
     VALUES ('log_file_invalid', '', '', '', now(), 1, '{"a"'),
            ('row_rejected', '', '', '', now(), 1, convert_to(repeat('x', ${DEAD_LETTER_BYTES}), 'UTF8'))`,
  );
  const before = await letters(db, 'dead_letters::text');
  const outcomes = await retry(db);
  t.deepEqual(kinds(outcomes), ['skipped', 'skipped', 'skipped']);
  const reasons = outcomes.map((one) => ('reason' in one ? one.reason : ''));
  t.regex(reasons[0] ?? '', /stored already/);
  t.regex(reasons[1] ?? '', /line of a log file/);
  t.regex(reasons[2] ?? '', /first 1048576 bytes/);
  t.deepEqual(await letters(db, 'dead_letters::text'), before);
});

test('a record with a time that no row can hold becomes a row, and the letter one that keeps the record', async (t) => {
  const { db } = await ownDatabase(t);
  const schema = schemaOf('times', [field('ts', 'time')]);
  await send(t, db, [logCreateMessage(schema)]);
  const allow = await refusing(db, ['logs.times']);
  const write = logWriteMessage(schema, encodeLogRecord([{ type: 'time', value: 1e13 }]));
  await send(t, db, [batchMessage([logCreateMessage(schema), write])]);
  // As it arrived, it was refused and out of range; the latter is told of the row that is there.
  await db.pool.query("DELETE FROM zeekway.dead_letters WHERE code = 'value_out_of_range'");
  await allow();
  t.deepEqual(kinds(await retry(db)), ['stored']);
  t.deepEqual(await column(db, 'SELECT ts::text FROM logs.times'), ['infinity']);
  t.deepEqual(await letters(db), ['value_out_of_range']);
});

const WRITE = logWriteMessage(SCHEMA, record(5));

test('a record without a schema waits until a peer announces its log', async (t) => {
  const { db } = await ownDatabase(t);
  await send(t, db, [WRITE]);
  const [unknown] = await retry(db);
  t.like(unknown, { outcome: 'failed', code: 'log_without_schema' });
  t.regex(
    unknown && 'reason' in unknown ? unknown.reason : '',
    /no log "numbers" of numbers::LOG was announced/,
  );
  // Another stream, and one that is known from files only.
  const other = { ...SCHEMA, stream: 'other::LOG' };
  await send(t, db, [logCreateMessage(other)]);
  t.deepEqual(kinds(await retry(db)), ['failed']);
  await db.pool.query("UPDATE zeekway.logs SET stream = ''");
  t.deepEqual(kinds(await retry(db)), ['failed']);
  await send(t, db, [logCreateMessage(SCHEMA)]);
  t.deepEqual(await retry(db), [{ id: '1', outcome: 'stored', rows: 1 }]);
  t.deepEqual(await column(db, 'SELECT s FROM logs.numbers'), ['text 5']);
});

test('a record without a schema is not guessed at', async (t) => {
  const { db } = await ownDatabase(t);
  const log = (fields: readonly LogField[]): LogSchema => schemaOf('numbers', fields);
  const cases: readonly (readonly [LogSchema[], RegExp])[] = [
    [[log([field('n', 'count')])], /has 1 fields, the record 2/],
    [[log([field('n', 'count'), field('s', 'enum')])], /field "s" is a enum/],
    [[log([field('n', 'count'), field('s', 'vector', 'string')])], /field "s" is a vector\[string\]/],
    // A later announcement had a field between the two, or another one: which of them it was is not known.
    [
      [log([field('n', 'count')]), log([field('n', 'count'), field('s', 'string')])],
      /announced with different fields/,
    ],
    [[SCHEMA, log([field('n', 'count'), field('t', 'string')])], /announced with different fields/],
  ];
  await send(t, db, [WRITE]);
  for (const [schemas, reason] of cases) {
    await send(t, db, schemas.map(logCreateMessage));
    const [outcome] = await retry(db);
    t.is(outcome?.outcome, 'failed');
    t.regex(outcome && 'reason' in outcome ? outcome.reason : '', reason);
    t.deepEqual(await letters(db), ['log_without_schema']);
    await db.pool.query('DROP TABLE logs.numbers; DELETE FROM zeekway.log_fields; DELETE FROM zeekway.logs');
  }
  await send(t, db, [logCreateMessage(SCHEMA)]);
  await db.pool.query('ALTER TABLE logs.numbers DROP COLUMN s');
  t.deepEqual(kinds(await retry(db)), ['failed']);
  await send(t, db, [logCreateMessage(SCHEMA)]);
  t.deepEqual(kinds(await retry(db)), ['failed']);
});

test('sets, vectors and odd names of a record without a schema', async (t) => {
  const { db } = await ownDatabase(t);
  const schema = schemaOf('odd \udcff', [
    field('set \udcff', 'table', 'addr'),
    field('\\x41', 'vector', 'interval'),
    field('unset', 'table', 'port'),
  ]);
  const values: LogValue[] = [
    { type: 'table', subtype: 'void', value: [] },
    {
      type: 'vector',
      subtype: 'void',
      value: [
        { type: 'interval', value: 1.5 },
        { type: 'interval', subtype: 'void', absent: true },
      ],
    },
    { type: 'table', subtype: 'void', absent: true },
  ];
  await send(t, db, [logWriteMessage(schema, encodeLogRecord(values)), logCreateMessage(schema)]);
  t.deepEqual(kinds(await retry(db)), ['stored']);
  const { rows } = await db.pool.query('SELECT * FROM logs."odd \\xff"');
  t.like(rows[0], { 'set \\xff': [], '\\x5cx41': [1.5, null], unset: null });
});

test('an announcement makes its table, and the records behind it find it', async (t) => {
  const { db } = await ownDatabase(t);
  await send(t, db, [string('makes the source')]);
  for (const [code, message] of [
    ['too_many_logs', logCreateMessage(SCHEMA)],
    ['log_without_schema', WRITE],
  ] as const) {
    await db.pool.query(
      `INSERT INTO zeekway.dead_letters (code, reason, subject, topic, received, source, raw)
       VALUES ($1, '', '', '', now(), 1, $2)`,
      [code, encodeValue(message)],
    );
  }
  t.deepEqual(await retry(db, { ids: ['2', '3'] }), [
    { id: '2', outcome: 'stored', rows: 0 },
    { id: '3', outcome: 'stored', rows: 1 },
  ]);
  t.deepEqual(await letters(db), ['message_malformed']);
});

test('a schema that can be no table still cannot', async (t) => {
  const { db } = await ownDatabase(t);
  const schema = schemaOf('records', [field('r', 'record')]);
  const serial = encodeLogRecord([{ type: 'record', subtype: 'void', absent: true }]);
  await send(t, db, [logCreateMessage(schema), logWriteMessage(schema, serial)]);
  const outcomes = await retry(db);
  t.deepEqual(kinds(outcomes), ['failed', 'failed']);
  t.deepEqual(await letters(db), ['log_schema_invalid', 'log_schema_invalid']);
});

test('when the connection breaks in the middle, all is as before, and then each is stored once', async (t) => {
  const { db } = await ownDatabase(t);
  const from = origin('a');
  await store(t, db, numbers(from, 0, 1));
  const allow = await refusing(db, ['logs.numbers']);
  await store(t, db, numbers(from, 1, 20));
  await allow();
  await db.pool.query(`
    CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF NEW.n = 15 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$;
    CREATE TRIGGER die BEFORE INSERT ON logs.numbers FOR EACH ROW EXECUTE FUNCTION die()`);
  await t.throwsAsync(retry(db), { message: /cannot try dead letters again/ });
  t.is((await letters(db)).length, 20);
  t.deepEqual(await column(db, 'SELECT n::int FROM logs.numbers'), [0]);
  await db.pool.query('DROP TRIGGER die ON logs.numbers');
  t.true(kinds(await retry(db)).every((kind) => kind === 'stored'));
  t.deepEqual(
    await column(db, 'SELECT n::int FROM logs.numbers ORDER BY n'),
    Array.from({ length: 21 }, (_, n) => n),
  );
});

test('two retries and a drop at once: each letter is stored once or dropped', async (t) => {
  const { db } = await ownDatabase(t);
  const from = origin('a');
  await store(t, db, numbers(from, 0, 1));
  const allow = await refusing(db, ['logs.numbers']);
  await store(t, db, numbers(from, 1, 3 * RETRY_STEP));
  await allow();
  const [first, second] = await Promise.all([retry(db), retry(db)]);
  const stored = [...(first ?? []), ...(second ?? [])].filter(({ outcome }) => outcome === 'stored');
  t.is(stored.length, 3 * RETRY_STEP);
  t.is(new Set(stored.map(({ id }) => id)).size, 3 * RETRY_STEP);
  t.deepEqual(await column(db, 'SELECT count(*)::int FROM logs.numbers'), [3 * RETRY_STEP + 1]);
  t.deepEqual(await letters(db), []);
});

test('a run goes on where another stopped, and leaves what came later', async (t) => {
  const { db } = await ownDatabase(t);
  await sourceId(db, { kind: 'live', name: 'a', peer: '' });
  const add = async (letters: number): Promise<void> => {
    await db.pool.query(
      `INSERT INTO zeekway.dead_letters (code, reason, subject, topic, received, source, raw)
       SELECT 'message_malformed', '', '', '', now(), 1, 'x' FROM generate_series(1, ${letters})`,
    );
  };
  await add(RETRY_STEP + 1);
  const first = await retryDeadLetters(db, {}).next();
  t.is(first.value?.outcomes.length, RETRY_STEP);
  await add(5);
  const rest: RetryOutcome[] = [];
  for await (const { outcomes } of retryDeadLetters(db, {}, first.value?.next)) rest.push(...outcomes);
  t.deepEqual(
    rest.map(({ id }) => id),
    [String(RETRY_STEP + 1)],
  );
});

/** Everything that is stored, with the names of the sources in place of their numbers. */
async function content(db: Database): Promise<string[]> {
  const tables = ['logs.numbers', 'logs.any', 'zeekway.events', 'zeekway.identifiers'];
  const rows: string[] = [];
  for (const table of tables) {
    const found = await column(
      db,
      `SELECT (to_jsonb(r) - 'id' - 'source' - '_source')::text || s.name
         FROM ${table} AS r JOIN zeekway.sources AS s ON s.id = (to_jsonb(r)->>(${
           table.startsWith('logs.') ? "'_source'" : "'source'"
         }))::int`,
    );
    rows.push(...found.map((row) => `${table} ${row}`));
  }
  return rows.toSorted();
}

const ANY_FIELDS = [field('a', 'string'), field('b', 'vector', 'addr'), field('c', 'double')];
const ANY = schemaOf('any', ANY_FIELDS);
const anyRecord = fc.tuple(logRecord, fc.double()).map(([values, c]): LogValue[] => [
  values.find(({ type, ...value }) => type === 'string' && !('absent' in value)) ?? {
    type: 'string',
    value: '',
  },
  {
    type: 'vector',
    subtype: 'void',
    value: values.filter(({ type, ...value }) => type === 'addr' && !('absent' in value)),
  },
  { type: 'double', value: c },
]);

const message = fc.oneof(
  fc.tuple(name, fc.array(anyValue, { maxLength: 3 })).map(([event, args]) => eventMessage(event, args, 7n)),
  fc.tuple(name, anyValue).map(([identifier, value]) => identifierUpdateMessage(identifier, value)),
  anyRecord.map((values) => logWriteMessage(ANY, encodeLogRecord(values))),
  fc.nat().map((n) => logWriteMessage(SCHEMA, record(n))),
);

test('whatever was refused is stored by a retry as it would have been at first', async (t) => {
  const [direct, detour] = [(await ownDatabase(t)).db, (await ownDatabase(t)).db];
  const sent = fc.sample(fc.tuple(name, fc.array(message, { minLength: 1, maxLength: 30 })), {
    numRuns: 8,
    seed: 7,
  });
  for (const db of [direct, detour]) await send(t, db, [logCreateMessage(SCHEMA), logCreateMessage(ANY)]);
  const tables = ['logs.numbers', 'logs.any', 'zeekway.events', 'zeekway.identifiers'];
  const allow = await refusing(detour, tables);
  const announced = [logCreateMessage(SCHEMA), logCreateMessage(ANY)];
  for (const [topic, values] of sent) {
    const all = [...announced, ...values, eventMessage('e', [count(1)])];
    for (const db of [direct, detour]) await send(t, db, all, nameFromBytes(Buffer.from(topic)));
  }
  const refused = (await letters(detour)).length;
  t.true(refused > 50);
  await allow();
  t.true(kinds(await retry(detour)).every((kind) => kind === 'stored'));
  t.deepEqual(await content(detour), await content(direct));
  t.is((await content(direct)).length, refused);
});
