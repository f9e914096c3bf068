import test from 'ava';
import fc from 'fast-check';
import { readZeroMqMessage, type ZeroMqMessage, zeroMqParts } from '../../../src/protocol/zeromq/messages.js';
import { zeromqMessages } from '../../support/recordings.js';
import { zmtpStreams } from '../../support/zmtp.js';

const buffers = (parts: readonly Uint8Array[]): Buffer[] => parts.map((part) => Buffer.from(part));
const parts = (...texts: string[]): Buffer[] => texts.map((text) => Buffer.from(text));

test('every recorded message is understood, and the same when written again', (t) => {
  const types = { event: 0, 'log-batch': 0, subscribe: 0, cancel: 0 };
  for (const { messages } of zmtpStreams()) {
    for (const one of messages) {
      const message = readZeroMqMessage(one.parts);
      types[message.type] += 1;
      t.deepEqual(buffers(zeroMqParts(message)), one.parts);
      if ('payload' in message) {
        t.true(message.payload === one.parts[3], 'the payload is the part');
        t.regex(message.sender, /^zeromq_(manager|worker-1)_vm_/);
      }
    }
  }
  t.deepEqual(types, { event: 216, 'log-batch': 331, subscribe: 29, cancel: 5 });
});

test('what the recorder received is what went over the wire to it', (t) => {
  const streams = zmtpStreams();
  const of = (ports: readonly string[]) =>
    streams
      .filter(({ source }) => ports.includes(source))
      .flatMap(({ messages }) => messages.map((one) => one.parts));
  const recorded = (wanted: string) =>
    zeromqMessages().flatMap(({ socket, parts: all }) => (socket === wanted ? [all] : []));
  const sorted = (all: readonly (readonly Buffer[])[]): string[] =>
    all.map((one) => one.map((part) => part.toString('hex')).join(' ')).sort();
  t.deepEqual(sorted(of(['15555>40368'])), sorted(recorded('sub')));
  t.deepEqual(sorted(of(['57422>15557', '57436>15557'])), sorted(recorded('pull')));
});

test('names and payloads of any bytes', (t) => {
  const name = fc.string({ unit: 'binary', maxLength: 20 });
  const payload = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes));
  const message: fc.Arbitrary<ZeroMqMessage> = fc.oneof(
    fc.record({ type: fc.constantFrom('subscribe' as const, 'cancel' as const), topic: name }),
    fc.record({
      type: fc.constant('event' as const),
      topic: name.filter((topic) => topic !== 'log-write'),
      sender: name,
      format: fc.constantFrom('broker-bin-v1' as const, 'broker-json-v1' as const),
      payload,
    }),
    fc.record({
      type: fc.constant('log-batch' as const),
      topic: fc.constant('log-write'),
      sender: name,
      format: fc.constant('zeek-bin-serializer' as const),
      payload,
    }),
  );
  fc.assert(fc.property(message, (one) => t.deepEqual(readZeroMqMessage(zeroMqParts(one)), one)));
  const bytes = [Buffer.of(0xff, 0x61), Buffer.of(0xfe), Buffer.from('broker-bin-v1'), Buffer.of(0)];
  t.deepEqual(buffers(zeroMqParts(readZeroMqMessage(bytes))), bytes, 'names that are not UTF-8');
});

test('what is none of them is refused with the reason', (t) => {
  for (const [input, offset, reason] of [
    [parts('a', 'b', 'c'), 0, 'a message of 4 parts, or of 1, found 3'],
    [parts('', '', '', '', ''), 0, 'found 5'],
    [[], 0, 'found 0'],
    [parts(''), 0, 'a subscription, which begins with 0 or 1, found an empty part'],
    [parts('x'), 0, 'found 120'],
    [
      parts('topic', 'node', 'pickle', ''),
      9,
      'expected the format broker-bin-v1 or broker-json-v1 of an event, found "pickle"',
    ],
    [parts('topic', 'node', 'zeek-bin-serializer', ''), 9, 'of an event, found "zeek-bin-serializer"'],
    [
      parts('log-write', 'n', 'broker-bin-v1', ''),
      10,
      'expected the format zeek-bin-serializer of a log batch, found "broker-bin-v1"',
    ],
    [parts('t', 'n', 'x'.repeat(1000), ''), 2, `found "${'x'.repeat(64)}"`],
  ] as const) {
    const error = t.throws(() => readZeroMqMessage(input), { code: 'decode_invalid' }, reason);
    t.true(error.message.includes(reason), error.message);
    t.true(error.message.startsWith(`at byte ${offset}:`), error.message);
  }
});
