import test from 'ava';
import fc from 'fast-check';
import { DecodeError } from '../../src/codec/bytes.js';
import { nameToBytes } from '../../src/codec/text.js';
import { DEFAULT_CODEC_LIMITS } from '../../src/core/limits.js';
import {
  DROP_CODE,
  decodeHandshake,
  dropCodeName,
  encodeHandshake,
  HANDSHAKE_TAG,
  type HandshakeMessage,
  WrongMagicError,
} from '../../src/protocol/broker/messages.js';
import * as arbitrary from '../support/arbitrary.js';
import { golden } from '../support/golden.js';
import { Oracle, oracleHandshake, type Plain } from '../support/oracle.js';
import { recordedFrames } from '../support/recordings.js';

const hex = (text: string): string => Buffer.from(nameToBytes(text)).toString('hex');

/** A message in the form that the oracle gives. */
function plain(message: HandshakeMessage): Plain {
  const { type } = message;
  const sender = 'sender' in message ? message.sender.replaceAll('-', '') : '';
  switch (message.type) {
    case 'hello':
      return { type, sender, min: message.minVersion, max: message.maxVersion };
    case 'version_select':
      return { type, sender, version: message.version };
    case 'drop_conn':
      return { type, sender, code: message.code, text: hex(message.description) };
    case 'originator_syn':
    case 'responder_syn_ack':
      return { type, filter: message.filter.map(hex) };
    default:
      return { type };
  }
}

for (const { title, source, bytes } of golden('handshake')) {
  test(`golden: ${title} (${source})`, (t) => {
    const message = decodeHandshake(bytes);
    t.is(message.type, title as HandshakeMessage['type']);
    t.deepEqual(plain(message), oracleHandshake(Oracle.of(bytes)), 'parse');
    t.deepEqual(encodeHandshake(message), bytes, 'generate');
    t.deepEqual(decodeHandshake(encodeHandshake(message)), message, 'mirror');
    for (let end = 0; end < bytes.length; end++) {
      t.throws(
        () => decodeHandshake(bytes.subarray(0, end)),
        { instanceOf: DecodeError },
        `cut off at ${end}`,
      );
    }
    t.throws(() => decodeHandshake(Buffer.concat([bytes, Buffer.of(0)])), { code: 'decode_trailing' });
  });
}

test('golden: every kind of message is there', (t) => {
  t.deepEqual(
    golden('handshake')
      .map(({ title }) => title)
      .sort(),
    Object.keys(HANDSHAKE_TAG).sort(),
  );
});

test('every recorded handshake message decodes and encodes to the same bytes', (t) => {
  for (const { bytes, source } of recordedFrames('handshake')) {
    const message = decodeHandshake(bytes);
    t.deepEqual(plain(message), oracleHandshake(Oracle.of(bytes)), source);
    t.deepEqual(encodeHandshake(message), bytes, source);
  }
});

test('filters and descriptions of any bytes survive', (t) => {
  fc.assert(
    fc.property(fc.array(arbitrary.name, { maxLength: 5 }), arbitrary.name, (filter, description) => {
      const sender = 'd3adbeef-d3ad-4eef-a3ad-beefd3adbeef';
      const messages: HandshakeMessage[] = [
        { type: 'originator_syn', filter },
        { type: 'responder_syn_ack', filter },
        { type: 'drop_conn', sender, code: 39, description },
      ];
      for (const message of messages) t.deepEqual(decodeHandshake(encodeHandshake(message)), message);
    }),
  );
});

test('bad messages are refused with the offset of the byte that is wrong', (t) => {
  const cases: [string, string, number][] = [
    ['', 'decode_truncated', 0],
    ['05', 'decode_invalid', 0],
    ['0d', 'decode_invalid', 0],
    ['07', 'decode_truncated', 0],
    ['0a', 'decode_truncated', 1],
    ['0a0203616263', 'decode_truncated', 6],
    ['0a0105616263', 'decode_truncated', 3],
    ['0a91ce00', 'decode_limit', 1],
    ['0a01808004', 'decode_limit', 2],
    ['0c00', 'decode_trailing', 1],
  ];
  for (const [bytes, code, offset] of cases) {
    const error = t.throws(
      () => decodeHandshake(Buffer.from(bytes, 'hex')),
      { instanceOf: DecodeError },
      bytes,
    );
    t.is(error?.code, code as never, bytes);
    t.is(error?.offset, offset, bytes);
  }
});

test('another magic number is an error of its own', (t) => {
  const error = t.throws(() => decodeHandshake(Buffer.from('0747455420', 'hex')), {
    instanceOf: WrongMagicError,
  });
  t.is(error?.offset, 1);
  t.true(error?.message.includes('0x47455420'));
});

test('the limit of topics is kept', (t) => {
  const bytes = encodeHandshake({ type: 'originator_syn', filter: ['a', 'b', 'c'] });
  t.throws(() => decodeHandshake(bytes, { ...DEFAULT_CODEC_LIMITS, filterTopics: 2 }), {
    code: 'decode_limit',
  });
  t.throws(() => decodeHandshake(bytes, { ...DEFAULT_CODEC_LIMITS, topicBytes: 0 }), {
    code: 'decode_limit',
  });
});

test('codes of drop_conn have names', (t) => {
  t.is(dropCodeName(DROP_CODE.redundant_connection), 'redundant_connection');
  t.is(dropCodeName(1), 'broker error 1');
});
