import { isUtf8 } from 'node:buffer';
import { DecodeError } from '../../codec/bytes.js';
import {
  failAtNode as fail,
  type JsonNode,
  jsonMember as member,
  readJson,
} from '../../codec/json-reader.js';
import { displayText, nameFromBytes, nameToBytes } from '../../codec/text.js';
import type { Value } from '../../codec/value.js';
import { encodeValueJson, type JsonOptions, valueFromJson } from '../../codec/value-json.js';
import { ZeekwayError } from '../../core/errors.js';
import { type CodecLimits, DEFAULT_CODEC_LIMITS } from '../../core/limits.js';
import type { Filter } from '../broker/filter.js';

/**
 * What travels in the frames of Zeek's WebSocket API, `/v1/messages/json` (zeek/zeek src/cluster/websocket/
 * WebSocket.cc, zeek/broker doc/web-socket.rst): the client's topic prefixes first, the server's ack, then messages
 * both ways and errors from the server. One JSON text a frame, as bytes: Zeek's are not always UTF-8.
 */

/** The only path of the API that there is. */
export const MESSAGES_PATH = '/v1/messages/json';

/** From the server once the subscriptions are made: messages may follow, both ways. */
export interface AckMessage {
  readonly type: 'ack';
  /** Zeek's ID for this client, `<endpoint ID>-websocket-<number>`. */
  readonly endpoint: string;
  /** Zeek's version. */
  readonly version: string;
}

/** From the server, which goes on: a frame of the client's was not understood, or not taken. */
export interface ErrorMessage {
  readonly type: 'error';
  /** A Broker error code: `deserialization_failed`. */
  readonly code: string;
  readonly context: string;
}

/** Its value is read from the frame itself where it is asked for: `decodeValueJson` passes over the rest. */
export interface DataFrame {
  readonly type: 'data-message';
  readonly topic: string;
}

export interface DataMessage extends DataFrame {
  readonly value: Value;
}

export type ServerMessage = AckMessage | ErrorMessage | DataFrame;

/**
 * The JSON of a message. Strings and topics with bytes that are not UTF-8 are escaped where the options say how, else it
 * throws `encode_invalid`: a text frame cannot hold them, and who receives it closes the connection with 1007.
 */
export function encodeDataMessage(topic: string, value: Value, options: JsonOptions = {}): Buffer {
  const json = encodeValueJson(value, options);
  const isEscaped = (options.strings ?? 'raw') !== 'raw';
  const name = isEscaped && !topic.isWellFormed() ? displayText(nameToBytes(topic)) : topic;
  if (!name.isWellFormed() || !isUtf8(json)) {
    const where = topic.isWellFormed() ? 'a string in it' : 'its topic';
    throw new ZeekwayError(
      'encode_invalid',
      `a message cannot be sent over a WebSocket: ${where} has bytes that are not UTF-8`,
      { topic },
    );
  }
  return Buffer.concat([
    Buffer.from(`{"type":"data-message","topic":${JSON.stringify(name)},`),
    json.subarray(1),
  ]);
}

export const encodeAck = (endpoint: string, version: string): Buffer =>
  Buffer.from(JSON.stringify({ type: 'ack', endpoint, version }));

export const encodeError = (code: string, context: string): Buffer =>
  Buffer.from(JSON.stringify({ type: 'error', code, context }));

/** What a client says first. Throws `encode_invalid` for a topic that is not UTF-8. */
export function encodeSubscriptions(filter: Filter): Buffer {
  const topic = filter.find((prefix) => !prefix.isWellFormed());
  if (topic === undefined) return Buffer.from(JSON.stringify(filter));
  throw new ZeekwayError(
    'encode_invalid',
    'a topic that is not UTF-8 cannot be subscribed to over a WebSocket',
    {
      topic,
    },
  );
}

/** Reads a client's first frame: a JSON array of topic prefixes. Throws `DecodeError`. */
export function readSubscriptions(bytes: Uint8Array, limits: CodecLimits = DEFAULT_CODEC_LIMITS): Filter {
  const node = readJson(bytes, limits);
  if (node.kind !== 'array') return fail(node, 'an array of topics');
  if (node.items.length > limits.filterTopics) {
    const most = `at most ${limits.filterTopics} topics`;
    throw new DecodeError('decode_limit', node.offset, most, String(node.items.length));
  }
  return node.items.map((item) => topicFrom(item, limits));
}

/** Reads a further frame of a client: a message. Throws `DecodeError`. */
export function readClientMessage(
  bytes: Uint8Array,
  limits: CodecLimits = DEFAULT_CODEC_LIMITS,
): DataMessage {
  const node = readJson(bytes, limits);
  if (textOf(node, 'type') !== 'data-message') return fail(member(node, 'type'), 'the type "data-message"');
  return { ...dataFrame(node, limits), value: valueFromJson(node, {}, limits) };
}

/** Reads a frame of the server. Throws `DecodeError`. */
export function readServerMessage(
  bytes: Uint8Array,
  limits: CodecLimits = DEFAULT_CODEC_LIMITS,
): ServerMessage {
  const node = readJson(bytes, limits);
  const type = textOf(node, 'type');
  switch (type) {
    case 'data-message':
      return dataFrame(node, limits);
    case 'ack':
      return { type, endpoint: textOf(node, 'endpoint'), version: textOf(node, 'version') };
    case 'error':
      return { type, code: textOf(node, 'code'), context: contextOf(node) };
    default:
      return fail(member(node, 'type'), 'the type "data-message", "ack" or "error"');
  }
}

const dataFrame = (node: JsonNode, limits: CodecLimits): DataFrame => ({
  type: 'data-message',
  topic: topicFrom(member(node, 'topic'), limits),
});

/** The first versions of Zeek's own server call it `message`. */
function contextOf(node: JsonNode): string {
  const name = node.kind === 'object' && node.members.has('message') ? 'message' : 'context';
  return textOf(node, name);
}

function topicFrom(node: JsonNode, limits: CodecLimits): string {
  if (node.kind !== 'string') return fail(node, 'a topic');
  if (node.bytes.length > limits.topicBytes) {
    const most = `a topic of at most ${limits.topicBytes} bytes`;
    throw new DecodeError('decode_limit', node.offset, most, String(node.bytes.length));
  }
  return nameFromBytes(node.bytes);
}

function textOf(node: JsonNode, name: string): string {
  const found = member(node, name);
  return found.kind === 'string' ? nameFromBytes(found.bytes) : fail(found, `a string as "${name}"`);
}
