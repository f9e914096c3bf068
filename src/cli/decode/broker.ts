import { ByteReader, DecodeError } from '../../codec/bytes.js';
import { FRAME_HEADER_BYTES, FrameReader } from '../../codec/frame.js';
import { EVERYBODY } from '../../protocol/broker/endpoint-id.js';
import { decodeEnvelope, decodeRoutingUpdate, type Envelope } from '../../protocol/broker/envelope.js';
import { decodeHandshake, dropCodeName, type HandshakeMessage } from '../../protocol/broker/messages.js';
import type { Inspection } from '../../zeek/inspect.js';
import type { Json } from '../../zeek/inspected-values.js';
import type { SchemaRegistry } from '../../zeek/log-schema.js';
import {
  brokerContent,
  type Decoded,
  damage,
  damageOf,
  type HeaderPart,
  nameText,
  type Place,
  rawContent,
} from './decoded.js';
import { storeParts } from './store.js';

/** The frames of Broker's protocol. All offsets in one count from the first byte of its content. */

export function decodedHandshake(message: HandshakeMessage, place: Place): Decoded {
  const { type, ...fields } = message;
  const header = Object.entries(fields).map(([name, value]: [string, unknown]): HeaderPart => {
    if (name === 'code') return { name, value: dropCodeName(Number(value)) };
    if (Array.isArray(value)) return { name, value: value.map((topic: string) => nameText(topic)) };
    return { name, value: typeof value === 'number' ? value : nameText(String(value)) };
  });
  return { place, kind: 'handshake', type, header };
}

const RECEIVER_AT = 16;
const TYPE_AT = 32;
const TTL_AT = 33;
const TOPIC_AT = 37;

/** @param schemas what the sender has announced before. */
export function decodedEnvelope(
  envelope: Envelope,
  frame: Uint8Array,
  place: Place,
  schemas: SchemaRegistry | undefined,
): Decoded {
  const { type, sender, receiver, ttl, topic } = envelope;
  const header: HeaderPart[] = [
    { name: 'sender', value: sender, at: 0 },
    { name: 'receiver', value: receiver === EVERYBODY ? 'everybody' : receiver, at: RECEIVER_AT },
    { name: 'type', value: type, at: TYPE_AT },
    { name: 'ttl', value: ttl, at: TTL_AT },
    { name: 'topic', value: nameText(topic), at: TOPIC_AT },
  ];
  const payloadAt = frame.length - envelope.payload.length;
  if (type === 'routing_update' || type === 'command') {
    try {
      header.push(...payloadParts(envelope, payloadAt));
      return { place, kind: 'envelope', type, header };
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      const reason = `in the payload: ${error.message}`;
      return { ...damage(place, frame, reason, payloadAt), kind: 'envelope', type, header };
    }
  }
  return { place, kind: 'envelope', type, header, content: contentOf(envelope, frame, payloadAt, schemas) };
}

/** Throws `DecodeError`. */
function payloadParts(envelope: Envelope, at: number): HeaderPart[] {
  if (envelope.type === 'command') return storeParts(envelope.payload, at);
  const filter: Json = decodeRoutingUpdate(envelope).map(nameText);
  return [{ name: 'filter', value: filter, at }];
}

function contentOf(
  { type }: Envelope,
  frame: Uint8Array,
  payloadAt: number,
  schemas: SchemaRegistry | undefined,
): Inspection {
  if (type !== 'data') return rawContent(frame, payloadAt);
  return brokerContent(frame, { from: payloadAt, ...(schemas ? { schemas } : {}) });
}

/** The handshake message that the content of a frame is to its last byte, if it is one. */
function handshakeIn(frame: Uint8Array): HandshakeMessage | undefined {
  try {
    return decodeHandshake(frame);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** The content of one frame: only the order in a connection could tell a handshake for certain. */
function decodedFrame(frame: Uint8Array, place: Place, schemas?: SchemaRegistry): Decoded {
  const message = handshakeIn(frame);
  if (message) return decodedHandshake(message, place);
  try {
    return decodedEnvelope(decodeEnvelope(frame), frame, place, schemas);
  } catch (error) {
    return damageOf(error, place, frame);
  }
}

/** Frames one after the other, as one side of a connection sends them. */
export function* decodedFrames(bytes: Buffer, schemas: SchemaRegistry): Generator<Decoded> {
  const reader = new FrameReader();
  reader.push(bytes);
  try {
    for (let frame = reader.next(); frame; frame = reader.next()) {
      const offset = reader.offset - frame.length - FRAME_HEADER_BYTES;
      yield decodedFrame(frame, { offset, bytes: frame.length }, schemas);
    }
  } catch (error) {
    yield damageOf(error, {}, bytes);
    return;
  }
  const { offset, pendingBytes } = reader;
  if (pendingBytes === 0) return;
  if (pendingBytes < FRAME_HEADER_BYTES) {
    yield damage({}, bytes, `at byte ${offset}: expected a frame, found ${pendingBytes} bytes`, offset);
    return;
  }
  const expected = new ByteReader(bytes, undefined, offset).u32('a length');
  const frame = bytes.subarray(offset + FRAME_HEADER_BYTES);
  yield decodedFrame(frame, { offset, bytes: frame.length }, schemas);
  const reason = `at byte ${offset}: expected a frame of ${expected} bytes, found ${frame.length}`;
  yield damage({}, bytes, reason, bytes.length);
}

/** A frame without its length. */
export const decodedBareFrame = (bytes: Buffer): Decoded => decodedFrame(bytes, { bytes: bytes.length });

/** Whether bytes begin as the content of a frame: a handshake message, or the head of an envelope. */
export function isFrameContent(bytes: Uint8Array): boolean {
  if (handshakeIn(bytes) !== undefined) return true;
  try {
    const { sender, receiver, ttl } = decodeEnvelope(bytes);
    return UUID.test(sender) && (receiver === EVERYBODY || UUID.test(receiver)) && ttl < 256;
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}

/** With the version and variant that Zeek wants an endpoint ID to have. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab]/;
