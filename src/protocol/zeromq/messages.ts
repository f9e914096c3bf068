import { DecodeError } from '../../codec/bytes.js';
import { PAYLOAD_FORMATS, type PayloadFormat } from '../../codec/payload-format.js';
import { nameFromBytes, nameToBytes } from '../../codec/text.js';

/**
 * What Zeek says in ZeroMQ's messages (zeek/zeek src/cluster/backend/zeromq/ZeroMQ.cc). Events and log batches are
 * four parts, `topic | log-write`, sender, format, payload; a subscription is one part, 1 or 0 and the topic's
 * beginning (rfc.zeromq.org 29, what an XSUB socket sends).
 */

/** What stands in the place of a log batch's topic. */
export const LOG_WRITE = 'log-write';
/** What every node's ID begins with. */
export const NODE_ID_PREFIX = 'zeromq_';
const LOG_FORMAT = 'zeek-bin-serializer';
const PARTS = 4;

/** An event or a log batch. */
export interface ZeroMqPayload {
  readonly type: 'event' | 'log-batch';
  /** `LOG_WRITE` for a log batch. */
  readonly topic: string;
  /** The ID of the node that sent it, `zeromq_<node>_<host>_<pid>_<unique>`. */
  readonly sender: string;
  /** `zeek-bin-serializer` for a log batch, and for no event. */
  readonly format: PayloadFormat;
  /** The part itself, not a copy. */
  readonly payload: Uint8Array;
}

interface ZeroMqSubscription {
  readonly type: 'subscribe' | 'cancel';
  /** What the topics begin with; empty for all. */
  readonly topic: string;
}

export type ZeroMqMessage = ZeroMqPayload | ZeroMqSubscription;

/**
 * Tells what a multipart message means. Throws `DecodeError`, whose offset counts the contents of the parts one
 * behind the other.
 */
export function readZeroMqMessage(parts: readonly Uint8Array[]): ZeroMqMessage {
  const [first, sender, format, payload] = parts;
  if (parts.length === 1 && first) return readSubscription(first);
  if (parts.length !== PARTS || !first || !sender || !format || !payload) {
    throw new DecodeError('decode_invalid', 0, 'a message of 4 parts, or of 1', `${parts.length}`);
  }
  const topic = nameFromBytes(first);
  const type = topic === LOG_WRITE ? 'log-batch' : 'event';
  const head = { type, topic, sender: nameFromBytes(sender) } as const;
  return { ...head, format: checkedFormat(type, format, first.length + sender.length), payload };
}

function readSubscription(part: Uint8Array): ZeroMqSubscription {
  const [flag] = part;
  if (flag !== 0 && flag !== 1) {
    const found = flag === undefined ? 'an empty part' : String(flag);
    throw new DecodeError('decode_invalid', 0, 'a subscription, which begins with 0 or 1', found);
  }
  return { type: flag === 1 ? 'subscribe' : 'cancel', topic: nameFromBytes(part, 1) };
}

function checkedFormat(type: ZeroMqPayload['type'], bytes: Uint8Array, offset: number): PayloadFormat {
  const name = nameFromBytes(bytes.subarray(0, LONGEST_SHOWN_BYTES));
  const format = PAYLOAD_FORMATS.find((known) => known === name);
  if (format === undefined || (format === LOG_FORMAT) !== (type === 'log-batch')) {
    const known = PAYLOAD_FORMATS.filter((one) => (one === LOG_FORMAT) === (type === 'log-batch'));
    const expected = `the format ${known.join(' or ')} of ${type === 'event' ? 'an event' : 'a log batch'}`;
    throw new DecodeError('decode_invalid', offset, expected, JSON.stringify(name));
  }
  return format;
}

/** A format's name may be as long as a frame; an error should not. */
const LONGEST_SHOWN_BYTES = 64;

/** The parts of a message. Throws `encode_invalid` for a name that is none. */
export function zeroMqParts(message: ZeroMqMessage): Uint8Array[] {
  if (!('payload' in message)) {
    return [Buffer.concat([Buffer.of(message.type === 'subscribe' ? 1 : 0), nameToBytes(message.topic)])];
  }
  const { topic, sender, format, payload } = message;
  return [nameToBytes(topic), nameToBytes(sender), Buffer.from(format), payload];
}
