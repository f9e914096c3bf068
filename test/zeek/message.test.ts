import test from 'ava';
import fc from 'fast-check';
import type { LogField } from '../../src/codec/log-record.js';
import { count, enumValue, none, string, timestamp, type Value, vector } from '../../src/codec/value.js';
import { decodeValue, encodeValue } from '../../src/codec/value-binary.js';
import { DEFAULT_CODEC_LIMITS, MALFORMED_MESSAGES } from '../../src/core/limits.js';
import {
  batchMessage,
  eventMessage,
  identifierUpdateMessage,
  isStorableField,
  logCreateMessage,
  logWriteMessage,
  networkTimestamp,
  readMessages,
  type ZeekMessage,
} from '../../src/zeek/message.js';
import * as arbitrary from '../support/arbitrary.js';
import { golden } from '../support/golden.js';
import { Oracle, oracleValue, type Plain } from '../support/oracle.js';
import { RECORDINGS, recordedPayloads } from '../support/recordings.js';

const read = (value: Value): ZeekMessage[] => readMessages(encodeValue(value));
const example = (title: string): Buffer =>
  golden('messages').find((item) => item.title === title)?.bytes ?? Buffer.alloc(0);

/** The value of a message that was read; what Zeek says beyond that (a LogCreate's rotation) is not kept. */
function rebuild(message: ZeekMessage): Value {
  switch (message.type) {
    case 'event':
      return eventMessage(message.event.name, message.event.args, networkTimestamp(message.event));
    case 'log-create':
      return logCreateMessage(message.schema);
    case 'log-write':
      return logWriteMessage(message, message.serial);
    case 'identifier-update':
      return identifierUpdateMessage(message.name, message.value);
    case 'bad':
      throw new Error(message.reason);
  }
}

test('golden: an event', (t) => {
  const bytes = example('event of 2 elements');
  const [message, ...others] = readMessages(bytes);
  t.deepEqual(others, []);
  const [, , content] = (oracleValue(Oracle.of(bytes)) as { vector: Plain[] }).vector;
  const [name] = (content as { vector: { string: string }[] }).vector;
  t.true(message?.type === 'event');
  if (message?.type !== 'event') return;
  t.is(message.event.name, Buffer.from(name?.string ?? '', 'hex').toString());
  t.deepEqual(message.event.metadata, []);
  t.deepEqual(encodeValue(rebuild(message)), bytes, 'generate');
});

test('golden: an event with metadata that is empty is an event without', (t) => {
  const [message] = readMessages(example('event of 3 elements'));
  t.true(message?.type === 'event' && message.event.metadata.length === 0);
  t.is(message?.type === 'event' ? networkTimestamp(message.event) : 0n, undefined);
});

test('golden: a LogCreate', (t) => {
  const bytes = example('log-create');
  const [message] = readMessages(bytes);
  t.true(message?.type === 'log-create');
  if (message?.type !== 'log-create') return;
  const names = message.schema.fields.map(({ name }) => name);
  t.true(names.length > 0 && names.every((name) => bytes.includes(name)));
  t.deepEqual(read(rebuild(message)), [message], 'mirror');
  // Generate: the same but for the network time in the writer info, which only a rotating writer needs.
  const [ours, theirs] = [encodeValue(rebuild(message)), bytes].map((b) =>
    JSON.stringify(oracleValue(Oracle.of(b))),
  );
  t.is(
    ours,
    theirs?.replace(/\{"real":"[0-9a-f]{16}"\},\{"table":\[\]\}/, '{"real":"0000000000000000"},{"table":[]}'),
  );
});

test('golden: a batch of LogWrites', (t) => {
  const bytes = example('batch');
  const messages = readMessages(bytes);
  t.true(messages.length > 0 && messages.every(({ type }) => type === 'log-write'));
  t.deepEqual(encodeValue(batchMessage(messages.map(rebuild))), bytes, 'generate');
});

test('golden: an IdentifierUpdate, alone and in a batch in a batch', (t) => {
  const expected: ZeekMessage = { type: 'identifier-update', name: 'Gw::id', value: count(7) };
  t.deepEqual(readMessages(example('identifier-update')), [expected]);
  t.deepEqual(encodeValue(rebuild(expected)), example('identifier-update'));
  t.deepEqual(readMessages(example('batch in a batch')), [expected, expected]);
  t.deepEqual(
    encodeValue(batchMessage([rebuild(expected), batchMessage([rebuild(expected)])])),
    example('batch in a batch'),
  );
});

