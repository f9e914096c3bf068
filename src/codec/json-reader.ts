import { type CodecLimits, DEFAULT_CODEC_LIMITS } from '../core/limits.js';
import { ByteReader, DecodeError } from './bytes.js';
import { nameFromBytes } from './text.js';

/**
 * A JSON reader over bytes, for what Zeek really sends and `JSON.parse` cannot take: integers of 64 bits,
 * control characters and bytes that are not UTF-8 inside of strings, `nan` and `inf`. Numbers stay text.
 */
export type JsonNode =
  | { readonly kind: 'null'; readonly offset: number }
  | { readonly kind: 'boolean'; readonly offset: number; readonly value: boolean }
  | { readonly kind: 'number'; readonly offset: number; readonly text: string }
  | { readonly kind: 'string'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'array'; readonly offset: number; readonly items: readonly JsonNode[] }
  | { readonly kind: 'object'; readonly offset: number; readonly members: ReadonlyMap<string, JsonNode> };

const CHAR = {
  quote: 0x22,
  comma: 0x2c,
  colon: 0x3a,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const;

/** The bytes that numbers and words are made of. */
const IN_WORD: readonly boolean[] = Array.from({ length: 256 }, (_, byte) =>
  /[-+.0-9A-Za-z]/.test(String.fromCharCode(byte)),
);
/** A number of JSON, or one as C prints it. */
export const NUMBER = /^-?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|nan|inf|infinity)$/i;

/** Reads one JSON text with nothing behind it. Throws `DecodeError` with the byte offset. */
export function readJson(bytes: Uint8Array, limits: CodecLimits = DEFAULT_CODEC_LIMITS): JsonNode {
  const reader = new ByteReader(bytes, limits);
  const node = readNode(reader, 0);
  skipSpace(reader);
  reader.expectEnd('the JSON text');
  return node;
}

/** Throws `decode_invalid`: at this place something else is expected. */
export function failAtNode(node: JsonNode, expected: string): never {
  throw new DecodeError(
    'decode_invalid',
    node.offset,
    expected,
    `${/^[ao]/.test(node.kind) ? 'an' : 'a'} ${node.kind}`,
  );
}

/** The member of an object. Throws `DecodeError` where the node is no object, or has none of that name. */
export function jsonMember(node: JsonNode, name: string): JsonNode {
  const found = node.kind === 'object' ? node.members.get(name) : undefined;
  return found ?? failAtNode(node, `an object with "${name}"`);
}

function skipSpace(reader: ByteReader): void {
  while (reader.offset < reader.end) {
    const byte = reader.bytes[reader.offset];
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return;
    reader.offset += 1;
  }
}

/** The next byte that is not white space, without taking it; -1 at the end. */
function peek(reader: ByteReader): number {
  skipSpace(reader);
  return reader.offset < reader.end ? (reader.bytes[reader.offset] as number) : -1;
}

function show(byte: number): string {
  return byte === -1 ? 'the end' : JSON.stringify(String.fromCharCode(byte));
}

function expect(reader: ByteReader, char: number): void {
  const found = peek(reader);
  if (found !== char) reader.fail('decode_invalid', reader.offset, show(char), show(found));
  reader.offset += 1;
}

function readNode(reader: ByteReader, depth: number): JsonNode {
  const next = peek(reader);
  const offset = reader.offset;
  // A value in a table in a value: an object, an array, and the object of the entry.
  const deepest = 3 * reader.limits.depth + 2;
  if (depth > deepest) reader.fail('decode_limit', offset, `JSON nested at most ${deepest} deep`, 'deeper');
  reader.claimItems(1, offset);
  if (next === CHAR.quote) return { kind: 'string', offset, bytes: readString(reader) };
  if (next === CHAR.openBracket) return { kind: 'array', offset, items: readArray(reader, depth) };
  if (next === CHAR.openBrace) return { kind: 'object', offset, members: readObject(reader, depth) };
  return readWord(reader, offset);
}

function readWord(reader: ByteReader, offset: number): JsonNode {
  let end = offset;
  while (end < reader.end && IN_WORD[reader.bytes[end] as number]) end += 1;
  const text = nameFromBytes(reader.bytes, offset, end);
  reader.offset = end;
  if (text === 'null') return { kind: 'null', offset };
  if (text === 'true' || text === 'false') return { kind: 'boolean', offset, value: text === 'true' };
  if (NUMBER.test(text)) return { kind: 'number', offset, text };
  return reader.fail(
    'decode_invalid',
    offset,
    'a JSON value',
    text === '' ? show(peek(reader)) : `"${text}"`,
  );
}

