import { ZeekwayError } from '../core/errors.js';
import { type CodecLimits, DEFAULT_CODEC_LIMITS } from '../core/limits.js';
import { Address, Subnet } from './address.js';
import { ByteReader, ByteWriter } from './bytes.js';
import { Port, PROTOCOLS, type Protocol } from './port.js';
import { nameFromBytes, type Text, textFromBytes, textToBytes } from './text.js';
import { none, sorted, sortedEntries, VALUE_TYPES, type Value } from './value.js';

/**
 * Broker's binary format for values, "bin::v1" (libbroker/broker/format/bin.hh): one tag byte, then the
 * content, big-endian. Direct reads: a declarative parser is ten times slower here, and knows no varbyte
 * (docs/adr/0002-codec-direct-reads.md).
 */

/** The tag byte of each type. */
export const TAG = Object.fromEntries(VALUE_TYPES.map((type, tag) => [type, tag])) as {
  readonly [T in Value['type']]: number;
};

/** A 16-byte address as values, subnets and nothing else have it. */
function readAddress(reader: ByteReader): Address {
  const at = reader.take(16, 'an address');
  return Address.fromBytes(reader.bytes, at, at + 16);
}

export function readProtocol(reader: ByteReader, number: number, at: number): Protocol {
  return (
    PROTOCOLS[number] ??
    reader.fail(
      'decode_invalid',
      at,
      'a protocol of 0 (unknown), 1 (tcp), 2 (udp) or 3 (icmp)',
      String(number),
    )
  );
}

export function readSubnet(reader: ByteReader, address: Address, length: number, at: number): Subnet {
  if (length > 128) reader.fail('decode_invalid', at, 'a prefix length of at most 128', String(length));
  return Subnet.fromWire(address, length);
}

/** The number of elements of a container; each takes at least one byte, so more cannot be there. */
export function readItemCount(reader: ByteReader, what: string): number {
  const at = reader.offset;
  const items = reader.varbyte('the size of a ', reader.limits.collectionItems, what);
  if (items > reader.remaining) {
    reader.fail('decode_truncated', at, `${items} elements of a ${what}`, `${reader.remaining} bytes`);
  }
  return items;
}

/** `readItemCount`, counted against the elements that all collections of the input may have together. */
export function claimItemCount(reader: ByteReader, what: string): number {
  const at = reader.offset;
  const items = readItemCount(reader, what);
  reader.claimItems(items, at);
  return items;
}

function readItems(reader: ByteReader, what: string, depth: number): Value[] {
  const items = claimItemCount(reader, what);
  const result: Value[] = [];
  for (let index = 0; index < items; index++) result.push(readValue(reader, depth + 1));
  return result;
}

/** Reads one value at the reader's place. Throws `DecodeError`. */
export function readValue(reader: ByteReader, depth = 0): Value {
  const at = reader.offset;
  if (depth > reader.limits.depth) {
    reader.fail('decode_limit', at, `values nested at most ${reader.limits.depth} deep`, 'a deeper one');
  }
  const tag = reader.u8('a value tag');
  switch (VALUE_TYPES[tag]) {
    case 'none':
      return none;
    case 'boolean':
      return { type: 'boolean', value: reader.bool('a boolean') };
    case 'count':
      return { type: 'count', value: reader.u64('a count') };
    case 'integer':
      return { type: 'integer', value: reader.i64('an integer') };
    case 'real':
      return { type: 'real', value: reader.f64('a real') };
    case 'string':
      return {
        type: 'string',
        value: textFromBytes(reader.bytes, reader.takeVarbyteString('a string'), reader.offset),
      };
    case 'address':
      return { type: 'address', value: readAddress(reader) };
    case 'subnet': {
      const network = readAddress(reader);
      const length = reader.u8('a prefix length');
      return { type: 'subnet', value: readSubnet(reader, network, length, reader.offset - 1) };
    }
    case 'port': {
      const number = reader.u16('a port number');
      const protocol = readProtocol(reader, reader.u8('a protocol'), reader.offset - 1);
      return { type: 'port', value: Port.of(number, protocol) };
    }
    case 'timestamp':
      return { type: 'timestamp', value: reader.i64('a timestamp') };
    case 'timespan':
      return { type: 'timespan', value: reader.i64('a timespan') };
    case 'enum-value':
      return {
        type: 'enum-value',
        value: nameFromBytes(reader.bytes, reader.takeVarbyteString('an enum label'), reader.offset),
      };
    case 'set':
      return { type: 'set', value: readItems(reader, 'set', depth) };
    case 'vector':
      return { type: 'vector', value: readItems(reader, 'vector', depth) };
    case 'table': {
      const entries = readItemCount(reader, 'table');
      reader.claimItems(2 * entries, at);
      const value: [Value, Value][] = [];
      for (let index = 0; index < entries; index++) {
        value.push([readValue(reader, depth + 1), readValue(reader, depth + 1)]);
      }
      return { type: 'table', value };
    }
    default:
      return reader.fail('decode_invalid', at, 'a value tag of 0 to 14', String(tag));
  }
}

