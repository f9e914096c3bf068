import { DecodeError } from '../../codec/bytes.js';
import { type JsonNode, readJson } from '../../codec/json-reader.js';
import { displayText, nameFromBytes, nameToBytes } from '../../codec/text.js';
import type { Value } from '../../codec/value.js';
import { encodeValueJson, type JsonOptions, valueFromJson } from '../../codec/value-json.js';
import { type CodecLimits, DEFAULT_CODEC_LIMITS } from '../../core/limits.js';

/**
 * The frames of Zeek's WebSocket API, `/v1/messages/json` (zeek/zeek doc/advanced/devel/websocket-api.rst,
 * src/cluster/websocket/WebSocket.cc). A client first sends its topic prefixes and gets an ack; from then on both
 * sides send data messages, and the server errors.
 */

/** What a client publishes. */
export interface DataMessage {
  readonly topic: string;
  readonly value: Value;
}

/**
 * `{"type":"data-message","topic":...,"@data-type":...,"data":...}`. With strings that are `utf8` or `escaped` the
 * frame is valid UTF-8, whatever the topic is.
 */
export function encodeDataMessage(topic: string, value: Value, options: JsonOptions = {}): Buffer {
  const isText = topic.isWellFormed() || (options.strings ?? 'raw') === 'raw';
  const name = isText ? topic : displayText(nameToBytes(topic));
  const head = Buffer.from(`{"type":"data-message","topic":${JSON.stringify(name)},`);
  // The value's own braces are those of the message.
  return Buffer.concat([head, encodeValueJson(value, options).subarray(1)]);
}

/** What a server answers to the topics of a client. */
export function encodeAck(endpoint: string, version: string): Buffer {
  return Buffer.from(JSON.stringify({ type: 'ack', endpoint, version }));
}

/** What a server says to a client that did something wrong. */
export function encodeError(code: string, context: string): Buffer {
  return Buffer.from(JSON.stringify({ type: 'error', code, context }));
}

/** The topic prefixes in a client's first frame. Throws `DecodeError`. */
export function readSubscriptions(
  frame: Uint8Array,
  limits: CodecLimits = DEFAULT_CODEC_LIMITS,
): readonly string[] {
  const node = readJson(frame, limits);
  if (node.kind !== 'array') return fail(node, 'an array of topic prefixes');
  return node.items.map((item) => textOf(item, 'a topic prefix'));
}

/** A data message of a client. Throws `DecodeError`. */
export function readClientMessage(
  frame: Uint8Array,
  limits: CodecLimits = DEFAULT_CODEC_LIMITS,
): DataMessage {
  const node = readJson(frame, limits);
  if (node.kind !== 'object') return fail(node, 'an object');
  const topic = node.members.get('topic');
  if (topic === undefined) return fail(node, 'an object with "topic"');
  return { topic: textOf(topic, 'a topic'), value: valueFromJson(node, {}, limits) };
}

function textOf(node: JsonNode, expected: string): string {
  return node.kind === 'string' ? nameFromBytes(node.bytes) : fail(node, expected);
}

function fail(node: JsonNode, expected: string): never {
  throw new DecodeError('decode_invalid', node.offset, expected, `a ${node.kind}`);
}
