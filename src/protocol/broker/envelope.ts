import { Parser } from 'binary-parser/dist/binary_parser.js';
import { SmartBuffer } from 'smart-buffer';
import { ByteReader, DecodeError } from '../../codec/bytes.js';
import { nameFromBytes, nameToBytes } from '../../codec/text.js';
import { ZeekwayError } from '../../core/errors.js';
import { type CodecLimits, DEFAULT_CODEC_LIMITS, DEFAULT_TTL } from '../../core/limits.js';
import { type EndpointId, endpointIdFromBytes, endpointIdToBytes } from './endpoint-id.js';
import { type Filter, RESERVED_TOPIC, readFilter } from './filter.js';
import { encodeFilter } from './messages.js';

/**
 * Envelopes, the frames of phase 3 (libbroker/broker/internal/wire_format.cc, envelope.cc): sender 16 bytes,
 * receiver 16, tag u8, TTL u16, topic length u16, topic, payload; big-endian.
 */

/** Envelope types by their tag; tag 0 does not exist. */
const ENVELOPE_TYPES = [undefined, 'data', 'command', 'routing_update', 'ping', 'pong'] as const;
type EnvelopeType = Exclude<(typeof ENVELOPE_TYPES)[number], undefined>;

export interface Envelope {
  readonly type: EnvelopeType;
  /** The endpoint that sent it over this connection (the last hop). */
  readonly sender: EndpointId;
  /** One endpoint, addressed past its filter, or `EVERYBODY`. */
  readonly receiver: EndpointId;
  readonly ttl: number;
  readonly topic: string;
  /** A view of the frame, not a copy. */
  readonly payload: Uint8Array;
}

export const ENVELOPE_HEADER_BYTES = 37;

const HEADER = new Parser()
  .endianess('big')
  .buffer('sender', { length: 16 })
  .buffer('receiver', { length: 16 })
  .uint8('tag')
  .uint16('ttl')
  .uint16('topicLength');

/** Decodes one frame of phase 3. Throws `DecodeError` with the byte offset. */
export function decodeEnvelope(frame: Uint8Array, limits: CodecLimits = DEFAULT_CODEC_LIMITS): Envelope {
  const reader = new ByteReader(frame, limits);
  const header = HEADER.parse(reader.slice(ENVELOPE_HEADER_BYTES, 'an envelope header'));
  const type = ENVELOPE_TYPES[header.tag];
  if (type === undefined) {
    throw new DecodeError('decode_invalid', 32, 'an envelope tag of 1 to 5', String(header.tag));
  }
  if (header.topicLength > limits.topicBytes) {
    throw new DecodeError(
      'decode_limit',
      35,
      `a topic of at most ${limits.topicBytes} bytes`,
      String(header.topicLength),
    );
  }
  return {
    type,
    sender: endpointIdFromBytes(header.sender),
    receiver: endpointIdFromBytes(header.receiver),
    ttl: header.ttl,
    topic: nameFromBytes(reader.slice(header.topicLength, 'a topic')),
    payload: frame.subarray(reader.offset),
  };
}

/** Encodes the content of one frame (without the length prefix). Throws `encode_invalid` for a long topic. */
export function encodeEnvelope(envelope: Envelope): Buffer {
  const topic = Buffer.from(nameToBytes(envelope.topic));
  if (topic.length > DEFAULT_CODEC_LIMITS.topicBytes) {
    throw new ZeekwayError('encode_invalid', `a topic has at most 65535 bytes, this one ${topic.length}`);
  }
  const { payload } = envelope;
  return SmartBuffer.fromSize(ENVELOPE_HEADER_BYTES + topic.length + payload.length)
    .writeBuffer(endpointIdToBytes(envelope.sender))
    .writeBuffer(endpointIdToBytes(envelope.receiver))
    .writeUInt8(ENVELOPE_TYPES.indexOf(envelope.type))
    .writeUInt16BE(envelope.ttl)
    .writeUInt16BE(topic.length)
    .writeBuffer(topic)
    .writeBuffer(Buffer.from(payload.buffer, payload.byteOffset, payload.length))
    .toBuffer();
}

/** The envelope that replaces the peer's view of our filter. */
export function routingUpdate(sender: EndpointId, receiver: EndpointId, filter: Filter): Envelope {
  return {
    type: 'routing_update',
    sender,
    receiver,
    ttl: DEFAULT_TTL,
    topic: RESERVED_TOPIC,
    payload: encodeFilter(filter),
  };
}

/** The filter in the payload of a routing_update. Throws `DecodeError`. */
export function decodeRoutingUpdate(
  envelope: Envelope,
  limits: CodecLimits = DEFAULT_CODEC_LIMITS,
): string[] {
  const reader = new ByteReader(envelope.payload, limits);
  const filter = readFilter(reader);
  reader.expectEnd('the filter');
  return filter;
}

/** Puts the length prefix of a frame before its content. */
export function frame(content: Uint8Array): Buffer {
  const result = Buffer.allocUnsafe(4 + content.length);
  result.writeUInt32BE(content.length);
  result.set(content, 4);
  return result;
}
