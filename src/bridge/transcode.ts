import { Address, V4_BITS, V4_OFFSET } from '../codec/address.js';
import { ByteReader } from '../codec/bytes.js';
import {
  LOG_TYPES,
  type LogField,
  type LogScalar,
  type LogType,
  logTypeTag,
  readElementCount,
  readFieldCount,
  readFlag,
  readLogValue,
} from '../codec/log-record.js';
import { readProtocol } from '../codec/value-binary.js';
import { type CodecLimits, DEFAULT_CODEC_LIMITS } from '../core/limits.js';
import { elementType, isContainer } from './columns.js';
import { type FlowFields, recordCommunityId } from './community-id.js';
import type { CopyBuffer } from './copy-buffer.js';
import { dayOfNanos, dayOfSeconds, writeTime } from './timestamp.js';

/**
 * Zeek's serialized log records (codec/log-record.ts) straight to PostgreSQL rows, byte by byte: nothing is
 * built in between. What `decodeLogRecord` refuses is refused here too, and so is a value whose type is not
 * the one that the schema announced.
 */

/** How the values of one field are read and written. */
interface FieldPlan {
  readonly name: string;
  readonly type: LogType;
  /** The tag on the wire. */
  readonly tag: number;
  /** The elements of a set or vector; `undefined` for a scalar. */
  readonly element: ElementPlan | undefined;
}

interface ElementPlan {
  readonly type: LogScalar;
  readonly tag: number;
  readonly oid: number;
}

/** Which time tells the partition of a row: that of a field, or of the reception; `undefined`: none does. */
export type RecordKey = number | 'received' | undefined;

export interface RecordPlan {
  readonly fields: readonly FieldPlan[];
  readonly key: RecordKey;
  /** Of connections whose community ID is added behind the fields. */
  readonly flow: FlowFields | undefined;
}

/** The type OIDs (pg_type.dat) that the head of a binary array names. */
const OIDS = {
  bool: 16,
  int: 20,
  count: 1700,
  double: 701,
  time: 1184,
  interval: 701,
  string: 25,
  enum: 25,
  port: 23,
  addr: 869,
  subnet: 869,
  func: 25,
  file: 25,
} as const satisfies Record<LogScalar, number>;

/**
 * @param fields storable ones: `columnSpecs` took them.
 * @param key the number of a field of type time, `received`, or nothing where no row has a day.
 * @param flow of a log whose community IDs are added (`flowFields`).
 */
export function planRecord(fields: readonly LogField[], key?: RecordKey, flow?: FlowFields): RecordPlan {
  const plans = fields.map((field): FieldPlan => {
    const type = elementType(field);
    if (type === undefined) throw new TypeError(`field ${field.name} is not storable`);
    const element = isContainer(field) ? { type, tag: logTypeTag(type), oid: OIDS[type] } : undefined;
    return { name: field.name, type: field.type, tag: logTypeTag(field.type), element };
  });
  if (typeof key === 'number' && plans[key]?.type !== 'time') throw new TypeError(`field ${key} is no time`);
  return { fields: plans, key, flow };
}

/** What every row has besides the fields of its log. */
export interface Provenance {
  /** Nanoseconds since the Unix epoch. */
  readonly received: bigint;
  /** `zeekway.sources.id`. */
  readonly source: number;
}

/**
 * Writes the row of one record: its fields in their order, then `_received` and `_source`, and notes its day
 * (`CopyBuffer.days`). The result is `false` where a time was out of range (see `writeTime`). Throws `DecodeError` for a
 * record that is not of this plan, and leaves the row begun (`undoRow`).
 */
