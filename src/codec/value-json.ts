import { ZeekwayError } from '../core/errors.js';
import { type CodecLimits, DEFAULT_CODEC_LIMITS } from '../core/limits.js';
import { Address, Subnet } from './address.js';
import { DecodeError } from './bytes.js';
import { failAtNode as fail, type JsonNode, jsonMember as member, NUMBER, readJson } from './json-reader.js';
import { Port } from './port.js';
import { displayText, nameFromBytes, nameToBytes, type Text, textFromBytes, unescapeText } from './text.js';
import { formatTimespan, formatTimestamp, parseTimespan, parseTimestamp } from './time.js';
import { count, integer, sorted, sortedEntries, type TableEntry, type Value, type ValueOf } from './value.js';

/**
 * Broker's JSON for values, "json::v1" (libbroker/broker/format/json.hh, internal/json.cc):
 * `{"@data-type": T, "data": D}`. What Broker itself writes loses digits of reals and cuts timestamps to
 * milliseconds; this writer keeps both in forms that Broker's reader accepts. NaN and the infinities, which
 * JSON has no numbers for, are the strings "nan", "inf" and "-inf" (the reader also takes Broker's bare ones).
 */
export interface JsonOptions {
  /**
   * `raw` (default): bytes that are not UTF-8 stand in the output as they are, as Zeek's own server sends
   * them. `escaped`: they and NUL become `\xNN` (`escapeText`), so that the output is valid JSON that
   * PostgreSQL's jsonb takes; read it with `escaped` as well. `utf8`: a string that is UTF-8 is itself, and one that
   * is not is as with `escaped`: valid UTF-8 and JSON that changes no text, for clients that want nothing else.
   */
  readonly strings?: 'raw' | 'escaped' | 'utf8';
  /** `string`: counts and integers beyond 2^53 as strings, for readers like `JSON.parse`. Default `number`. */
  readonly bigIntegers?: 'number' | 'string';
}

/** Encodes a value as JSON text, in UTF-8 unless raw strings bring other bytes. */
export function encodeValueJson(value: Value, options: JsonOptions = {}): Buffer {
  return Buffer.from(nameToBytes(jsonOf(value, options)));
}

const isSafe = (value: bigint): boolean =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);

