import test from 'ava';
import fc from 'fast-check';
import { encodeLogRecord, type LogField, type LogType } from '../../src/codec/log-record.js';
import { count, enumValue, none, set, string, timestamp, type Value, vector } from '../../src/codec/value.js';
import { encodeValue } from '../../src/codec/value-binary.js';
import { encodeValueJson } from '../../src/codec/value-json.js';
import { INSPECTED_REST_BYTES } from '../../src/core/limits.js';
import { inspectBytes } from '../../src/zeek/inspect.js';
import type { LogSchema } from '../../src/zeek/log-schema.js';
import {
  batchMessage,
  eventMessage,
  identifierUpdateMessage,
  logCreateMessage,
  logWriteMessage,
  readMessages,
} from '../../src/zeek/message.js';
import { recordBytes } from '../../src/zeek/record-bytes.js';
import { value as anyValue, logRecord } from '../support/arbitrary.js';
import { golden } from '../support/golden.js';

const field = (name: string, type: LogType, subtype: LogType = 'void'): LogField => ({
  name,
  type,
  subtype,
  optional: name !== 'n',
});
const SCHEMA: LogSchema = {
  stream: 'X::LOG',
  writer: 'Log::WRITER_ASCII',
  path: 'x',
  fields: [field('n', 'count'), field('s', 'string'), field('v', 'vector', 'addr'), field('unset', 'bool')],
};
const SERIAL = encodeLogRecord([
  { type: 'count', value: 2n ** 64n - 1n },
  { type: 'string', value: Uint8Array.of(0x41, 0xff) },
  { type: 'vector', subtype: 'void', value: [{ type: 'addr', subtype: 'void', absent: true }] },
  { type: 'bool', subtype: 'void', absent: true },
]);
const RECORD = recordBytes(SCHEMA, SERIAL);
/** Where the serialized record begins: it is the end of the bytes. */
const RECORD_AT = RECORD.length - SERIAL.length;

/** What a client sees. */
const json = (bytes: Uint8Array) => JSON.parse(JSON.stringify(inspectBytes(bytes)));

test('a record is shown with its fields, their names and their values', (t) => {
  const { messages, ...others } = json(RECORD);
  t.deepEqual(others, {});
  t.deepEqual(messages.slice(0, 2), [
    { offset: 0, type: 'batch', messages: 2 },
    {
      offset: 22,
      type: 'log-create',
      stream: 'X::LOG',
      writer: 'Log::WRITER_ASCII',
      path: 'x',
      fields: [
        { name: 'n', type: 'count', optional: false },
        { name: 's', type: 'string', optional: true },
        { name: 'v', type: 'vector[addr]', optional: true },
        { name: 'unset', type: 'bool', optional: true },
      ],
    },
  ]);
  const { offset, ...write } = messages[2];
  t.true(offset > 22 && offset < RECORD_AT);
  t.deepEqual(write, {
    type: 'log-write',
    stream: 'X::LOG',
    writer: 'Log::WRITER_ASCII',
    path: 'x',
    record: { offset: RECORD_AT, bytes: SERIAL.length },
    fields: [
      { name: 'n', type: 'count', value: '18446744073709551615' },
      { name: 's', type: 'string', value: 'A\\xff' },
      { name: 'v', type: 'vector[addr]', value: [null] },
      { name: 'unset', type: 'bool' },
    ],
  });
});

test('a record without its fields is shown by the types that it has itself', (t) => {
  const other = { ...SCHEMA, path: 'other' };
  for (const bytes of [
    encodeValue(logWriteMessage(SCHEMA, SERIAL)),
    encodeValue(batchMessage([logCreateMessage(other), logWriteMessage(SCHEMA, SERIAL)])),
  ]) {
    t.deepEqual(json(bytes).messages.at(-1).fields, [
      { type: 'count', value: '18446744073709551615' },
      { type: 'string', value: 'A\\xff' },
      { type: 'vector', value: [null] },
      { type: 'bool' },
    ]);
  }
});

test('fields that are not the announced ones say what was announced', (t) => {
  const serial = encodeLogRecord([
    { type: 'count', value: 1n },
    { type: 'table', subtype: 'void', value: [{ type: 'int', value: -1n }] },
    { type: 'vector', subtype: 'void', value: [] },
    { type: 'bool', value: true },
    { type: 'string', value: 'one more' },
  ]);
  t.deepEqual(json(recordBytes(SCHEMA, serial)).messages[2].fields, [
    { name: 'n', type: 'count', value: 1 },
    { name: 's', type: 'set', announced: 'string', value: [-1] },
    { name: 'v', type: 'vector[addr]', value: [] },
    { name: 'unset', type: 'bool', value: true },
    { type: 'string', value: 'one more' },
  ]);
});

