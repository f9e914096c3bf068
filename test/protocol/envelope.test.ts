import test from 'ava';
import fc from 'fast-check';
import { DecodeError } from '../../src/codec/bytes.js';
import { nameToBytes } from '../../src/codec/text.js';
import { DEFAULT_CODEC_LIMITS } from '../../src/core/limits.js';
import { EVERYBODY } from '../../src/protocol/broker/endpoint-id.js';
import {
  decodeEnvelope,
  decodeRoutingUpdate,
  ENVELOPE_HEADER_BYTES,
  type Envelope,
  encodeEnvelope,
  frame,
  routingUpdate,
} from '../../src/protocol/broker/envelope.js';
import * as arbitrary from '../support/arbitrary.js';
import { framed, golden } from '../support/golden.js';
import { Oracle, type OracleEnvelope, oracleEnvelope } from '../support/oracle.js';
import { recordedFrames } from '../support/recordings.js';

const SENDER = 'd3adbeef-d3ad-4eef-a3ad-beefd3adbeef';

/** An envelope in the form that the oracle gives. */
const plain = (envelope: Envelope): OracleEnvelope => ({
  type: envelope.type,
  sender: envelope.sender.replaceAll('-', ''),
  receiver: envelope.receiver.replaceAll('-', ''),
  ttl: envelope.ttl,
  topic: Buffer.from(nameToBytes(envelope.topic)).toString('hex'),
  payload: Buffer.from(envelope.payload).toString('hex'),
});

for (const { title, source, bytes } of golden('envelopes')) {
  test(`golden: ${title} (${source})`, (t) => {
    const envelope = decodeEnvelope(bytes);
    t.is(envelope.type, title as Envelope['type']);
    t.deepEqual(plain(envelope), oracleEnvelope(Oracle.of(bytes)), 'parse');
    t.deepEqual(encodeEnvelope(envelope), bytes, 'generate');
    t.deepEqual(decodeEnvelope(encodeEnvelope(envelope)), envelope, 'mirror');
    t.is(envelope.payload.buffer, bytes.buffer, 'the payload is a view');
    const header = ENVELOPE_HEADER_BYTES + Buffer.byteLength(envelope.topic);
    for (let end = 0; end < header; end++) {
      t.throws(
        () => decodeEnvelope(bytes.subarray(0, end)),
        { code: 'decode_truncated' },
        `cut off at ${end}`,
      );
    }
  });
}

test('golden: every kind of envelope is there', (t) => {
  const types = ['data', 'command', 'routing_update', 'ping', 'pong'];
  t.deepEqual(
    golden('envelopes')
      .map(({ title }) => title)
      .sort(),
    types.sort(),
  );
});

test('every recorded envelope decodes and encodes to the same bytes', (t) => {
  for (const { bytes, source } of recordedFrames('envelope')) {
    const envelope = decodeEnvelope(bytes);
    t.deepEqual(encodeEnvelope(envelope), bytes, source);
    t.deepEqual(plain(envelope), oracleEnvelope(Oracle.of(bytes)), source);
    if (envelope.type !== 'routing_update') continue;
    t.deepEqual(decodeRoutingUpdate(envelope).map(hex), Oracle.of(envelope.payload).filter(), source);
  }
});

const hex = (topic: string): string => Buffer.from(nameToBytes(topic)).toString('hex');

test('any envelope survives', (t) => {
  fc.assert(
    fc.property(
      arbitrary.name,
      arbitrary.byteString,
      fc.nat(0xffff),
      fc.uuid(),
      (topic, payload, ttl, receiver) => {
        const envelope: Envelope = { type: 'data', sender: SENDER, receiver, ttl, topic, payload };
        const decoded = decodeEnvelope(encodeEnvelope(envelope));
        t.deepEqual({ ...decoded, payload: Uint8Array.from(decoded.payload) }, envelope);
      },
    ),
  );
});

test('a routing update has the filter as payload', (t) => {
  const update = routingUpdate(SENDER, EVERYBODY, ['a/', 'b\udcff']);
  t.is(update.topic, '<$>');
  t.deepEqual(decodeRoutingUpdate(update), ['a/', 'b\udcff']);
  const trailing = { ...update, payload: Buffer.concat([update.payload, Buffer.of(0)]) };
  t.throws(() => decodeRoutingUpdate(trailing), { code: 'decode_trailing' });
});

test('bad envelopes are refused with the offset of the byte that is wrong', (t) => {
  const header = (tag: string, topicLength: string): Buffer =>
    Buffer.from(`${'11'.repeat(16)}${'00'.repeat(16)}${tag}0010${topicLength}`, 'hex');
  const cases: [Buffer, string, number][] = [
    [Buffer.alloc(0), 'decode_truncated', 0],
    [Buffer.alloc(36), 'decode_truncated', 0],
    [header('00', '0000'), 'decode_invalid', 32],
    [header('06', '0000'), 'decode_invalid', 32],
    [header('01', '0001'), 'decode_truncated', 37],
  ];
  for (const [bytes, code, offset] of cases) {
    const error = t.throws(() => decodeEnvelope(bytes), { instanceOf: DecodeError });
    t.is(error?.code, code as never);
    t.is(error?.offset, offset);
  }
  const limits = { ...DEFAULT_CODEC_LIMITS, topicBytes: 2 };
  const error = t.throws(() => decodeEnvelope(header('01', '0003'), limits), {
    instanceOf: DecodeError,
    code: 'decode_limit',
  });
  t.is(error?.offset, 35);
});

test('a topic of 65535 bytes can be sent, a longer one not', (t) => {
  const envelope = (size: number): Envelope => ({
    type: 'data',
    sender: SENDER,
    receiver: SENDER,
    ttl: 16,
    topic: 'x'.repeat(size),
    payload: Buffer.of(0),
  });
  t.is(decodeEnvelope(encodeEnvelope(envelope(65_535))).topic.length, 65_535);
  t.throws(() => encodeEnvelope(envelope(65_536)), { code: 'encode_invalid' });
});

test('frames have their length before them', (t) => {
  for (const { bytes } of golden('envelopes')) t.deepEqual(frame(bytes), framed(bytes));
});
