import { isDeepStrictEqual } from 'node:util';
import { ByteReader } from '../../src/codec/bytes.js';
import { FrameReader } from '../../src/codec/frame.js';
import { decodeLogRecord, encodeLogRecord, type LogField } from '../../src/codec/log-record.js';
import { equals } from '../../src/codec/value.js';
import { decodeValue, encodeValue, skipValue } from '../../src/codec/value-binary.js';
import { decodeValueJson, encodeValueJson } from '../../src/codec/value-json.js';
import { ZeekwayError } from '../../src/core/errors.js';
import { INSPECTED_REST_BYTES } from '../../src/core/limits.js';
import { decodeEnvelope, encodeEnvelope } from '../../src/protocol/broker/envelope.js';
import { decodeHandshake, encodeHandshake } from '../../src/protocol/broker/messages.js';
import { decodeStoreMessage, encodeStoreMessage, NOBODY } from '../../src/protocol/store/commands.js';
import { decodeStorePosition, encodeStorePosition } from '../../src/protocol/store/position.js';
import { SnapshotReader } from '../../src/protocol/store/snapshot.js';
import {
  type AckMessage,
  encodeAck,
  encodeDataMessage,
  encodeError,
  encodeSubscriptions,
  readClientMessage,
  readServerMessage,
  readSubscriptions,
} from '../../src/protocol/websocket/messages.js';
import { readZeroMqMessage, zeroMqParts } from '../../src/protocol/zeromq/messages.js';
import { ZmtpDecoder, type ZmtpItem } from '../../src/protocol/zeromq/zmtp.js';
import { GroupBuilder, readGroup } from '../../src/spool/entry.js';
import { inspectBytes } from '../../src/zeek/inspect.js';
import { Interpreter } from '../../src/zeek/interpreter.js';
import {
  eventMessage,
  identifierUpdateMessage,
  logCreateMessage,
  logWriteMessage,
  readMessages,
} from '../../src/zeek/message.js';
import { recordBytes } from '../../src/zeek/record-bytes.js';
import { framed, type GoldenName, golden } from '../support/golden.js';
import { logEvent } from '../support/log-events.js';
import { recordedCommands, websocketFrames } from '../support/recordings.js';
import { zmtpCommand, zmtpGreeting, zmtpMessage, zmtpReady } from '../support/zmtp.js';
import type { Random } from './mutate.js';

/** A decoder under test. `check` throws the decoder's error, or `Broken` where it does something wrong. */
export interface Target {
  readonly name: string;
  /** Good inputs to begin with. */
  readonly good: readonly Buffer[];
  readonly check: (bytes: Buffer, random: Random) => void;
}

class Broken extends Error {}

function must(holds: boolean, what: string): void {
  if (!holds) throw new Broken(what);
}

const bytesOf = (...names: GoldenName[]): Buffer[] =>
  names.flatMap((name) => golden(name).map(({ bytes }) => bytes));

/** What was decoded must encode, and that must decode to the same. */
function roundTrip<T>(value: T, encode: (value: T) => Buffer, decode: (bytes: Buffer) => T): void {
  const encoded = encode(value);
  must(encode(decode(encoded)).equals(encoded), 'what was decoded does not survive being encoded');
}

const values = bytesOf('values', 'messages');

const value: Target = {
  name: 'decodeValue',
  good: values,
  check(bytes) {
    const decoded = decodeValue(bytes);
    roundTrip(decoded, encodeValue, decodeValue);
    must(equals(decodeValue(encodeValue(decoded)), decoded), 'the value is another one');
    const reader = new ByteReader(bytes);
    skipValue(reader);
    must(reader.remaining === 0, 'skipValue ends elsewhere');
  },
};