test('a record that breaks off: what came, the byte in the whole and in the record, and the rest', (t) => {
  // In the middle of the text of `s`: 4 bytes count, 17 the first field, 9 before the length.
  const bad = SERIAL.subarray(0, 4 + 17 + 9 + 5);
  const bytes = recordBytes(SCHEMA, bad);
  const { messages, stopped, rest } = json(bytes);
  t.deepEqual(messages[2].fields, [{ name: 'n', type: 'count', value: '18446744073709551615' }]);
  const begin = bytes.length - bad.length;
  t.is(stopped.offset, begin + 34);
  t.is(
    stopped.reason,
    `at byte ${begin + 34}: expected 2 bytes of a string, found 1 bytes (byte 34 of the record)`,
  );
  // The rest begins with the first byte that is not shown: that of the field.
  t.deepEqual(rest, { offset: begin + 21, bytes: 14, hex: bad.subarray(21).toString('hex') });
});

test('a set that breaks off shows its first elements', (t) => {
  const serial = encodeLogRecord([
    {
      type: 'table',
      subtype: 'void',
      value: [
        { type: 'count', value: 1n },
        { type: 'count', value: 2n },
      ],
    },
  ]);
  // The type of the second element.
  serial[serial.length - 14] = 99;
  const { messages, stopped, rest } = json(encodeValue(logWriteMessage(SCHEMA, serial)));
  t.deepEqual(messages[0].fields, [{ type: 'set', value: [1] }]);
  t.regex(stopped.reason, /a type tag of 0 to 22/);
  t.is(rest.bytes, 17);
});

test('an event breaks off in the middle of an argument', (t) => {
  const bytes = encodeValue(eventMessage('e', [count(1), vector([string('in'), set(['deep'])]), none], 5n));
  const at = bytes.indexOf('deep');
  const { messages, stopped, rest } = json(bytes.subarray(0, at + 2));
  t.deepEqual(messages, [
    {
      offset: 0,
      type: 'event',
      name: 'e',
      args: [
        { '@data-type': 'count', data: 1 },
        {
          '@data-type': 'vector',
          data: [
            { '@data-type': 'string', data: 'in' },
            { '@data-type': 'set', data: [] },
          ],
        },
      ],
    },
  ]);
  t.is(stopped.offset, at);
  t.deepEqual(rest, { offset: at - 2, bytes: 4, hex: '05046465' });
});

test('events, identifiers and unknown messages are shown in whole', (t) => {
  const cases: readonly (readonly [Value, object])[] = [
    [
      eventMessage('e', [], 0n),
      {
        type: 'event',
        name: 'e',
        args: [],
        metadata: [{ id: '1', value: { '@data-type': 'timestamp', data: '1970-01-01T00:00:00.000' } }],
      },
    ],
    [
      identifierUpdateMessage('X::\udcff', enumValue('E')),
      { type: 'identifier-update', name: 'X::\\xff', value: { '@data-type': 'enum-value', data: 'E' } },
    ],
    [
      vector([count(1), count(9), 'new']),
      { type: 'unknown', version: '1', number: '9', content: { '@data-type': 'string', data: 'new' } },
    ],
    [
      vector([count(2), count(1), none]),
      { type: 'unknown', version: '2', number: '1', content: { '@data-type': 'none', data: {} } },
    ],
  ];
  for (const [message, shown] of cases) {
    t.deepEqual(json(encodeValue(message)), { messages: [{ offset: 0, ...shown }] });
  }
});

test('bytes behind a message, bytes that are none, text, and nothing', (t) => {
  const behind = json(Buffer.concat([encodeValue(eventMessage('e', [])), Buffer.of(0xab, 0xcd)]));
  t.is(behind.messages[0].name, 'e');
  t.regex(behind.stopped.reason, /the end of the message, found 2 more bytes/);
  t.is(behind.rest.hex, 'abcd');
  const none = json(Buffer.of(1, 0, 0xff));
  t.deepEqual([none.messages, none.text, none.rest.hex], [[], undefined, '0100ff']);
  const line = json(Buffer.from('{"ts":1,"é":\t2}\n'));
  t.is(line.text, '{"ts":1,"é":\t2}\n');
  t.is(line.stopped.offset, 0);
  const empty = json(Buffer.of());
  t.deepEqual([empty.messages, empty.stopped.offset, empty.rest], [[], 0, undefined]);
});

test('times in ISO 8601 with microseconds as far as it has years for them', (t) => {
  for (const [seconds, shown] of [
    [1_700_000_000.123456, '2023-11-14T22:13:20.123456Z'],
    [-0.000001, '1969-12-31T23:59:59.999999Z'],
    [-0, '1970-01-01T00:00:00.000000Z'],
    [253_402_300_799, '9999-12-31T23:59:59.000000Z'],
    [1e13, 1e13],
    [Number.NaN, 'NaN'],
    [-Infinity, '-Infinity'],
    [1e300, 1e300],
  ] as const) {
    const serial = encodeLogRecord([{ type: 'time', value: seconds }]);
    t.deepEqual(json(encodeValue(logWriteMessage(SCHEMA, serial))).messages[0].fields[0].value, shown);
  }
});