function readArray(reader: ByteReader, depth: number): JsonNode[] {
  const items: JsonNode[] = [];
  expect(reader, CHAR.openBracket);
  if (peek(reader) === CHAR.closeBracket) {
    reader.offset += 1;
    return items;
  }
  for (;;) {
    items.push(readNode(reader, depth + 1));
    if (peek(reader) === CHAR.closeBracket) {
      reader.offset += 1;
      return items;
    }
    expect(reader, CHAR.comma);
  }
}

function readObject(reader: ByteReader, depth: number): Map<string, JsonNode> {
  const members = new Map<string, JsonNode>();
  expect(reader, CHAR.openBrace);
  if (peek(reader) === CHAR.closeBrace) {
    reader.offset += 1;
    return members;
  }
  for (;;) {
    if (peek(reader) !== CHAR.quote) {
      reader.fail('decode_invalid', reader.offset, 'a member name', show(peek(reader)));
    }
    const name = nameFromBytes(readString(reader));
    expect(reader, CHAR.colon);
    members.set(name, readNode(reader, depth + 1));
    if (peek(reader) === CHAR.closeBrace) {
      reader.offset += 1;
      return members;
    }
    expect(reader, CHAR.comma);
  }
}

const ESCAPES: ReadonlyMap<number, string> = new Map(
  Object.entries({
    '"': '"',
    '\\': '\\',
    '/': '/',
    b: '\b',
    f: '\f',
    n: '\n',
    r: '\r',
    t: '\t',
    v: '\v',
  }).map(([letter, char]) => [letter.charCodeAt(0), char] as const),
);

/** The bytes of a string: what is not escaped is taken as it stands, UTF-8 or not. */
function readString(reader: ByteReader): Uint8Array {
  const start = reader.take(1, 'a string') + 1;
  const { bytes, end } = reader;
  let close = start;
  while (close < end && bytes[close] !== CHAR.quote && bytes[close] !== CHAR.backslash) close += 1;
  if (close === end || bytes[close] === CHAR.backslash) return readEscapedString(reader, start);
  reader.offset = close + 1;
  return checkedLength(reader, bytes.subarray(start, close), start);
}

function checkedLength(reader: ByteReader, bytes: Uint8Array, at: number): Uint8Array {
  if (bytes.length > reader.limits.stringBytes) {
    const most = `a string of at most ${reader.limits.stringBytes} bytes`;
    reader.fail('decode_limit', at, most, String(bytes.length));
  }
  return bytes;
}

/** Writes into one copy: a string may be all escapes, and none is longer than what it stands for. */
function readEscapedString(reader: ByteReader, start: number): Uint8Array {
  const closing = closingQuote(reader, start);
  const out = Buffer.from(reader.bytes.subarray(start, closing));
  let size = 0;
  reader.offset = start;
  while (reader.offset < closing) {
    const byte = reader.u8('the rest of a string');
    if (byte === CHAR.backslash) size += out.write(readEscape(reader), size, 'utf8');
    else out[size++] = byte;
  }
  reader.offset = closing + 1;
  return checkedLength(reader, out.subarray(0, size), start);
}

/** Where the string ends that begins at `start`. */
function closingQuote(reader: ByteReader, start: number): number {
  reader.offset = start;
  for (;;) {
    const byte = reader.u8('the rest of a string');
    if (byte === CHAR.quote) return reader.offset - 1;
    if (byte === CHAR.backslash) reader.u8('an escape');
  }
}

function readEscape(reader: ByteReader): string {
  const at = reader.offset - 1;
  const code = reader.u8('an escape');
  const simple = ESCAPES.get(code);
  if (simple !== undefined) return simple;
  if (code !== 0x75) reader.fail('decode_invalid', at, 'a JSON escape', `"\\${String.fromCharCode(code)}"`);
  let text = String.fromCharCode(readHex4(reader));
  if (text >= '\ud800' && text <= '\udbff' && reader.bytes[reader.offset] === CHAR.backslash) {
    reader.offset += 1;
    if (reader.u8('an escape') !== 0x75)
      reader.fail('decode_invalid', at, 'the second half of a surrogate pair', 'another');
    text += String.fromCharCode(readHex4(reader));
  }
  if (!text.isWellFormed()) reader.fail('decode_invalid', at, 'a character', 'a lone surrogate');
  return text;
}

function readHex4(reader: ByteReader): number {
  const at = reader.offset;
  const text = Buffer.from(reader.slice(4, 'four hexadecimal digits')).toString('latin1');
  if (!/^[0-9a-fA-F]{4}$/.test(text)) {
    reader.fail('decode_invalid', at, 'four hexadecimal digits', JSON.stringify(text));
  }
  return Number.parseInt(text, 16);
}