export function transcodeRecord(
  plan: RecordPlan,
  record: Uint8Array,
  provenance: Provenance,
  out: CopyBuffer,
  limits: CodecLimits = DEFAULT_CODEC_LIMITS,
): boolean {
  const reader = readerOf(record, limits);
  const start = reader.offset;
  const count = readFieldCount(reader);
  const { fields, key, flow } = plan;
  if (count !== fields.length) {
    reader.fail('decode_invalid', start, `a record of ${fields.length} fields`, String(count));
  }
  out.beginRow(count + (flow === undefined ? 2 : 3));
  const starts: number[] = [];
  let isExact = true;
  for (let index = 0; index < count; index++) {
    const field = fields[index] as FieldPlan;
    if (flow !== undefined) starts.push(reader.offset);
    const isField = index === key ? writeKey(field, reader, out) : writeField(field, reader, out);
    isExact = isField && isExact;
  }
  reader.expectEnd('the record');
  if (flow !== undefined) writeCommunityId(flow, starts, reader, out);
  if (key === 'received') out.inDay(dayOfNanos(provenance.received));
  out.nanos(provenance.received);
  out.integer(provenance.source);
  out.endRow();
  return isExact;
}

/** @param starts where each field begins. */
function writeCommunityId(
  flow: FlowFields,
  starts: readonly number[],
  reader: ByteReader,
  out: CopyBuffer,
): void {
  const end = reader.offset;
  const id = recordCommunityId((field) => {
    reader.restart(starts[field] ?? end, end);
    return readLogValue(reader);
  }, flow);
  if (id === undefined) out.null();
  else out.text(Buffer.from(id), 0, id.length);
}

let lastReader = new ByteReader(new Uint8Array(0));

/** A reader of a record. Those of a batch lie in the same memory: one is used for all, since making it takes time. */
function readerOf(record: Uint8Array, limits: CodecLimits): ByteReader {
  const { buffer, byteOffset } = record;
  if (lastReader.bytes.buffer !== buffer || lastReader.limits !== limits) {
    lastReader = new ByteReader(new Uint8Array(buffer), limits);
  }
  lastReader.restart(byteOffset, byteOffset + record.length);
  return lastReader;
}

/** Writes the time that tells the row's day. */
function writeKey(field: FieldPlan, reader: ByteReader, out: CopyBuffer): boolean {
  if (!readHead(field.tag, field, reader)) {
    out.null();
    return true;
  }
  const seconds = reader.f64('a time');
  const day = dayOfSeconds(seconds);
  if (day !== undefined) out.inDay(day);
  return writeTime(out, seconds);
}

function writeField(field: FieldPlan, reader: ByteReader, out: CopyBuffer): boolean {
  if (!readHead(field.tag, field, reader)) {
    out.null();
    return true;
  }
  if (field.element === undefined) return writeScalar(field.tag, reader, out);
  const items = readElementCount(reader);
  const begin = out.beginArray(field.element.oid, items);
  let isExact = true;
  for (let index = 0; index < items; index++) {
    if (readHead(field.element.tag, field, reader)) {
      isExact = writeScalar(field.element.tag, reader, out) && isExact;
    } else {
      out.null();
    }
  }
  out.endArray(begin);
  return isExact;
}

/**
 * Reads what stands before a value and returns whether the value is present. The subtype says nothing: Zeek
 * leaves it `void`, also for sets and vectors; the elements say what they are.
 */
function readHead(tag: number, field: FieldPlan, reader: ByteReader): boolean {
  const at = reader.take(9, 'a value');
  const { view } = reader;
  const found = view.getInt32(at);
  if (found !== tag) {
    const name = LOG_TYPES[found] ?? `type tag ${found}`;
    reader.fail('decode_invalid', at, `the type ${LOG_TYPES[tag]} in field "${field.name}"`, name);
  }
  if (view.getUint32(at + 4) >= LOG_TYPES.length) {
    reader.fail('decode_invalid', at + 4, 'a type tag of 0 to 22', String(view.getInt32(at + 4)));
  }
  const flag = view.getUint8(at + 8);
  if (flag > 1) reader.fail('decode_invalid', at + 8, 'a presence flag as 0 or 1', String(flag));
  return flag === 1;
}

