import { randomUUID } from 'node:crypto';
import test from 'ava';
import { encodeLogRecord, type LogValue } from '../../src/codec/log-record.js';
import { count, enumValue, real, string, type Value, vector } from '../../src/codec/value.js';
import { decodeValue, encodeValue } from '../../src/codec/value-binary.js';
import { decodeValueJson } from '../../src/codec/value-json.js';
import type { Position } from '../../src/storage/batch.js';
import type { EventItem, Item, Origin } from '../../src/zeek/item.js';
import type { LogSchema } from '../../src/zeek/log-schema.js';
import { batchMessage, eventMessage, logCreateMessage, logWriteMessage } from '../../src/zeek/message.js';
import { ownDatabase } from '../support/database.js';
import { column, FIELDS, makeBridge, messages, numbers, record, SCHEMA, until } from './numbers.js';
import { field, logItem, origin, RECEIVED, schemaOf } from './support.js';

const event = (name: string, args: Value[], from: Origin, timestamp?: bigint): EventItem => ({
  kind: 'event',
  event: {
    name,
    args,
    metadata: timestamp === undefined ? [] : [{ id: 1n, value: { type: 'timestamp', value: timestamp } }],
  },
  origin: from,
  topic: 'zeek/event/x',
  received: RECEIVED,
});

/** What is kept of a record: a batch that tells its fields first. */
const messageOf = (schema: LogSchema, serial: Uint8Array): Buffer =>
  encodeValue(batchMessage([logCreateMessage(schema), logWriteMessage(schema, serial)]));

test('several origins: every row is there once, each origin in its order, with its provenance', async (t) => {
  const { db } = await ownDatabase(t);
  const { bridge } = makeBridge(t, db);
  // Each origin announces the log in an object of its own, as peers do.
  const peers = ['a', 'b', 'c'].map((name) => ({ from: origin(name), schema: schemaOf('numbers', FIELDS) }));
  const parts = Array.from({ length: 100 }, (_, part) =>
    peers.map(({ from, schema }) => numbers(from, part * 50, 50, schema)),
  );
  await bridge.run(messages(...parts.flat()));
  await bridge.close();
  const { rows } = await db.pool.query({
    text: `SELECT s.name, count(*)::int, min(n)::int, max(n)::int, count(DISTINCT n)::int,
                  bool_and(l.n = l.place), bool_and(l.s = 'text ' || n)
             FROM (SELECT *, row_number() OVER (PARTITION BY _source ORDER BY ctid) - 1 AS place FROM logs.numbers) AS l
             JOIN zeekway.sources AS s ON s.id = l._source GROUP BY s.name ORDER BY s.name`,
    rowMode: 'array',
  });
  t.deepEqual(
    rows,
    ['a', 'b', 'c'].map((name) => [name, 5000, 0, 4999, 5000, true, true]),
  );
  t.deepEqual(await column(db, 'SELECT DISTINCT _received::text FROM logs.numbers'), [
    '2023-11-14 22:13:20.123457+00',
  ]);
  const { written, waiting } = bridge.status;
  t.deepEqual(written.logs, { numbers: 15_000 });
  t.deepEqual(waiting, { batches: 0, rows: 0, bytes: 0 });
});

test('two schemas of one path share its table', async (t) => {
  const { db } = await ownDatabase(t);
  const { bridge } = makeBridge(t, db);
  const from = origin('a');
  const other = schemaOf('numbers', [field('s', 'string'), field('extra', 'bool'), field('n', 'int')]);
  const serial = encodeLogRecord([
    { type: 'string', value: 'other' },
    { type: 'bool', value: true },
    { type: 'int', value: -5n },
  ]);
  await bridge.run(messages([...numbers(from, 0, 1), logItem(other, serial, from), ...numbers(from, 1, 1)]));
  await bridge.close();
  const { rows } = await db.pool.query(
    'SELECT n, s, extra, "n:bigint" AS other FROM logs.numbers ORDER BY s',
  );
  t.deepEqual(rows, [
    { n: null, s: 'other', extra: true, other: '-5' },
    { n: '0', s: 'text 0', extra: null, other: null },
    { n: '1', s: 'text 1', extra: null, other: null },
  ]);
});