const valueJson: Target = {
  name: 'decodeValueJson',
  good: values.flatMap((bytes) => [
    encodeValueJson(decodeValue(bytes)),
    encodeValueJson(decodeValue(bytes), { strings: 'escaped' }),
  ]),
  check(bytes, random) {
    const strings = random.pick(['raw', 'escaped'] as const);
    const decode = (json: Buffer) => decodeValueJson(json, { strings });
    roundTrip(decode(bytes), (decoded) => encodeValueJson(decoded, { strings }), decode);
  },
};

const logRecord: Target = {
  name: 'decodeLogRecord',
  good: bytesOf('records'),
  check: (bytes) => roundTrip(decodeLogRecord(bytes), encodeLogRecord, decodeLogRecord),
};

const frames: Target = {
  name: 'FrameReader',
  good: [bytesOf('handshake', 'envelopes'), bytesOf('values')].map((contents) =>
    Buffer.concat(contents.map(framed)),
  ),
  check(bytes, random) {
    const reader = new FrameReader(1024 * 1024);
    const read: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + random.below(random.pick([4, 100, 10_000]));
      reader.push(bytes.subarray(at, at + size));
      for (let frame = reader.next(); frame !== undefined; frame = reader.next())
        read.push(Buffer.from(frame));
      at += size;
    }
    must(
      Buffer.concat(read.map(framed)).equals(bytes.subarray(0, reader.offset)),
      'the frames are not the input',
    );
    must(reader.offset + reader.pendingBytes === bytes.length, 'bytes are missing');
  },
};

const handshake: Target = {
  name: 'decodeHandshake',
  good: bytesOf('handshake'),
  check: (bytes) => roundTrip(decodeHandshake(bytes), encodeHandshake, decodeHandshake),
};

const envelope: Target = {
  name: 'decodeEnvelope',
  good: bytesOf('envelopes'),
  check: (bytes) => roundTrip(decodeEnvelope(bytes), encodeEnvelope, decodeEnvelope),
};

const messages: Target = {
  name: 'readMessages',
  good: bytesOf('messages'),
  check(bytes) {
    for (const message of survives(() => readMessages(bytes))) {
      switch (message.type) {
        case 'log-create':
          must(
            isDeepStrictEqual(readMessages(encodeValue(logCreateMessage(message.schema))), [message]),
            'LogCreate',
          );
          break;
        case 'log-write':
          roundTrip(logWriteMessage(message, message.serial), encodeValue, decodeValue);
          break;
        case 'identifier-update':
          roundTrip(identifierUpdateMessage(message.name, message.value), encodeValue, decodeValue);
          break;
        case 'event':
          roundTrip(eventMessage(message.event.name, message.event.args), encodeValue, decodeValue);
          break;
        case 'bad':
          must(message.raw.length <= bytes.length && message.reason !== '', 'a bad message without a reason');
      }
    }
  },
};

/** These never throw: what they cannot read is an item of its own. */
function survives<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new Broken('it throws', { cause: error });
  }
}

const announced = golden('messages').flatMap(({ title, bytes }) => (title === 'log-create' ? [bytes] : []));

const logEvents = golden('records').map(({ bytes }) => {
  const values = decodeLogRecord(bytes);
  const fields = values.map((value, index): LogField => {
    const element = 'value' in value && Array.isArray(value.value) ? value.value[0]?.type : undefined;
    return { name: `f${index}`, type: value.type, subtype: element ?? 'string', optional: true };
  });
  return encodeValue(logEvent({ stream: 'Test::LOG', path: 'test', fields }, [values, values.slice(0, 2)]));
});

const interpreter: Target = {
  name: 'Interpreter',
  good: [...bytesOf('messages'), ...logEvents],
  check(bytes) {
    const origin = { kind: 'replay', peer: 'd3adbeef-d3ad-4eef-a3ad-beefd3adbeef', name: '' } as const;
    const interpreting = new Interpreter(origin);
    for (const payload of announced) interpreting.interpret('', payload, 0n);
    for (const item of survives(() => interpreting.interpret('zeek/logs/', bytes, 0n))) {
      if (item.kind === 'log') decodeLogRecord(item.serial);
    }
  },
};