/** A real always shows a point or an exponent: Broker's reader takes anything else for an integer. */
function formatReal(value: number): string {
  if (Number.isNaN(value)) return '"nan"';
  if (!Number.isFinite(value)) return value > 0 ? '"inf"' : '"-inf"';
  if (Object.is(value, -0)) return '-0.0';
  const text = String(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text.replace(/^(-?\d+)e/, '$1.0e');
}

/** The JSON of a value; raw bytes that are not UTF-8 in it as names have them (codec/text.ts). */
function jsonOf(value: Value, options: JsonOptions): string {
  return `{"@data-type":"${value.type}","data":${contentOf(value, options)}}`;
}

function contentOf(value: Value, options: JsonOptions): string {
  switch (value.type) {
    case 'string':
    case 'enum-value':
      return quoted(value.value, options);
    case 'set':
      return `[${sorted(value.value).map((item) => jsonOf(item, options))}]`;
    case 'vector':
      return `[${value.value.map((item) => jsonOf(item, options))}]`;
    case 'table':
      return `[${sortedEntries(value.value).map((entry) => entryOf(entry, options))}]`;
    default:
      return formatScalar(value, options);
  }
}

const entryOf = ([key, item]: TableEntry, options: JsonOptions): string =>
  `{"key":${jsonOf(key, options)},"value":${jsonOf(item, options)}}`;

function quoted(text: Text, options: JsonOptions): string {
  if (options.strings === 'escaped') return JSON.stringify(displayText(text));
  const name = typeof text === 'string' ? text : nameFromBytes(text);
  // JSON.stringify shows a lone surrogate, a byte that is not UTF-8, as an escape: it stays as it is.
  if (name.isWellFormed()) return JSON.stringify(name);
  if (options.strings === 'utf8') return JSON.stringify(displayText(text));
  return `"${[...name].map(quotedCharacter).join('')}"`;
}

const quotedCharacter = (character: string): string =>
  character.isWellFormed() ? JSON.stringify(character).slice(1, -1) : character;

type Scalar = Exclude<Value, { type: 'string' | 'enum-value' | 'set' | 'vector' | 'table' }>;

function formatScalar(value: Scalar, options: JsonOptions): string {
  switch (value.type) {
    case 'none':
      return '{}';
    case 'boolean':
      return String(value.value);
    case 'count':
      return formatInteger(count(value.value), options);
    case 'integer':
      return formatInteger(integer(value.value), options);
    case 'real':
      return formatReal(value.value);
    case 'address':
    case 'subnet':
      return `"${value.value}"`;
    case 'port':
      return `"${value.value.toBrokerString()}"`;
    case 'timestamp':
      return `"${formatTimestamp(value.value)}"`;
    case 'timespan':
      return `"${formatTimespan(value.value)}"`;
  }
}

function formatInteger({ value }: ValueOf<'count' | 'integer'>, options: JsonOptions): string {
  return options.bigIntegers === 'string' && !isSafe(value) ? `"${value}"` : String(value);
}

/**
 * Decodes one JSON value, with nothing behind it. Takes what Zeek's server sends and what `encodeValueJson`
 * writes. Throws `DecodeError` with the byte offset.
 */
export function decodeValueJson(
  json: Uint8Array | string,
  options: JsonOptions = {},
  limits: CodecLimits = DEFAULT_CODEC_LIMITS,
): Value {
  const bytes = typeof json === 'string' ? Buffer.from(json, 'utf8') : json;
  return valueFromJson(readJson(bytes, limits), options, limits);
}

/** The value of a node of a larger JSON text, as a message has it. Throws `DecodeError`. */
export function valueFromJson(
  node: JsonNode,
  options: JsonOptions = {},
  limits: CodecLimits = DEFAULT_CODEC_LIMITS,
  depth = 0,
): Value {
  if (depth > limits.depth) {
    throw new DecodeError(
      'decode_limit',
      node.offset,
      `values nested at most ${limits.depth} deep`,
      'a deeper one',
    );
  }
  const type = member(node, '@data-type');
  const data = member(node, 'data');
  const name = type.kind === 'string' ? nameFromBytes(type.bytes) : '';
  const inner = (item: JsonNode): Value => valueFromJson(item, options, limits, depth + 1);
  switch (name) {
    case 'none':
      return { type: 'none' };
    case 'boolean':
      if (data.kind === 'boolean') return { type: 'boolean', value: data.value };
      return fail(data, 'true or false');
    case 'count':
    case 'integer':
      return { type: name, value: integerFrom(data, name) };
    case 'real':
      return { type: 'real', value: realFrom(data) };
    case 'string':
      return { type: 'string', value: textFromBytes(stringFrom(data, options)) };
    case 'enum-value':
      return { type: 'enum-value', value: nameFromBytes(stringFrom(data, options)) };
    case 'address':
      return { type: 'address', value: parsed(data, Address.parse) };
    case 'subnet':
      return { type: 'subnet', value: parsed(data, Subnet.parse) };
    case 'port':
      return { type: 'port', value: parsed(data, Port.parse) };
    case 'timestamp':
      return { type: 'timestamp', value: parsed(data, parseTimestamp) };
    case 'timespan':
      return { type: 'timespan', value: parsed(data, parseTimespan) };
    case 'set':
    case 'vector':
      return { type: name, value: itemsOf(data).map(inner) };
    case 'table':
      return {
        type: 'table',
        value: itemsOf(data).map((item) => [inner(member(item, 'key')), inner(member(item, 'value'))]),
      };
    default:
      return fail(type, 'the name of a Broker type');
  }
}

function itemsOf(node: JsonNode): readonly JsonNode[] {
  return node.kind === 'array' ? node.items : fail(node, 'an array');
}

function stringFrom(node: JsonNode, options: JsonOptions): Uint8Array {
  if (node.kind !== 'string') return fail(node, 'a string');
  return options.strings === 'escaped' ? unescapeText(Buffer.from(node.bytes).toString('utf8')) : node.bytes;
}

/** The text of a number, or of a string that stands for one. */
function numberText(node: JsonNode, expected: string): string {
  if (node.kind === 'number') return node.text;
  return node.kind === 'string' ? Buffer.from(node.bytes).toString('latin1') : fail(node, expected);
}

function integerFrom(node: JsonNode, type: 'count' | 'integer'): bigint {
  const text = numberText(node, 'an integer');
  const value = /^-?\d{1,20}$/.test(text) ? BigInt(text) : fail(node, 'an integer');
  const fits = type === 'count' ? BigInt.asUintN(64, value) === value : BigInt.asIntN(64, value) === value;
  return fits ? value : fail(node, `a ${type} of 64 bits`);
}

function realFrom(node: JsonNode): number {
  const text = numberText(node, 'a number').toLowerCase();
  if (!NUMBER.test(text)) return fail(node, 'a number');
  if (text.endsWith('nan')) return Number.NaN;
  if (text.includes('inf')) return text.startsWith('-') ? -Infinity : Infinity;
  return Number(text);
}

function parsed<T>(node: JsonNode, parse: (text: string) => T): T {
  if (node.kind !== 'string') return fail(node, 'a string');
  try {
    return parse(Buffer.from(node.bytes).toString('utf8'));
  } catch (error) {
    if (!(error instanceof ZeekwayError)) throw error;
    throw new DecodeError('decode_invalid', node.offset, 'a value of its type', error.message);
  }
}