test('events, identifiers and dead letters are stored without loss', async (t) => {
  const { db } = await ownDatabase(t);
  const { bridge, logger } = makeBridge(t, db);
  const from = origin('a');
  const args: Value[] = [
    count(2n ** 64n - 1n),
    string(Uint8Array.of(0xff, 0, 0x5c, 0x78, 0x34, 0x31)),
    vector([real(0.1), enumValue('X::Y')]),
    real(Number.NaN),
    real(5e-324),
    real(Number.MAX_VALUE),
  ];
  const base = { origin: from, topic: 'zeek/x', received: RECEIVED };
  await bridge.run(
    messages([
      event('M::e', args, from, 1_600_000_000_000_000_499n),
      event('no_arguments', [], from),
      { kind: 'identifier', name: 'M::id', value: count(7), ...base },
      {
        kind: 'dead-letter',
        code: 'message_malformed',
        reason: 'no \0 message',
        subject: 's',
        raw: Uint8Array.of(0, 255),
        ...base,
      },
      {
        kind: 'dead-letter',
        code: 'message_malformed',
        reason: 'another',
        subject: 's',
        raw: new Uint8Array(3_000_000),
        ...base,
      },
    ]),
  );
  await bridge.close();
  const events = await db.pool.query(
    'SELECT name, topic, ts::text, received::text, args::text FROM zeekway.events ORDER BY id',
  );
  t.like(events.rows[0], {
    name: 'M::e',
    topic: 'zeek/event/x',
    ts: '2020-09-13 12:26:40+00',
    received: '2023-11-14 22:13:20.123457+00',
  });
  const stored = JSON.parse(events.rows[0].args.replaceAll('18446744073709551615', '"18446744073709551615"'));
  const decoded = stored.map((arg: unknown) => decodeValueJson(JSON.stringify(arg), { strings: 'escaped' }));
  t.deepEqual(decoded, args);
  t.deepEqual(events.rows[1], { ...events.rows[1], name: 'no_arguments', ts: null, args: '[]' });
  t.deepEqual(await column(db, 'SELECT value::text FROM zeekway.identifiers'), [
    '{"data": 7, "@data-type": "count"}',
  ]);
  const letters = await db.pool.query('SELECT reason, subject, raw FROM zeekway.dead_letters ORDER BY id');
  t.deepEqual(letters.rows[0], { reason: 'no \\x00 message', subject: 's', raw: Buffer.of(0, 255) });
  t.is(letters.rows[1].reason, 'another (the first 1048576 of 3000000 bytes are kept)');
  t.is(letters.rows[1].raw.length, 1_048_576);
  t.like(bridge.status.written, { events: 2, identifiers: 1, deadLetters: { message_malformed: 2 } });
  t.deepEqual(logger.lines, [{ level: 'warn', message: 'kept aside in the dead letters: no \0 message' }]);
});

test('a record that does not fit its fields is kept aside and the others are stored', async (t) => {
  const { db } = await ownDatabase(t);
  const { bridge } = makeBridge(t, db);
  const from = origin('a');
  const bad = record(3).subarray(0, -1);
  await bridge.run(messages([...numbers(from, 0, 2), logItem(SCHEMA, bad, from), ...numbers(from, 4, 1)]));
  await bridge.close();
  t.deepEqual(await column(db, 'SELECT n::int FROM logs.numbers'), [0, 1, 4]);
  const { rows } = await db.pool.query('SELECT code, reason, subject, topic, raw FROM zeekway.dead_letters');
  t.deepEqual(rows, [
    {
      code: 'log_record_malformed',
      reason: 'at byte 34: expected 6 bytes of a string, found 5 bytes',
      subject: 'numbers::LOG',
      topic: 'zeek/logs/numbers::LOG',
      raw: messageOf(SCHEMA, bad),
    },
  ]);
  t.deepEqual(bridge.status.deadLetterKinds, [
    { code: 'log_record_malformed', peer: from.peer, subject: 'numbers::LOG', count: 1 },
  ]);
});

test('a time that PostgreSQL cannot hold: the row is stored and the record kept', async (t) => {
  const { db } = await ownDatabase(t);
  const { bridge } = makeBridge(t, db);
  const schema = schemaOf('times', [field('ts', 'time'), field('n', 'count')]);
  const serial = encodeLogRecord([
    { type: 'time', value: 1e13 },
    { type: 'count', value: 1n },
  ]);
  await bridge.run(messages([logItem(schema, serial, origin('a'))]));
  await bridge.close();
  const { rows } = await db.pool.query(
    'SELECT ts::text, n::int, d.code, d.raw FROM logs.times CROSS JOIN zeekway.dead_letters AS d',
  );
  t.deepEqual(rows, [{ ts: 'infinity', n: 1, code: 'value_out_of_range', raw: messageOf(schema, serial) }]);
});

