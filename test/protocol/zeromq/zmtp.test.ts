import test from 'ava';
import fc from 'fast-check';
import { DecodeError } from '../../../src/codec/bytes.js';
import { DEFAULT_CODEC_LIMITS, ZMTP_COMMAND_BYTES, ZMTP_MESSAGE_PARTS } from '../../../src/core/limits.js';
import { isZmtpGreeting, ZmtpDecoder, type ZmtpItem } from '../../../src/protocol/zeromq/zmtp.js';
import { zmtpCommand, zmtpGreeting, zmtpMessage, zmtpReady, zmtpStreams } from '../../support/zmtp.js';

const hex = (...lines: string[]): Buffer =>
  Buffer.from(lines.map((line) => line.replace(/#.*/, '').replaceAll(' ', '')).join(''), 'hex');

/** Everything in some chunks, as it would be kept. */
function decode(chunks: readonly Uint8Array[], decoder = new ZmtpDecoder()): ZmtpItem[] {
  const items: ZmtpItem[] = [];
  for (const chunk of chunks) {
    decoder.push(chunk);
    for (let item = decoder.next(); item; item = decoder.next()) items.push(item);
  }
  return items;
}

/** The same in a form that can be compared. */
const plain = (items: readonly ZmtpItem[]): unknown[] =>
  items.map((item) =>
    item.type === 'message' ? { ...item, parts: item.parts.map((part) => Buffer.from(part)) } : item,
  );

/** Recorded from Zeek 8.2.2: the side of the proxy's XPUB of zeromq 15555>40368, and of its XSUB. */
const GREETING = hex(
  'ff 0000000000000001 7f # signature; the padding is the length of ZMTP 1.0, which libzmq still writes',
  '03 01 # version 3.1',
  '4e554c4c 00000000 00000000 00000000 00000000 # mechanism NULL',
  '00 # not a server',
  '00000000 00000000 00000000 00000000 00000000 00000000 00000000 000000 # filler',
);
const READY = hex(
  '04 1a # command, 26 bytes',
  '05 5245414459 # READY',
  '0b 536f636b65742d54797065 # Socket-Type',
  '00000004 58505542 # XPUB',
);
const SUBSCRIBE = hex(
  '04 1e # command, 30 bytes',
  '09 535542534352494245 # SUBSCRIBE',
  '7a65656b2e636c75737465722e6d616e61676572 # zeek.cluster.manager',
);
const SUBSCRIPTION = hex(
  '00 10 # the last part, 16 bytes',
  '01 7a65656b2f73757065727669736f72 # subscribe, zeek/supervisor',
);
const EVENT = hex(
  '01 14 # a part with more behind it, 20 bytes',
  '7a65656b2e636c75737465722e6d616e61676572 # zeek.cluster.manager',
  '01 2b # 43 bytes',
  '7a65726f6d715f776f726b65722d315f766d5f31373932365f4e4574446a7132 # zeromq_worker-1_vm_17926_NEtDjq2',
  '5a73557532746d47495065 # ZsUu2tmGIPe',
  '01 0d 62726f6b65722d62696e2d7631 # broker-bin-v1',
  '02 0000000000000002 0e00 # the last part, a long one (shortened by hand)',
);
const ALL = [GREETING, READY, SUBSCRIBE, SUBSCRIPTION, EVENT];
const BYTES = Buffer.concat(ALL);

test('golden: a greeting, commands and messages', (t) => {
  const [greeting, ready, subscribe, subscription, event, ...more] = decode([BYTES]);
  t.deepEqual(more, []);
  t.deepEqual(greeting, { type: 'greeting', offset: 0, version: [3, 1], mechanism: 'NULL', asServer: false });
  t.deepEqual(ready, {
    type: 'command',
    offset: 64,
    command: { name: 'READY', metadata: new Map([['Socket-Type', 'XPUB']]) },
  });
  t.deepEqual(subscribe, {
    type: 'command',
    offset: 92,
    command: { name: 'SUBSCRIBE', topic: 'zeek.cluster.manager' },
  });
  t.deepEqual(plain([subscription as ZmtpItem]), [
    { type: 'message', offset: 124, parts: [Buffer.from('\x01zeek/supervisor')], partOffsets: [126] },
  ]);
  if (event?.type !== 'message') return t.fail('no event');
  t.deepEqual([event.offset, event.partOffsets], [142, [144, 166, 211, 233]]);
  t.is(event.parts[2]?.buffer, BYTES.buffer, 'a part is a view');
});

test('golden: these bytes are in the recording', (t) => {
  const streams = zmtpStreams().map(({ bytes }) => bytes);
  const parts = [Buffer.concat([GREETING, READY]), SUBSCRIBE, SUBSCRIPTION, EVENT.subarray(0, -11)];
  for (const part of parts) t.true(streams.some((bytes) => bytes.includes(part)));
});

test('the same items whatever the chunks: two at every byte, and single bytes', (t) => {
  const whole = plain(decode([BYTES]));
  for (let at = 0; at <= BYTES.length; at++) {
    t.deepEqual(plain(decode([BYTES.subarray(0, at), BYTES.subarray(at)])), whole, `at ${at}`);
  }
  t.deepEqual(plain(decode(Array.from(BYTES, (byte) => Buffer.of(byte)))), whole);
});

test('pending bytes and the offset tell what is not handed out', (t) => {
  const ends = ALL.map((_, index) => Buffer.concat(ALL.slice(0, index + 1)).length);
  for (let size = 0; size <= BYTES.length; size++) {
    const decoder = new ZmtpDecoder();
    const items = decode([BYTES.subarray(0, size)], decoder);
    const complete = ends.filter((end) => end <= size);
    t.is(items.length, complete.length);
    t.is(decoder.offset, complete.at(-1) ?? 0);
    t.is(decoder.offset + decoder.pendingBytes, size);
  }
});

test('the recording: everything that an independent reader finds', (t) => {
  const streams = zmtpStreams();
  t.is(streams.length, 14);
  for (const { source, bytes, messages, commands, socketType } of streams) {
    const items = decode([bytes]);
    const found = items.filter((item) => item.type === 'message');
    t.deepEqual(
      found.map(({ offset, parts }) => ({ offset, parts: parts.map((part) => Buffer.from(part)) })),
      messages,
      source,
    );
    const read = items.filter((item) => item.type === 'command');
    t.deepEqual(
      read.map(({ command }) => command.name),
      commands.map((content) => content.slice(1, 1 + content.charCodeAt(0))),
    );
    const [ready] = read;
    t.is(ready?.command.name === 'READY' && ready.command.metadata.get('Socket-Type'), socketType);
  }
});

test('messages survive any way of cutting them', (t) => {
  const message = fc.array(
    fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ minLength: 250, maxLength: 300 })),
    { minLength: 1, maxLength: 6 },
  );
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 90 })),
      (all, sizes) => {
        const bytes = Buffer.concat([zmtpGreeting(), ...all.map((parts) => zmtpMessage(...parts))]);
        const chunks: Buffer[] = [];
        let at = 0;
        for (let index = 0; at < bytes.length; index++) {
          const size = sizes[index % (sizes.length || 1)] ?? bytes.length;
          chunks.push(bytes.subarray(at, at + size));
          at += size;
        }
        const found = decode(chunks).flatMap((item) => (item.type === 'message' ? [item] : []));
        t.deepEqual(
          found.map(({ parts }) => parts.map((part) => Buffer.from(part))),
          all.map((parts) => parts.map((part) => Buffer.from(part))),
        );
        for (const { parts, partOffsets } of found) {
          parts.forEach((part, index) => {
            t.true(bytes.subarray(partOffsets[index]).subarray(0, part.length).equals(part));
          });
        }
      },
    ),
    { numRuns: 200 },
  );
});