test('any value is shown as the API shows the arguments of events', (t) => {
  fc.assert(
    fc.property(fc.array(anyValue, { maxLength: 5 }), (args) => {
      const bytes = encodeValue(eventMessage('e', args));
      const options = { strings: 'escaped', bigIntegers: 'string' } as const;
      t.deepEqual(json(bytes), {
        messages: [
          {
            offset: 0,
            type: 'event',
            name: 'e',
            args: args.map((arg) =>
              JSON.parse(JSON.stringify(JSON.parse(String(encodeValueJson(arg, options))))),
            ),
          },
        ],
      });
    }),
  );
});

test('any record is shown to its end', (t) => {
  fc.assert(
    fc.property(logRecord, (values) => {
      const { messages, stopped } = json(encodeValue(logWriteMessage(SCHEMA, encodeLogRecord(values))));
      t.is(stopped, undefined);
      t.is(messages[0].fields.length, values.length);
    }),
  );
});

test('cut at any byte: it is shown up to where the rest begins, and no less than by a shorter cut', (t) => {
  const whole = [RECORD, ...golden('messages').map(({ bytes }) => bytes)];
  for (const bytes of whole) {
    let before = 0;
    for (let size = 0; size < bytes.length; size++) {
      const cut = bytes.subarray(0, size);
      const { stopped, rest } = inspectBytes(cut);
      t.true(stopped !== undefined && stopped.offset <= size);
      const from = rest?.offset ?? size;
      t.true(from >= before && from <= (stopped?.offset ?? 0));
      t.is(rest?.hex ?? '', cut.subarray(from).toString('hex'));
      before = from;
    }
    t.is(inspectBytes(bytes).stopped, undefined);
  }
});

test('any bytes: nothing is thrown, and what readMessages takes is shown to its end', (t) => {
  const good = golden('messages').map(({ bytes }) => bytes);
  const changed = fc
    .tuple(fc.constantFrom(RECORD, ...good), fc.nat(), fc.uint8Array({ maxLength: 6 }), fc.nat({ max: 6 }))
    .map(([bytes, at, insert, remove]) => {
      const place = at % bytes.length;
      return Buffer.concat([bytes.subarray(0, place), insert, bytes.subarray(place + remove)]);
    });
  fc.assert(
    fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 300 })), (bytes) => {
      const { messages, stopped, rest } = inspectBytes(bytes);
      const isBad = readMessages(bytes).some(
        (message) => message.type === 'bad' && message.code === 'message_malformed',
      );
      if (isBad) t.not(stopped, undefined);
      // These two look into what readMessages leaves as it is.
      else if (stopped) t.true(['log-write', 'unknown'].includes(messages.at(-1)?.type ?? ''));
      if (rest) {
        const shown = Buffer.from(bytes.subarray(rest.offset)).subarray(0, INSPECTED_REST_BYTES);
        t.deepEqual([rest.hex, rest.bytes], [shown.toString('hex'), bytes.length - rest.offset]);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('what is shown is bounded, and says that there is more', (t) => {
  const text = 'é'.repeat(500_000);
  const floods: readonly Value[] = [
    eventMessage('e', [string(text)]),
    eventMessage('e', Array<Value>(500_000).fill(none)),
    eventMessage('e', Array<Value>(2_000).fill(string(text.slice(0, 250)))),
    eventMessage('e', [vector(Array<Value>(200_000).fill(timestamp(1n)))]),
    batchMessage(Array<Value>(50_000).fill(eventMessage('e', []))),
    logWriteMessage(
      SCHEMA,
      encodeLogRecord([
        { type: 'vector', subtype: 'void', value: Array(50_000).fill({ type: 'count', value: 7n }) },
      ]),
    ),
    logCreateMessage({ ...SCHEMA, fields: Array<LogField>(1_500).fill(field('x'.repeat(600), 'count')) }),
    string(text),
  ];
  for (const value of floods) {
    const bytes = encodeValue(value);
    t.true(bytes.length > 500_000 || value === floods[0]);
    const shown = JSON.stringify(inspectBytes(bytes));
    t.true(shown.length < 2_000_000, `${shown.length} characters`);
  }
  const [argument] = json(encodeValue(floods[0] as Value)).messages[0].args;
  t.is(argument.data, `${'é'.repeat(2_048)}... (1000000 bytes)`);
  const { messages, stopped, rest } = json(encodeValue(floods[1] as Value));
  t.true(messages[0].args.length > 9_000);
  t.regex(stopped.reason, /no more than can be shown/);
  t.is(stopped.offset, rest.offset);
});