test('a schema that can be no table: announcement and records go to the dead letters', async (t) => {
  const { db } = await ownDatabase(t);
  const { bridge } = makeBridge(t, db);
  const from = origin('a');
  const schema = schemaOf('records', [field('r', 'record')]);
  const absent: LogValue = { type: 'record', subtype: 'void', absent: true };
  const serial = encodeLogRecord([absent]);
  const wide = schemaOf(
    'wide',
    Array.from({ length: 1_600 }, (_, index) => field(`f${index}`, 'bool')),
  );
  const announcement = { kind: 'schema' as const, origin: from, topic: '', received: RECEIVED };
  await bridge.run(
    messages([
      { ...announcement, schema },
      logItem(schema, serial, from),
      { ...announcement, schema: wide },
      ...numbers(from, 0, 1),
    ]),
  );
  await bridge.close();
  const { rows } = await db.pool.query(
    'SELECT code, subject, reason, raw FROM zeekway.dead_letters ORDER BY id',
  );
  t.deepEqual(
    rows.map(({ code, subject }) => [code, subject]),
    [
      ['log_schema_invalid', 'records::LOG'],
      ['log_schema_invalid', 'records::LOG'],
      ['log_schema_invalid', 'wide::LOG'],
    ],
  );
  t.deepEqual(rows[0].raw, encodeValue(logCreateMessage(schema)));
  t.deepEqual(rows[1].raw, messageOf(schema, serial));
  t.regex(rows[2].reason, /1600 columns/);
  t.deepEqual(await column(db, 'SELECT n::int FROM logs.numbers'), [0]);
});

test('rows that the server refuses are singled out and all others are stored', async (t) => {
  const { db } = await ownDatabase(t);
  const from = origin('a');
  const first = makeBridge(t, db);
  await first.bridge.run(
    messages([{ kind: 'schema', schema: SCHEMA, origin: from, topic: '', received: RECEIVED }]),
  );
  await first.bridge.close();
  await db.pool.query('ALTER TABLE logs.numbers ADD CHECK (n <> 17 AND n <> 900)');
  const { bridge, logger } = makeBridge(t, db);
  // The name does not fit into an index entry.
  const long = Array.from({ length: 300 }, () => randomUUID()).join('');
  await bridge.run(
    messages([...numbers(from, 0, 1_000), event(long, [count(1)], from), event('fine', [], from)]),
  );
  await bridge.close();
  t.deepEqual(await column(db, 'SELECT count(*)::int FROM logs.numbers'), [998]);
  t.deepEqual(await column(db, 'SELECT name FROM zeekway.events'), ['fine']);
  const { rows } = await db.pool.query(
    'SELECT code, reason, subject, raw FROM zeekway.dead_letters ORDER BY id',
  );
  t.deepEqual(
    rows.map(({ code, subject }) => [code, subject]),
    [
      ['row_rejected', 'numbers::LOG'],
      ['row_rejected', 'numbers::LOG'],
      ['row_rejected', long],
    ],
  );
  t.deepEqual([rows[0].raw, rows[1].raw], [messageOf(SCHEMA, record(17)), messageOf(SCHEMA, record(900))]);
  t.deepEqual(decodeValue(rows[2].raw), eventMessage(long, [count(1)]));
  t.regex(rows[0].reason, /violates check constraint/);
  t.regex(rows[2].reason, /index row/);
  t.like(bridge.status, { database: { state: 'ok' }, waiting: { rows: 0 } });
  t.deepEqual(bridge.status.written.deadLetters, { row_rejected: 3 });
  // One line for each kind: the two records are of one.
  t.is(logger.lines.length, 2);
});

test('a table that somebody drops, and a column, are made anew', async (t) => {
  const { db } = await ownDatabase(t);
  const { bridge, logger } = makeBridge(t, db);
  const from = origin('a');
  const changes = ['DROP TABLE logs.numbers', 'ALTER TABLE logs.numbers DROP COLUMN s'];
  for (const [n, change] of changes.entries()) {
    await bridge.run(messages(numbers(from, n, 1)));
    await bridge.flush();
    await db.pool.query(change);
  }
  await bridge.run(messages(numbers(from, 2, 1)));
  await bridge.close();
  const { rows } = await db.pool.query('SELECT n::int, s FROM logs.numbers ORDER BY n');
  t.deepEqual(rows, [
    { n: 1, s: null },
    { n: 2, s: 'text 2' },
  ]);
  t.deepEqual(
    logger.lines.map(({ level }) => level),
    ['warn', 'info', 'warn', 'info'],
  );
});

