import { type CodecLimits, DEFAULT_CODEC_LIMITS } from '../core/limits.js';
import { Address, type Subnet, V4_BITS } from './address.js';
import { ByteReader, ByteWriter } from './bytes.js';
import { Port } from './port.js';
import { nameFromBytes, type Text, textFromBytes, textToBytes } from './text.js';
import { readProtocol, readSubnet } from './value-binary.js';

/**
 * Zeek's serialization of log records (BinarySerializationFormat: zeek/zeek src/threading/SerialTypes.cc,
 * src/SerializationFormat.cc). Big-endian; not Broker's format, though it travels inside of it.
 */

/** Zeek's types by their tag (`TypeTag` in src/Type.h), the same from Zeek 5.0 to 9.0. */
export const LOG_TYPES = [
  'void',
  'bool',
  'int',
  'count',
  'double',
  'time',
  'interval',
  'string',
  'pattern',
  'enum',
  'port',
  'addr',
  'subnet',
  'any',
  'table',
  'record',
  'list',
  'func',
  'file',
  'vector',
  'opaque',
  'type',
  'error',
] as const;

export type LogType = (typeof LOG_TYPES)[number];

/** The tag of "no subtype": Zeek 8.2 writes `void`, in records and in the fields of a LogCreate (recorded). */
const NO_SUBTYPE = LOG_TYPES.indexOf('void');

/** The types whose values a log record can hold on their own or inside of a set or vector. */
export const LOG_SCALARS = [
  'bool',
  'int',
  'count',
  'double',
  'time',
  'interval',
  'string',
  'enum',
  'port',
  'addr',
  'subnet',
  'func',
  'file',
] as const satisfies readonly LogType[];
export type LogScalar = (typeof LOG_SCALARS)[number];

const SCALARS: ReadonlySet<LogType> = new Set(LOG_SCALARS);
export const isLogScalar = (type: LogType): type is LogScalar => SCALARS.has(type);

/** One field of a log, as LogCreate announces it. */
export interface LogField {
  readonly name: string;
  readonly secondaryName?: string;
  readonly type: LogType;
  /** The type of the elements of a set (`table`) or `vector`, `void` for every other type. */
  readonly subtype: LogType;
  readonly optional: boolean;
}

/**
 * A value of a log record. `time` is seconds since the Unix epoch and `interval` seconds, both doubles as on
 * the wire; `absent` is an unset optional field or a hole in a vector: ask `isAbsent` first, then match on `type`.
 * Encoding gives the bytes that were decoded, but for a bool that was another number than 0 and 1 (`readFlag`).
 */
export type LogValue =
  | { readonly type: LogType; readonly subtype: LogType; readonly absent: true }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'int' | 'count'; readonly value: bigint }
  | { readonly type: 'double' | 'time' | 'interval'; readonly value: number }
  | { readonly type: 'string' | 'func' | 'file'; readonly value: Text }
  | { readonly type: 'enum'; readonly value: string }
  | { readonly type: 'port'; readonly value: Port }
  | { readonly type: 'addr'; readonly value: Address }
  | { readonly type: 'subnet'; readonly value: Subnet }
  | { readonly type: 'table' | 'vector'; readonly subtype: LogType; readonly value: readonly LogValue[] };

function logTypeFromTag(reader: ByteReader, tag: number, at: number): LogType {
  return LOG_TYPES[tag] ?? reader.fail('decode_invalid', at, 'a type tag of 0 to 22', String(tag));
}

const TAGS: ReadonlyMap<LogType, number> = new Map(LOG_TYPES.map((type, tag) => [type, tag]));

/** The tag of a type; -1 for what is none. */
export const logTypeTag = (type: LogType): number => TAGS.get(type) ?? -1;

/** Whether a value is unset: an optional field that was not there, or a hole. */
export const isAbsent = (value: LogValue): value is Extract<LogValue, { absent: true }> => 'absent' in value;

function readFamily(reader: ByteReader): 4 | 6 {
  const family = reader.u8('an address family');
  if (family === 4 || family === 6) return family;
  return reader.fail('decode_invalid', reader.offset - 1, 'an address family of 4 or 6', String(family));
}

function readAddr(reader: ByteReader): Address {
  const family = readFamily(reader);
  const at = reader.take(family === 4 ? 4 : 16, 'an address');
  return Address.fromBytes(reader.bytes, at, reader.offset);
}

