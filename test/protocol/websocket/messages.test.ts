import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { DecodeError } from '../../../src/codec/bytes.js';
import { nameToBytes } from '../../../src/codec/text.js';
import { string, type Value } from '../../../src/codec/value.js';
import { encodeValue } from '../../../src/codec/value-binary.js';
import { decodeValueJson, encodeValueJson } from '../../../src/codec/value-json.js';
import { DEFAULT_CODEC_LIMITS } from '../../../src/core/limits.js';
import {
  encodeAck,
  encodeDataMessage,
  encodeError,
  encodeSubscriptions,
  readClientMessage,
  readServerMessage,
  readSubscriptions,
} from '../../../src/protocol/websocket/messages.js';
import { readMessages } from '../../../src/zeek/message.js';
import * as arbitrary from '../../support/arbitrary.js';
import { fixtureFile, websocketFrames } from '../../support/recordings.js';

const canBeText = (topic: string, value: Value): boolean =>
  topic.isWellFormed() && isUtf8(encodeValueJson(value));

test('any message that a text frame can hold survives; any other is refused', (t) => {
  let refused = 0;
  fc.assert(
    fc.property(arbitrary.name, arbitrary.value, (topic, value) => {
      if (!canBeText(topic, value)) {
        refused += 1;
        t.throws(() => encodeDataMessage(topic, value), { code: 'encode_invalid' });
        return;
      }
      const frame = encodeDataMessage(topic, value);
      t.notThrows(() => JSON.parse(frame.toString()));
      const read = readClientMessage(frame);
      t.is(read.topic, topic);
      t.deepEqual(encodeValue(read.value), encodeValue(value));
      t.deepEqual(readServerMessage(frame), { type: 'data-message', topic });
      t.deepEqual(encodeValue(decodeValueJson(frame)), encodeValue(value));
    }),
    { numRuns: 300 },
  );
  t.true(refused > 0);
});

test('topics that are text survive as subscriptions; others are refused', (t) => {
  fc.assert(
    fc.property(fc.array(arbitrary.name), (filter) => {
      if (filter.every((topic) => topic.isWellFormed())) {
        t.deepEqual(readSubscriptions(encodeSubscriptions(filter)), filter);
      } else t.throws(() => encodeSubscriptions(filter), { code: 'encode_invalid' });
    }),
  );
});

test('acks and errors survive', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (one, other) => {
      t.deepEqual(readServerMessage(encodeAck(one, other)), { type: 'ack', endpoint: one, version: other });
      t.deepEqual(readServerMessage(encodeError(one, other)), { type: 'error', code: one, context: other });
    }),
  );
  const early = Buffer.from('{"type":"error","code":"invalid_uri","message":"Invalid URI"}');
  t.deepEqual(readServerMessage(early), { type: 'error', code: 'invalid_uri', context: 'Invalid URI' });
});

test('topics and texts keep bytes that are not UTF-8, as Zeek sends them', (t) => {
  const frame = Buffer.concat([
    Buffer.from('{"type":"data-message","topic":"a'),
    Buffer.of(0xff),
    Buffer.from('","@data-type":"string","data":"\0'),
    Buffer.of(0xfe),
    Buffer.from('"}'),
  ]);
  t.deepEqual(Buffer.from(nameToBytes(readClientMessage(frame).topic)), Buffer.of(0x61, 0xff));
  t.deepEqual(readClientMessage(frame).value, string(Uint8Array.of(0, 0xfe)));
});

test('what is no message is refused with the offset', (t) => {
  const cases: [(bytes: Buffer) => unknown, string, number][] = [
    [readSubscriptions, '{}', 0],
    [readSubscriptions, '["a",5]', 5],
    [readSubscriptions, '', 0],
    [readServerMessage, '[]', 0],
    [readServerMessage, '{"type":"nack"}', 8],
    [readServerMessage, '{"type":5}', 8],
    [readServerMessage, '{"type":"ack","endpoint":"x"}', 0],
    [readServerMessage, '{"type":"error","code":"x"}', 0],
    [readServerMessage, '{"type":"data-message"}', 0],
    [readClientMessage, '{"type":"ack","endpoint":"x","version":"y"}', 8],
    [readClientMessage, '{"type":"data-message","topic":"t"}', 0],
    [readClientMessage, '{"type":"data-message","topic":["t"],"@data-type":"none","data":{}}', 31],
  ];
  for (const [read, text, offset] of cases) {
    const error = t.throws(() => read(Buffer.from(text)), { instanceOf: DecodeError }, text);
    t.is(error?.offset, offset, text);
  }
});