for (const name of RECORDINGS) {
  test(`${name}: every message is understood, and batches and events encode to the same bytes`, (t) => {
    for (const { bytes, source } of recordedPayloads([name])) {
      const messages = readMessages(bytes);
      t.false(
        messages.some(({ type }) => type === 'bad'),
        source,
      );
      const isBatch = messages.every(({ type }) => type === 'log-write');
      if (isBatch) t.deepEqual(encodeValue(batchMessage(messages.map(rebuild))), bytes, source);
      else t.deepEqual(read(rebuild(messages[0] as ZeekMessage)), messages, source);
    }
    t.pass();
  });
}

test('events survive, with and without a network timestamp', (t) => {
  fc.assert(
    fc.property(
      arbitrary.name,
      fc.array(arbitrary.value, { maxLength: 4 }),
      fc.option(arbitrary.int64),
      (name, args, time) => {
        const [message] = read(eventMessage(name, args, time ?? undefined));
        t.true(message?.type === 'event');
        if (message?.type !== 'event') return;
        t.is(message.event.name, name);
        t.deepEqual(message.event.args, decodeArgs(args));
        t.is(networkTimestamp(message.event), time ?? undefined);
      },
    ),
  );
});

/** Sets in the order in which they are written. */
const decodeArgs = (args: readonly Value[]): readonly Value[] => {
  const decoded = decodeValue(encodeValue({ type: 'vector', value: args }));
  return decoded.type === 'vector' ? decoded.value : [];
};

test('an event keeps metadata that it does not know', (t) => {
  const metadata = [vector([count(7), string('x')]), vector([count(1), timestamp(5n)])];
  const [message] = read(vector([count(1), count(1), vector([string('e'), vector([]), vector(metadata)])]));
  t.true(message?.type === 'event');
  if (message?.type !== 'event') return;
  t.deepEqual(message.event.metadata, [
    { id: 7n, value: string('x') },
    { id: 1n, value: timestamp(5n) },
  ]);
  t.is(networkTimestamp(message.event), 5n);
});

const FIELD: LogField = { name: 'id.orig_h', type: 'addr', subtype: 'void', optional: true };
const SCHEMA = {
  stream: 'Conn::LOG',
  writer: 'Log::WRITER_ASCII',
  path: 'conn',
  fields: [
    FIELD,
    { name: 'tags', secondaryName: 'labels', type: 'table', subtype: 'string', optional: false },
  ],
} as const;

test('a LogCreate survives, with a secondary name', (t) => {
  t.deepEqual(read(logCreateMessage(SCHEMA)), [{ type: 'log-create', schema: SCHEMA }]);
});

test('the serial of a LogWrite is a view of the payload', (t) => {
  const payload = encodeValue(logWriteMessage(SCHEMA, Uint8Array.of(1, 2, 0xff)));
  const [message] = readMessages(payload);
  t.true(message?.type === 'log-write');
  if (message?.type === 'log-write') t.is(message.serial.buffer, payload.buffer);
});

const event = eventMessage('good', []);
const good = read(event)[0] as ZeekMessage;

test('what is no message is set aside with its bytes, and the rest of the batch is read', (t) => {
  const cases: Record<string, [Value, string, string]> = {
    'not a list': [string('x'), 'message_malformed', ''],
    'two elements': [vector([count(1), count(1)]), 'message_malformed', ''],
    'a version that is no count': [vector(['1', count(1), none]), 'message_malformed', ''],
    'version 2': [vector([count(2), count(1), none]), 'message_unknown', '2/1'],
    'type 6': [vector([count(1), count(6), vector(['x'])]), 'message_unknown', '1/6'],
    'an event of one element': [vector([count(1), count(1), vector(['x'])]), 'message_malformed', ''],
    'an event with a number as name': [
      vector([count(1), count(1), vector([count(1), vector([])])]),
      'message_malformed',
      '',
    ],
    'an event with a string for arguments': [
      vector([count(1), count(1), vector(['named', 'x'])]),
      'message_malformed',
      'named',
    ],
    'a LogWrite of two elements': [
      vector([count(1), count(3), vector([enumValue('A::LOG'), 'x'])]),
      'message_malformed',
      '',
    ],
    'a LogWrite without a serial': [
      vector([count(1), count(3), vector([enumValue('A::LOG'), enumValue('W'), 'a', none])]),
      'message_malformed',
      'A::LOG',
    ],
    'a batch that is no list': [vector([count(1), count(5), none]), 'message_malformed', ''],
  };
  for (const [what, [value, code, subject]] of Object.entries(cases)) {
    const [first, bad, last, ...others] = read(batchMessage([event, value, event]));
    t.deepEqual([first, last, others.length], [good, good, 0], what);
    t.true(bad?.type === 'bad', what);
    if (bad?.type !== 'bad') continue;
    t.is(bad.code, code as never, what);
    t.is(bad.subject, subject, what);
    t.deepEqual(Buffer.from(bad.raw), encodeValue(value), what);
    t.regex(bad.reason, /at byte \d+: /, what);
  }
});