const BOOL = logTypeTag('bool');
const INT = logTypeTag('int');
const COUNT = logTypeTag('count');
const DOUBLE = logTypeTag('double');
const TIME = logTypeTag('time');
const INTERVAL = logTypeTag('interval');
const PORT = logTypeTag('port');
const ADDR = logTypeTag('addr');
const SUBNET = logTypeTag('subnet');

function writeScalar(tag: number, reader: ByteReader, out: CopyBuffer): boolean {
  switch (tag) {
    case BOOL:
      out.boolean(readFlag(reader));
      return true;
    case INT:
    case DOUBLE:
    case INTERVAL: {
      // The same 8 bytes on both sides.
      const at = reader.take(8, 'a number');
      out.halves(reader.view.getInt32(at), reader.view.getInt32(at + 4));
      return true;
    }
    case COUNT: {
      const at = reader.take(8, 'a count');
      out.count(reader.view.getUint32(at), reader.view.getUint32(at + 4));
      return true;
    }
    case TIME:
      return writeTime(out, reader.f64('a time'));
    case PORT:
      writePort(reader, out);
      return true;
    case ADDR:
      writeAddress(reader, out);
      return true;
    case SUBNET: {
      const at = reader.offset;
      const length = reader.u8('a prefix length');
      if (length > 128) reader.fail('decode_invalid', at, 'a prefix length of at most 128', String(length));
      writeAddress(reader, out, length);
      return true;
    }
    default: {
      // string, enum, func, file
      const size = readTextSize(reader);
      out.text(reader.bytes, reader.take(size, 'a string'), size);
      return true;
    }
  }
}

function readTextSize(reader: ByteReader): number {
  const size = reader.u32('the length of a string');
  if (size > reader.limits.stringBytes) {
    reader.fail(
      'decode_limit',
      reader.offset - 4,
      `a string of at most ${reader.limits.stringBytes} bytes`,
      String(size),
    );
  }
  return size;
}

function writePort(reader: ByteReader, out: CopyBuffer): void {
  const at = reader.take(12, 'a port');
  const { view } = reader;
  const number = view.getUint32(at + 4);
  if (view.getUint32(at) !== 0 || number > 0xffff) {
    reader.fail('decode_invalid', at, 'a port of at most 65535', String(view.getBigUint64(at)));
  }
  readProtocol(reader, view.getInt32(at + 8), at + 8);
  out.integer(number);
}

/** @param wireLength a subnet's prefix length over all 128 bits; left out for an address. */
function writeAddress(reader: ByteReader, out: CopyBuffer, wireLength = 128): void {
  const familyAt = reader.offset;
  const family = reader.u8('an address family');
  if (family !== 4 && family !== 6) {
    reader.fail('decode_invalid', familyAt, 'an address family of 4 or 6', String(family));
  }
  const size = family === 4 ? 4 : 16;
  const at = reader.take(size, family === 4 ? 'an IPv4 address' : 'an IPv6 address');
  const isV4 = size === 4 || isMapped(reader.bytes, at);
  const v4At = size === 4 ? at : at + V4_OFFSET;
  if (isV4 && wireLength >= V4_BITS) out.inet(reader.bytes, v4At, 4, wireLength - V4_BITS);
  else if (size === 16) out.inet(reader.bytes, at, 16, wireLength);
  // A prefix that cuts into ::ffff:0:0/96 is one of IPv6.
  else out.inet(Address.fromBytes(reader.bytes.subarray(at, at + 4)).bytes, 0, 16, wireLength);
}

/** Whether 16 bytes are an IPv4 address as `::ffff:a.b.c.d`. */
function isMapped(bytes: Uint8Array, at: number): boolean {
  for (let index = 0; index < V4_OFFSET - 2; index++) if (bytes[at + index] !== 0) return false;
  return bytes[at + 10] === 0xff && bytes[at + 11] === 0xff;
}