/** Writes one value; sets and tables in Broker's order, each element once. */
export function writeValue(writer: ByteWriter, value: Value): void {
  const tag = TAG[value.type];
  if (tag === undefined) throw new ZeekwayError('encode_invalid', `there is no Broker type "${value.type}"`);
  writer.u8(tag);
  switch (value.type) {
    case 'none':
      break;
    case 'boolean':
      writer.bool(value.value);
      break;
    case 'count':
      writer.u64(value.value);
      break;
    case 'integer':
    case 'timestamp':
    case 'timespan':
      writer.i64(value.value);
      break;
    case 'real':
      writer.f64(value.value);
      break;
    case 'string':
      writeText(writer, value.value);
      break;
    case 'enum-value':
      writeText(writer, value.value);
      break;
    case 'address':
      writer.put(value.value.bytes);
      break;
    case 'subnet':
      writer.put(value.value.address.bytes).u8(value.value.wireLength);
      break;
    case 'port':
      writer.u16(value.value.number).u8(value.value.protocolNumber);
      break;
    case 'set':
      writeItems(writer, sorted(value.value));
      break;
    case 'vector':
      writeItems(writer, value.value);
      break;
    case 'table': {
      const entries = sortedEntries(value.value);
      writer.varbyte(entries.length);
      for (const [key, item] of entries) {
        writeValue(writer, key);
        writeValue(writer, item);
      }
      break;
    }
  }
}

/** Most texts are well-formed and go to their place without a buffer of their own. */
function writeText(writer: ByteWriter, text: Text): void {
  if (typeof text === 'string' && text.isWellFormed()) {
    const size = Buffer.byteLength(text);
    writer.varbyte(size).utf8(text, size);
  } else {
    writer.varbyteString(textToBytes(text));
  }
}

function writeItems(writer: ByteWriter, items: readonly Value[]): void {
  writer.varbyte(items.length);
  for (const item of items) writeValue(writer, item);
}

/** Bytes of the content of each type that has a fixed size, by tag. */
const FIXED_BYTES: readonly (number | undefined)[] = VALUE_TYPES.map((type) => {
  const sizes: Partial<Record<Value['type'], number>> = {
    none: 0,
    boolean: 1,
    count: 8,
    integer: 8,
    real: 8,
    address: 16,
    subnet: 17,
    port: 3,
    timestamp: 8,
    timespan: 8,
  };
  return sizes[type];
});

/** Moves over one value without building it. Checks lengths and tags, not contents. Throws `DecodeError`. */
export function skipValue(reader: ByteReader, depth = 0): void {
  const at = reader.offset;
  if (depth > reader.limits.depth) {
    reader.fail('decode_limit', at, `values nested at most ${reader.limits.depth} deep`, 'a deeper one');
  }
  const tag = reader.u8('a value tag');
  const fixed = FIXED_BYTES[tag];
  if (fixed !== undefined) {
    reader.take(fixed, 'a value');
    return;
  }
  if (tag === TAG.string || tag === TAG['enum-value']) {
    reader.varbyteString('a string');
    return;
  }
  if (tag > TAG.vector) reader.fail('decode_invalid', at, 'a value tag of 0 to 14', String(tag));
  const items = readItemCount(reader, 'container') * (tag === TAG.table ? 2 : 1);
  for (let index = 0; index < items; index++) skipValue(reader, depth + 1);
}

/** Decodes exactly one value, with nothing behind it. Throws `DecodeError` with the byte offset. */
export function decodeValue(bytes: Uint8Array, limits: CodecLimits = DEFAULT_CODEC_LIMITS): Value {
  const reader = new ByteReader(bytes, limits);
  const value = readValue(reader);
  reader.expectEnd('the value');
  return value;
}

/** Encodes one value. Throws `encode_invalid` where it is none of Broker's, like a count of -1. */
export function encodeValue(value: Value): Buffer {
  const writer = new ByteWriter();
  writeValue(writer, value);
  return writer.finish();
}