test('limits are kept', (t) => {
  const limits = { ...DEFAULT_CODEC_LIMITS, filterTopics: 2, topicBytes: 3 };
  const long = Buffer.from('["abcd"]');
  t.throws(() => readSubscriptions(long, limits), { code: 'decode_limit' });
  t.throws(() => readSubscriptions(Buffer.from('["a","b","c"]'), limits), { code: 'decode_limit' });
  t.deepEqual(readSubscriptions(Buffer.from('["abc","b"]'), limits), ['abc', 'b']);
  const message = encodeDataMessage('abcd', { type: 'none' });
  t.throws(() => readServerMessage(message, limits), { code: 'decode_limit' });
});

/** A value as Zeek's `cat` prints it, for the types whose form is that simple. */
function printed(value: Value): string {
  if (value.type === 'boolean') return value.value ? 'T' : 'F';
  if (value.type === 'timestamp') return (Number(value.value) / 1e9).toFixed(3);
  // -1500 ms: each unit has the sign.
  if (value.type === 'timespan')
    return `${value.value / 1_000_000_000n}.0 sec ${(value.value % 1_000_000_000n) / 1_000_000n}.0 msecs`;
  return 'value' in value ? String(value.value) : '';
}

for (const name of ['websocket', 'websocket-clean'] as const) {
  test(`${name}: what the client sent is what Zeek printed`, (t) => {
    const lines = readFileSync(fixtureFile(`zeek/${name}/zeek.txt`), 'utf8').split('\n');
    const simple = lines.filter((line) => /^(scalars|network),/.test(line));
    const events = websocketFrames(name)
      .filter(({ from, bytes }) => from === 'client' && bytes.includes('"@data-type"'))
      .flatMap(({ bytes }) => readMessages(encodeValue(readClientMessage(bytes).value)))
      .flatMap((message) => (message.type === 'event' ? [message.event] : []));
    const printedEvents = events.map(({ name: event, args }) =>
      [event.replace('Gw::', ''), ...args.map(printed)].join(', '),
    );
    for (const line of simple) t.true(printedEvents.includes(line), line);
    t.true(simple.length >= 2);
  });

  test(`${name}: every frame of the recording survives being read and written`, (t) => {
    for (const { bytes } of websocketFrames(name).filter((frame) => frame.bytes.includes('"topic"'))) {
      const { topic, value } = readClientMessage(bytes);
      if (!canBeText(topic, value)) {
        t.throws(() => encodeDataMessage(topic, value), { code: 'encode_invalid', message: /UTF-8/ });
        continue;
      }
      const again = readClientMessage(encodeDataMessage(topic, value));
      t.is(again.topic, topic);
      t.deepEqual(encodeValue(again.value), encodeValue(value));
    }
  });

  test(`${name}: acks, errors and topics byte for byte`, (t) => {
    const [subscriptions, ...frames] = websocketFrames(name);
    t.deepEqual(
      encodeSubscriptions(readSubscriptions(subscriptions?.bytes ?? Buffer.of())),
      subscriptions?.bytes,
    );
    for (const { bytes } of frames.filter(({ from }) => from === 'server')) {
      const message = readServerMessage(bytes);
      if (message.type === 'ack') t.deepEqual(encodeAck(message.endpoint, message.version), bytes);
      if (message.type === 'error') t.deepEqual(encodeError(message.code, message.context), bytes);
      if (message.type === 'data-message') t.is(message.topic, 'gw/ws/all');
    }
  });
}