/** Moves over a string with its u32 length and returns where its bytes begin; `offset` is where they end. */
function takeString(reader: ByteReader): number {
  const at = reader.offset;
  const length = reader.u32('the length of a string');
  if (length > reader.limits.stringBytes) {
    reader.fail('decode_limit', at, `a string of at most ${reader.limits.stringBytes} bytes`, String(length));
  }
  return reader.take(length, 'a string');
}

/** Bytes of a Value that is not present: two tags and the flag. Every element takes at least these. */
export const SMALLEST_VALUE_BYTES = 9;

/** The number of elements of a set or vector; that many must fit into what is left. */
export function readElementCount(reader: ByteReader): number {
  const at = reader.offset;
  const items = reader.i64('the size of a set or vector');
  if (items < 0n) reader.fail('decode_invalid', at, 'a size of at least 0', String(items));
  if (items > BigInt(reader.limits.collectionItems)) {
    reader.fail('decode_limit', at, `at most ${reader.limits.collectionItems} elements`, String(items));
  }
  if (Number(items) * SMALLEST_VALUE_BYTES > reader.remaining) {
    reader.fail('decode_truncated', at, `${items} elements`, `${reader.remaining} bytes`);
  }
  reader.claimItems(Number(items), at);
  return Number(items);
}

/** Reads one value with its type tags. Throws `DecodeError`. @param nested inside of a set or vector. */
export function readLogValue(reader: ByteReader, nested = false): LogValue {
  const at = reader.offset;
  const type = logTypeFromTag(reader, reader.i32('a type tag'), at);
  const subtype = logTypeFromTag(reader, reader.i32('a subtype tag'), at + 4);
  if (!reader.bool('a presence flag')) return { type, subtype, absent: true };
  switch (type) {
    case 'bool':
      return { type, value: readFlag(reader) };
    case 'int':
      return { type, value: reader.i64('an int') };
    case 'count':
      return { type, value: reader.u64('a count') };
    case 'double':
    case 'time':
    case 'interval':
      return { type, value: reader.f64('a double') };
    case 'string':
    case 'func':
    case 'file':
      return { type, value: textFromBytes(reader.bytes, takeString(reader), reader.offset) };
    case 'enum':
      return { type, value: nameFromBytes(reader.bytes, takeString(reader), reader.offset) };
    case 'port':
      return { type, value: readPort(reader) };
    case 'addr':
      return { type, value: readAddr(reader) };
    case 'subnet': {
      const length = reader.u8('a prefix length');
      const lengthAt = reader.offset - 1;
      return { type, value: readSubnet(reader, readAddr(reader), length, lengthAt) };
    }
    case 'table':
    case 'vector': {
      if (nested) reader.fail('decode_invalid', at, 'a scalar inside of a set or vector', `a ${type}`);
      const items = readElementCount(reader);
      const value: LogValue[] = [];
      for (let index = 0; index < items; index++) value.push(readLogValue(reader, true));
      return { type, subtype, value };
    }
    default:
      return reader.fail('decode_invalid', at, 'a type that a log can hold', `type "${type}"`);
  }
}

/** Moves over one value, with its type tags. Throws `DecodeError` where it has no type of a log, or is cut off. */
export function skipLogValue(reader: ByteReader, nested = false): void {
  const at = reader.offset;
  const type = logTypeFromTag(reader, reader.i32('a type tag'), at);
  reader.take(4, 'a subtype tag');
  if (!reader.bool('a presence flag')) return;
  switch (type) {
    case 'bool':
    case 'int':
    case 'count':
    case 'double':
    case 'time':
    case 'interval':
      reader.take(8, type);
      break;
    case 'string':
    case 'func':
    case 'file':
    case 'enum':
      takeString(reader);
      break;
    case 'port':
      reader.take(12, 'a port');
      break;
    case 'addr':
      skipAddr(reader);
      break;
    case 'subnet':
      reader.take(1, 'a prefix length');
      skipAddr(reader);
      break;
    case 'table':
    case 'vector': {
      if (nested) reader.fail('decode_invalid', at, 'a scalar inside of a set or vector', `a ${type}`);
      const items = readElementCount(reader);
      for (let index = 0; index < items; index++) skipLogValue(reader, true);
      break;
    }
    default:
      reader.fail('decode_invalid', at, 'a type that a log can hold', `type "${type}"`);
  }
}