test('a type that no log has, too many fields: the LogCreate is set aside', (t) => {
  // The type of `id.orig_h`, addr, with another tag.
  const bytes = encodeValue(logCreateMessage(SCHEMA))
    .toString('hex')
    .replace('02000000000000000b', '020000000000000017');
  const [bad] = readMessages(Buffer.from(bytes, 'hex'));
  t.true(bad?.type === 'bad' && bad.code === 'message_malformed' && bad.subject === 'Conn::LOG');
  const limits = { ...DEFAULT_CODEC_LIMITS, logFields: 1 };
  const [limited] = readMessages(encodeValue(logCreateMessage(SCHEMA)), limits);
  t.true(limited?.type === 'bad' && limited.reason.includes('at most 1 fields'));
});

test('a batch that is cut off gives what came, and says so', (t) => {
  const whole = encodeValue(batchMessage([event, event, event]));
  const size = encodeValue(event).length;
  for (let cut = 1; cut < 2 * size + 1; cut++) {
    const messages = readMessages(whole.subarray(0, whole.length - cut));
    t.is(
      messages.filter(({ type }) => type === 'event').length,
      cut <= size ? 2 : 1,
      `without the last ${cut} bytes`,
    );
    t.is(messages.filter(({ type }) => type === 'bad').length, 1, `without the last ${cut} bytes`);
  }
});

test('bytes behind a message are said, and the message counts', (t) => {
  const [message, bad, ...others] = readMessages(Buffer.concat([encodeValue(event), Buffer.of(0)]));
  t.deepEqual([message, others], [good, []]);
  t.true(bad?.type === 'bad' && bad.reason.includes('1 more bytes'));
});

test('what is no message is kept one by one only so often, then all at once', (t) => {
  const payload = encodeValue(batchMessage([event, ...Array<Value>(100_000).fill(none), event]));
  const [first, ...bad] = readMessages(payload);
  t.deepEqual(first, good);
  t.is(bad.length, MALFORMED_MESSAGES);
  t.true(bad.every((message) => message.type === 'bad' && message.code === 'message_malformed'));
  const kept = bad.flatMap((message) => (message.type === 'bad' ? [message.raw] : []));
  t.deepEqual(Buffer.concat(kept), payload.subarray(payload.length - 100_000 - encodeValue(event).length));
});

test('a batch of more elements than the limit is one bad message, whatever they are', (t) => {
  const limits = { ...DEFAULT_CODEC_LIMITS, collectionItems: 10 };
  for (const message of [
    batchMessage(Array<Value>(11).fill(event)),
    eventMessage('e', Array<Value>(11).fill(none)),
    batchMessage(Array<Value>(5).fill(eventMessage('e', [none, none]))),
  ]) {
    const last = readMessages(encodeValue(message), limits).at(-1);
    t.true(last?.type === 'bad' && /at most 10/.test(last.reason), JSON.stringify(last));
  }
});

test('batches in batches have a limit', (t) => {
  const nested = (depth: number): Value => (depth === 0 ? event : batchMessage([nested(depth - 1)]));
  t.deepEqual(read(nested(DEFAULT_CODEC_LIMITS.depth)), [good]);
  const [bad] = read(nested(DEFAULT_CODEC_LIMITS.depth + 1));
  t.true(bad?.type === 'bad' && bad.reason.includes('nested at most'));
});

test('only scalars, and sets and vectors of them, can be stored', (t) => {
  const field = (type: LogField['type'], subtype: LogField['subtype']): LogField => ({
    ...FIELD,
    type,
    subtype,
  });
  t.true(isStorableField(field('addr', 'void')));
  t.true(isStorableField(field('table', 'string')));
  t.true(isStorableField(field('vector', 'interval')));
  t.false(isStorableField(field('record', 'void')));
  t.false(isStorableField(field('table', 'table')));
  t.false(isStorableField(field('vector', 'void')));
});