const group = new GroupBuilder(0, Buffer.alloc(16));
group.begin(0, { peer: 'd3adbeef-d3ad-4eef-a3ad-beefd3adbeef', name: 'n' });
for (const payload of announced) group.message(0, 1n, 'zeek/logs/', payload);
group.endSource(0);

const spoolGroup: Target = {
  name: 'readGroup',
  good: [Buffer.from(group.content())],
  check(bytes) {
    for (const entry of readGroup(bytes)) must(entry.kind !== undefined, 'an entry of no kind');
  },
};

const FIELDS: LogField[] = [
  { name: 'ts', type: 'time', subtype: 'void', optional: false },
  { name: 'set', type: 'table', subtype: 'string', optional: true },
];

const inspection: Target = {
  name: 'inspectBytes',
  good: [
    ...bytesOf('messages'),
    ...bytesOf('records').map((serial) =>
      recordBytes({ stream: 'S', writer: 'W', path: 'p', fields: FIELDS }, serial),
    ),
  ],
  check(bytes) {
    const { stopped, rest, ...shown } = survives(() => inspectBytes(bytes));
    must((stopped?.offset ?? 0) <= bytes.length, 'it stopped behind the end');
    must(rest === undefined || stopped !== undefined, 'there is a rest, and it did not stop');
    const from = rest?.offset ?? bytes.length;
    must(from <= (stopped?.offset ?? bytes.length), 'the rest begins behind the place where it stopped');
    must(
      (rest?.hex ?? '').length === 2 * Math.min(bytes.length - from, INSPECTED_REST_BYTES),
      'hex is missing',
    );
    must(JSON.stringify(shown).length < 40 * (bytes.length + 100), 'more is shown than there is');
    if (stopped) throw new ZeekwayError('decode_invalid', stopped.reason);
  },
};

/** Everything in bytes that come in chunks of any size, up to the first error. */
function zmtpItems(
  bytes: Buffer,
  sizeOf: () => number,
): { items: ZmtpItem[]; offset: number; error?: unknown } {
  const decoder = new ZmtpDecoder();
  const items: ZmtpItem[] = [];
  try {
    for (let at = 0; at < bytes.length; ) {
      const size = sizeOf();
      decoder.push(bytes.subarray(at, at + size));
      for (let item = decoder.next(); item; item = decoder.next()) items.push(item);
      at += size;
      must(decoder.offset + decoder.pendingBytes === Math.min(at, bytes.length), 'bytes are missing');
    }
  } catch (error) {
    return { items, offset: decoder.offset, error };
  }
  return { items, offset: decoder.offset };
}

const zmtpGood = [
  [zmtpReady('XSUB'), zmtpCommand('SUBSCRIBE', Buffer.from('zeek/')), zmtpMessage('\x01zeek/')],
  [zmtpReady('XPUB'), zmtpMessage('zeek.cluster.', 'zeromq_a_b_1_c', 'broker-bin-v1', 'payload')],
  [zmtpCommand('PING', Buffer.from('\0\x10abc')), zmtpCommand('PONG', Buffer.from('abc'))],
  [zmtpMessage('log-write', 'zeromq_a_b_1_c', 'zeek-bin-serializer', Buffer.alloc(300)), zmtpMessage('\0')],
];

const zmtp: Target = {
  name: 'ZmtpDecoder',
  good: zmtpGood.map((frames) => Buffer.concat([zmtpGreeting(), ...frames])),
  check(bytes, random) {
    const whole = zmtpItems(bytes, () => bytes.length || 1);
    const cut = zmtpItems(bytes, () => 1 + random.below(random.pick([2, 10, 200])));
    must(String(whole.error) === String(cut.error), 'cut into chunks it fails otherwise');
    must(
      whole.offset === cut.offset && whole.items.length === cut.items.length,
      'chunks change what is read',
    );
    whole.items.forEach((item, index) => {
      if (item.type !== 'message') return;
      const other = cut.items[index];
      must(
        other?.type === 'message' &&
          item.parts.every((part, at) => Buffer.from(part).equals(other.parts[at] ?? Buffer.of(0))),
        'chunks change a message',
      );
      const written = zmtpMessage(...item.parts);
      must(written.length <= bytes.length, 'a message is longer than the input');
    });
    if (whole.error !== undefined) throw whole.error;
  },
};

