import { DecodeError } from '../../codec/bytes.js';
import { type JsonNode, readJson } from '../../codec/json-reader.js';
import { displayText } from '../../codec/text.js';
import { type Decoded, damage, damageOf, type HeaderPart, jsonContent, type Place } from './decoded.js';
import { decodedZeroMq } from './zeromq.js';

/**
 * JSON: messages of Zeek's WebSocket API, values as it writes them, and recordings with a message a line
 * (`{"from": ..., "text": ...}` or `"base64"`; `{"socket": ..., "parts": [...]}` of a ZeroMQ socket).
 */

/** What one JSON text is. Where it is damaged, that. */
export function decodedJson(bytes: Uint8Array, place: Place): Decoded {
  try {
    return decodedNode(readJson(bytes), place);
  } catch (error) {
    return damageOf(error, place, bytes);
  }
}

/** The bytes of a string; those of another node are none. */
const bytesOf = (node: JsonNode | undefined): Uint8Array | undefined =>
  node?.kind === 'string' ? node.bytes : undefined;

const textOf = (node: JsonNode | undefined): string | undefined => {
  const bytes = bytesOf(node);
  return bytes === undefined ? undefined : displayText(bytes);
};

const base64Of = (node: JsonNode | undefined): Buffer | undefined => {
  const bytes = bytesOf(node);
  return bytes === undefined ? undefined : Buffer.from(Buffer.from(bytes).toString('latin1'), 'base64');
};

function decodedNode(node: JsonNode, place: Place): Decoded {
  if (node.kind === 'array') {
    const value = node.items.map((item) => textOf(item) ?? unknown(item, 'a topic'));
    return websocket(place, 'subscription', [{ name: 'topics', value }]);
  }
  if (node.kind !== 'object') return unknown(node, 'a message');
  const { members } = node;
  const parts = members.get('parts');
  if (parts?.kind === 'array') {
    const socket = textOf(members.get('socket'));
    const buffers = parts.items.map((part) => base64Of(part) ?? unknown(part, 'base64'));
    return decodedZeroMq(buffers, { ...place, ...(socket === undefined ? {} : { from: socket }) });
  }
  const inner = base64Of(members.get('base64')) ?? bytesOf(members.get('text'));
  if (inner !== undefined) {
    const from = textOf(members.get('from'));
    return decodedJson(inner, { ...place, ...(from === undefined ? {} : { from }) });
  }
  return decodedMessage(node, members, place);
}

function decodedMessage(node: JsonNode, members: ReadonlyMap<string, JsonNode>, place: Place): Decoded {
  const type = textOf(members.get('type'));
  const isValue = members.has('@data-type');
  if (type === undefined && isValue) return { place, kind: 'value', header: [], content: jsonContent(node) };
  if (type === undefined) return unknown(node, 'a message of the WebSocket API');
  const header = [...members]
    .filter(([name]) => name !== 'type' && name !== 'data' && name !== '@data-type')
    .map(([name, member]): HeaderPart => ({ name, value: textOf(member) ?? `a JSON ${member.kind}` }));
  const message = websocket(place, type, header);
  return isValue ? { ...message, content: jsonContent(node) } : message;
}

const websocket = (place: Place, type: string, header: readonly HeaderPart[]): Decoded => ({
  place,
  kind: 'websocket',
  type,
  header,
});

function unknown({ kind, offset }: JsonNode, expected: string): never {
  throw new DecodeError('decode_invalid', offset, expected, `another ${kind}`);
}

/** What a line longer than can be kept is. */
export const tooLong = (bytes: Uint8Array, place: Place): Decoded =>
  damage(place, bytes, `expected a line of at most ${bytes.length} bytes, found a longer one`);