const commandOf = (bytes: Buffer, mechanism = 'NULL') =>
  decode([zmtpGreeting(mechanism), bytes]).flatMap((item) =>
    item.type === 'command' ? [item.command] : [],
  )[0];

test('every command', (t) => {
  t.deepEqual(commandOf(zmtpCommand('CANCEL', Buffer.from('a'))), { name: 'CANCEL', topic: 'a' });
  t.deepEqual(commandOf(zmtpCommand('PING', Buffer.from('012c6162', 'hex'))), {
    name: 'PING',
    timeToLive: 300,
    context: Buffer.from('ab'),
  });
  t.deepEqual(commandOf(zmtpCommand('PONG', Buffer.from('ab'))), {
    name: 'PONG',
    context: Buffer.from('ab'),
  });
  t.deepEqual(commandOf(zmtpCommand('ERROR', Buffer.from('\x03400'))), { name: 'ERROR', reason: '400' });
  t.deepEqual(commandOf(zmtpCommand('HELLO', Buffer.from('\x02me\x03pwd')), 'PLAIN'), {
    name: 'HELLO',
    username: 'me',
  });
  t.deepEqual(commandOf(zmtpCommand('WELCOME'), 'PLAIN'), { name: 'WELCOME' });
  t.deepEqual(commandOf(zmtpReady('PUSH', 'INITIATE'), 'PLAIN'), {
    name: 'INITIATE',
    metadata: new Map([['Socket-Type', 'PUSH']]),
  });
  t.deepEqual(commandOf(zmtpCommand('NEW', Buffer.of(1))), {
    name: 'unknown',
    of: 'NEW',
    content: Buffer.of(1),
  });
});