test('what the source throws leaves run, and what came before is stored', async (t) => {
  const { db } = await ownDatabase(t);
  const { bridge } = makeBridge(t, db);
  const failing = async function* (): AsyncGenerator<readonly Item[]> {
    yield numbers(origin('a'), 0, 3);
    throw new Error('the file ends here');
  };
  await t.throwsAsync(bridge.run(failing()), { message: 'the file ends here' });
  await bridge.flush();
  t.deepEqual(await column(db, 'SELECT n::int FROM logs.numbers'), [0, 1, 2]);
  await bridge.close();
  await t.throwsAsync(bridge.run(messages(numbers(origin('a'), 0, 3))), {
    code: 'items_not_written',
    message: '3 items were not written: they came after the bridge was closed',
  });
});

test('a stream that is read again goes on behind what is stored', async (t) => {
  const { db } = await ownDatabase(t);
  const writerId = randomUUID();
  const from = origin('a');
  const entries = [numbers(from, 0, 4), [], numbers(from, 4, 2), numbers(from, 6, 3)];
  // The first process gets no further than the middle of an entry.
  const first = makeBridge(t, db, { writerId });
  t.deepEqual(await first.bridge.storedPosition(), { entry: 0, item: 0 });
  await first.bridge.run(messages(...entries.slice(0, 3)));
  await first.bridge.close();
  await db.pool.query('UPDATE zeekway.writers SET entry = 2, item = 1; DELETE FROM logs.numbers WHERE n = 5');
  for (let again = 0; again < 2; again++) {
    const reached: Position[] = [];
    const { bridge } = makeBridge(t, db, { writerId, onCommitted: (commit) => reached.push(commit.reached) });
    const position = await bridge.storedPosition();
    t.deepEqual(position, again === 0 ? { entry: 2, item: 1 } : { entry: 4, item: 0 });
    await bridge.run(messages(...entries.slice(position.entry)), position);
    await bridge.close();
    t.deepEqual(reached.at(-1), again === 0 ? { entry: 4, item: 0 } : undefined);
  }
  t.deepEqual(await column(db, 'SELECT n::int FROM logs.numbers ORDER BY 1'), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test('entries without rows are passed, too', async (t) => {
  const { db } = await ownDatabase(t);
  const reached: Position[] = [];
  const { bridge } = makeBridge(t, db, { onCommitted: (commit) => reached.push(commit.reached) });
  await bridge.run(messages([], [], []));
  await until(t, () => reached.length > 0);
  t.deepEqual(reached, [{ entry: 3, item: 0 }]);
  t.is(bridge.status.written.batches, 0);
});

test('two processes with one writer ID lose nothing and are told', async (t) => {
  const { db } = await ownDatabase(t);
  const writerId = randomUUID();
  const a = makeBridge(t, db, { writerId });
  const b = makeBridge(t, db, { writerId });
  for (let n = 0; n < 4; n += 2) {
    await a.bridge.run(messages(numbers(origin('a'), n, 1)));
    await a.bridge.flush();
    await b.bridge.run(messages([], numbers(origin('b'), n + 1, 1)));
    await b.bridge.flush();
  }
  await a.bridge.close();
  await b.bridge.close();
  t.deepEqual(await column(db, 'SELECT n::int FROM logs.numbers ORDER BY 1'), [0, 1, 2, 3]);
  t.regex(String(a.logger.lines[0]?.message), /^another process writes with the same writer ID/);
});

test('a replay has sources of its own', async (t) => {
  const { db } = await ownDatabase(t);
  const [replayId] = await column(
    db,
    "INSERT INTO zeekway.replays (digest, name) VALUES ('d', 'x.pcap') RETURNING id",
  );
  const from: Origin = { kind: 'replay', peer: '', name: 'x.pcap' };
  const { bridge } = makeBridge(t, db, { replayId: replayId as number });
  await bridge.run(messages(numbers(from, 0, 1), numbers({ ...from, node: 'worker-1' }, 1, 1)));
  await bridge.close();
  const { rows } = await db.pool.query('SELECT kind, name, node, replay FROM zeekway.sources');
  t.deepEqual(rows, [{ kind: 'replay', name: 'x.pcap', node: 'worker-1', replay: replayId }]);
});