const zeroMq: Target = {
  name: 'readZeroMqMessage',
  good: zmtpGood.map((frames) => Buffer.concat(frames)),
  check(bytes) {
    const decoder = new ZmtpDecoder(undefined, 'NULL');
    decoder.push(bytes);
    for (let item = decoder.next(); item; item = decoder.next()) {
      if (item.type !== 'message') continue;
      const again = zeroMqParts(readZeroMqMessage(item.parts));
      must(isDeepStrictEqual(again.map(hexOf), item.parts.map(hexOf)), 'the parts are other ones');
    }
  },
};

const websocketGood = [
  encodeSubscriptions(['zeek/', 'é']),
  encodeAck('d3adbeef-d3ad-4eef-a3ad-beefd3adbeef-websocket-0', '8.2.2'),
  encodeError('deserialization_failed', 'failed to decode JSON object'),
  ...(['websocket', 'websocket-clean'] as const).flatMap((name) =>
    websocketFrames(name).map(({ bytes }) => bytes),
  ),
];

function ackOf(bytes: Buffer): AckMessage {
  const message = readServerMessage(bytes);
  if (message.type !== 'ack') throw new Broken('an ack is none any more');
  return message;
}

const websocket: Target = {
  name: 'readServerMessage',
  good: websocketGood,
  check(bytes) {
    const message = readServerMessage(bytes);
    if (message.type === 'ack')
      roundTrip(message, ({ endpoint, version }) => encodeAck(endpoint, version), ackOf);
  },
};

const websocketClient: Target = {
  name: 'readClientMessage',
  good: websocketGood,
  check(bytes) {
    const { topic, value: read } = readClientMessage(bytes);
    const again = readClientMessage(encodeDataMessage(topic, read));
    must(again.topic === topic && equals(again.value, read), 'a message does not survive');
  },
};

const websocketTopics: Target = {
  name: 'readSubscriptions',
  good: [[], ['zeek/', 'é'], ['a"\\\n', ''], ['gw/ws/']].map((filter) => encodeSubscriptions(filter)),
  check(bytes) {
    const filter = readSubscriptions(bytes);
    must(isDeepStrictEqual(readSubscriptions(encodeSubscriptions(filter)), filter), 'topics do not survive');
  },
};

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const storeCommand: Target = {
  name: 'decodeStoreMessage',
  good: recordedCommands().map(({ bytes }) => bytes),
  check(bytes) {
    const decoded = decodeStoreMessage(bytes);
    roundTrip(decoded, encodeStoreMessage, decodeStoreMessage);
    if (decoded.command.type !== 'ack_clone') return;
    const reader = new SnapshotReader(decoded.command.snapshot);
    while (reader.read(3).length > 0);
  },
};

const storePosition: Target = {
  name: 'decodeStorePosition',
  good: [
    encodeStorePosition({ sequence: 7n, writers: [{ id: NOBODY, sequence: 9n }] }),
    encodeStorePosition({ sequence: 2n ** 64n - 1n, writers: [] }),
  ],
  check(bytes) {
    roundTrip(decodeStorePosition(bytes), encodeStorePosition, decodeStorePosition);
  },
};

export const TARGETS: readonly Target[] = [
  storeCommand,
  storePosition,
  value,
  valueJson,
  logRecord,
  frames,
  handshake,
  envelope,
  messages,
  interpreter,
  spoolGroup,
  inspection,
  zmtp,
  zeroMq,
  websocket,
  websocketClient,
  websocketTopics,
];

/** Only these may come out of a decoder. */
export const isAllowed = (error: unknown): boolean => error instanceof ZeekwayError;