function skipAddr(reader: ByteReader): void {
  reader.take(readFamily(reader) === 4 ? 4 : 16, 'an address');
}

/**
 * A bool is 8 bytes here, and any number but 0 is true: Zeek hands on 255 where OpenSSL has that for TRUE
 * (`basic_constraints.ca` of x509, recorded).
 */
export function readFlag(reader: ByteReader): boolean {
  const at = reader.take(8, 'a bool');
  return reader.view.getInt32(at) !== 0 || reader.view.getInt32(at + 4) !== 0;
}

function readPort(reader: ByteReader): Port {
  const at = reader.offset;
  const number = reader.u64('a port number');
  if (number > 0xffffn) reader.fail('decode_invalid', at, 'a port of at most 65535', String(number));
  const protocol = readProtocol(reader, reader.i32('a protocol'), at + 8);
  return Port.of(Number(number), protocol);
}

/**
 * Decodes a record as LogWrite carries it: `i32 field count`, then that many values, and nothing behind.
 * Throws `DecodeError` with the byte offset.
 */
export function decodeLogRecord(serial: Uint8Array, limits: CodecLimits = DEFAULT_CODEC_LIMITS): LogValue[] {
  const reader = new ByteReader(serial, limits);
  const fields = readFieldCount(reader);
  const values: LogValue[] = [];
  for (let index = 0; index < fields; index++) values.push(readLogValue(reader));
  reader.expectEnd('the record');
  return values;
}

export function readFieldCount(reader: ByteReader): number {
  const fields = reader.i32('the number of fields');
  const most = reader.limits.logFields;
  if (fields < 0 || fields > most) {
    const code = fields < 0 ? 'decode_invalid' : 'decode_limit';
    reader.fail(code, reader.offset - 4, `0 to ${most} fields`, String(fields));
  }
  return fields;
}

function writeText(writer: ByteWriter, text: Text): void {
  if (typeof text === 'string' && text.isWellFormed()) {
    const size = Buffer.byteLength(text);
    writer.u32(size).utf8(text, size);
  } else {
    const bytes = textToBytes(text);
    writer.u32(bytes.length).put(bytes);
  }
}

function writeAddr(writer: ByteWriter, value: Address): void {
  writer.u8(value.family).put(value.familyBytes);
}

/** An IPv4 subnet shorter than /96 over all 128 bits cannot be told by Zeek's form: it is written as IPv6. */
function writeSubnet(writer: ByteWriter, value: Subnet): void {
  writer.u8(value.wireLength);
  if (value.wireLength < V4_BITS) writer.u8(6).put(value.address.bytes);
  else writeAddr(writer, value.address);
}

/** Writes one value with its type tags. */
export function writeLogValue(writer: ByteWriter, value: LogValue): void {
  const subtype = 'subtype' in value ? logTypeTag(value.subtype) : NO_SUBTYPE;
  writer.i32(logTypeTag(value.type)).i32(subtype).bool(!isAbsent(value));
  if (isAbsent(value)) return;
  switch (value.type) {
    case 'bool':
      writer.i64(value.value ? 1n : 0n);
      break;
    case 'int':
      writer.i64(value.value);
      break;
    case 'count':
      writer.u64(value.value);
      break;
    case 'double':
    case 'time':
    case 'interval':
      writer.f64(value.value);
      break;
    case 'string':
    case 'func':
    case 'file':
      writeText(writer, value.value);
      break;
    case 'enum':
      writeText(writer, value.value);
      break;
    case 'port':
      writer.u64(BigInt(value.value.number)).i32(value.value.protocolNumber);
      break;
    case 'addr':
      writeAddr(writer, value.value);
      break;
    case 'subnet':
      writeSubnet(writer, value.value);
      break;
    case 'table':
    case 'vector':
      writer.i64(BigInt(value.value.length));
      for (const item of value.value) writeLogValue(writer, item);
      break;
  }
}

/** Encodes a record as LogWrite carries it. Throws `encode_invalid` for a number that does not fit. */
export function encodeLogRecord(values: readonly LogValue[]): Buffer {
  const writer = new ByteWriter();
  writer.i32(values.length);
  for (const value of values) writeLogValue(writer, value);
  return writer.finish();
}