test('what CURVE encrypts is named, and not read', (t) => {
  const bytes = Buffer.from('\x07MESSAGEsecret');
  const flagged = commandOf(zmtpCommand('MESSAGE', Buffer.from('secret')), 'CURVE');
  t.deepEqual(flagged, { name: 'unreadable', of: 'MESSAGE', bytes: 6 });
  t.deepEqual(commandOf(zmtpMessage(bytes), 'CURVE'), flagged, 'libzmq sends it without the flag');
  t.deepEqual(commandOf(zmtpCommand('READY', Buffer.of(1, 2, 3)), 'CURVE'), {
    name: 'unreadable',
    of: 'READY',
    bytes: 3,
  });
  t.deepEqual(commandOf(zmtpCommand('ERROR', Buffer.from('\x03400')), 'CURVE'), {
    name: 'ERROR',
    reason: '400',
  });
});

test('errors name the place in the stream', (t) => {
  const cases: [Buffer, number, string][] = [
    [Buffer.from('GET / HTTP'), 0, "expected ZMTP's signature, which begins with 0xff, found 0x47"],
    [Buffer.alloc(10, 0xff), 9, "expected ZMTP's signature, which ends with 0x7f, found 0xff"],
    [zmtpGreeting('NULL', 0, 1), 10, 'expected ZMTP version 3, found 1'],
    [Buffer.concat([zmtpGreeting(), Buffer.of(8)]), 64, 'expected the flags of a frame, found 0x08'],
    [Buffer.concat([zmtpGreeting(), Buffer.of(5)]), 64, 'expected the flags of a frame, found 0x05'],
    [
      Buffer.concat([zmtpGreeting(), READY, zmtpCommand('PING', Buffer.of(1))]),
      99,
      'expected 2 bytes of a time to live, found 1 bytes',
    ],
    [Buffer.concat([zmtpGreeting(), zmtpCommand('WELCOME', Buffer.of(1))]), 74, 'expected the end of'],
    [
      Buffer.concat([zmtpGreeting(), Buffer.from('02ffffffffffffffff', 'hex')]),
      64,
      `expected a message of at most ${DEFAULT_CODEC_LIMITS.frameBytes} bytes`,
    ],
    [
      Buffer.concat([zmtpGreeting(), Buffer.from('060000000000010001', 'hex')]),
      64,
      `expected a command of at most ${ZMTP_COMMAND_BYTES} bytes, found 65537`,
    ],
    [
      Buffer.concat([zmtpGreeting(), Buffer.from('0100'.repeat(ZMTP_MESSAGE_PARTS + 1), 'hex')]),
      64 + 2 * ZMTP_MESSAGE_PARTS,
      `expected at most ${ZMTP_MESSAGE_PARTS} parts of a message`,
    ],
  ];
  for (const [bytes, offset, message] of cases) {
    for (const chunks of [[bytes], Array.from(bytes, (byte) => Buffer.of(byte))]) {
      const error = t.throws(() => decode(chunks), { instanceOf: DecodeError }, message);
      t.is(error?.offset, offset, message);
      t.true(error?.message.includes(message), error?.message);
    }
  }
});

test('all parts of a message have one limit', (t) => {
  const limits = { ...DEFAULT_CODEC_LIMITS, frameBytes: 10 };
  const read = (...parts: string[]) => decode([zmtpMessage(...parts)], new ZmtpDecoder(limits, 'NULL'));
  t.is(read('12345', '12345').length, 1);
  t.throws(() => read('12345', '123456'), { message: /a message of at most 10 bytes, found 11/ });
});

test('behind a command that cannot be read one can go on', (t) => {
  const decoder = new ZmtpDecoder();
  decoder.push(Buffer.concat([zmtpGreeting(), zmtpCommand('PING'), READY]));
  t.is(decoder.next()?.type, 'greeting');
  t.throws(() => decoder.next(), { code: 'decode_invalid' });
  t.is(decoder.next()?.type, 'command');
  t.is(decoder.next(), undefined);
});

test('a greeting is told by its first bytes', (t) => {
  for (let size = 0; size <= 64; size++) {
    t.is(isZmtpGreeting(GREETING.subarray(0, size)), size < 11 ? undefined : true);
  }
  t.false(isZmtpGreeting(Buffer.of(0x16)));
  t.false(isZmtpGreeting(zmtpGreeting('NULL', 0, 2)));
});
