import { ByteReader, ByteWriter, DecodeError } from '../codec/bytes.js';
import {
  LOG_TYPES,
  type LogField,
  type LogType,
  logTypeTag,
  SMALLEST_VALUE_BYTES,
  skipLogValue,
} from '../codec/log-record.js';
import { nameFromBytes, nameToBytes } from '../codec/text.js';
import { type CodecLimits, DEFAULT_CODEC_LIMITS } from '../core/limits.js';
import type { LogSchema } from './log-schema.js';

/**
 * The log batches of Zeek's ZeroMQ backend, format `zeek-bin-serializer` (zeek/zeek
 * src/cluster/serializer/binary-serialization-format): the schema, then the values of all records.
 *
 *     string stream, writer, filter, path; u32 fields, each {bool, [string secondary], string name, i32 type,
 *     i32 subtype, bool optional}; u32 records, records x fields values
 */
export interface LogBatch {
  readonly schema: LogSchema;
  /** The name of the stream's filter (`default`). */
  readonly filter: string;
  /** Each as `decodeLogRecord` reads it. */
  readonly records: readonly Uint8Array[];
  /** Why not all of it could be read, and a batch of what was not. */
  readonly rest?: { readonly error: DecodeError; readonly raw: Uint8Array };
}

/** What stands in front of the records. */
interface BatchHead {
  readonly schema: LogSchema;
  readonly filter: string;
}

/** Bytes of the number of fields in front of a record. */
const COUNT_BYTES = 4;

/**
 * Reads a batch. Where a record is none, those before it are there, and `rest` has it and those behind it. Throws
 * `DecodeError` where the schema cannot be read.
 */
export function readLogBatch(payload: Uint8Array, limits: CodecLimits = DEFAULT_CODEC_LIMITS): LogBatch {
  const reader = new ByteReader(payload, limits);
  const head = readLogBatchHead(reader);
  const headEnd = reader.offset;
  const fields = head.schema.fields.length;
  const count = readRecordCount(reader, fields);
  const ends: number[] = [];
  let error: DecodeError | undefined;
  const start = reader.offset;
  let end = start;
  try {
    for (let record = 0; record < count; record++) {
      for (let field = 0; field < fields; field++) skipLogValue(reader);
      end = reader.offset;
      ends.push(end);
    }
    reader.expectEnd('the batch');
  } catch (thrown) {
    if (!(thrown instanceof DecodeError)) throw thrown;
    error = thrown;
  }
  const records = withCounts(payload, start, ends, fields);
  if (!error) return { ...head, records };
  const left = new ByteWriter().put(payload.subarray(0, headEnd)).u32(count - ends.length);
  return { ...head, records, rest: { error, raw: left.put(payload.subarray(end)).finish() } };
}

/** Reads what stands in front of the number of records. Throws `DecodeError`. */
export function readLogBatchHead(reader: ByteReader): BatchHead {
  const stream = readText(reader, 'a stream');
  const writer = readText(reader, 'a writer');
  const filter = readText(reader, 'a filter');
  const path = readText(reader, 'a path');
  const at = reader.offset;
  const size = reader.u32('the number of fields');
  const most = reader.limits.logFields;
  if (size > most) reader.fail('decode_limit', at, `at most ${most} fields`, String(size));
  const fields: LogField[] = [];
  for (let index = 0; index < size; index++) fields.push(readField(reader));
  return { schema: { stream, writer, path, fields }, filter };
}

/** Reads the number of records, which can be as many as there is room for. Throws `DecodeError`. */
export function readRecordCount(reader: ByteReader, fields: number): number {
  const at = reader.offset;
  const count = reader.u32('the number of records');
  const smallest = Math.max(1, fields) * SMALLEST_VALUE_BYTES;
  if (count * smallest > reader.remaining) {
    reader.fail('decode_truncated', at, `${count} records`, `${reader.remaining} bytes`);
  }
  return count;
}

function readText(reader: ByteReader, what: string): string {
  const at = reader.offset;
  const size = reader.u32(`the length of ${what}`);
  const most = reader.limits.stringBytes;
  if (size > most) reader.fail('decode_limit', at, `${what} of at most ${most} bytes`, String(size));
  return nameFromBytes(reader.slice(size, what));
}

function readField(reader: ByteReader): LogField {
  const hasSecondary = reader.bool('a secondary flag');
  const secondary = hasSecondary ? { secondaryName: readText(reader, 'a secondary name') } : {};
  const name = readText(reader, 'a field name');
  const type = readType(reader);
  const subtype = readType(reader);
  return { name, ...secondary, type, subtype, optional: reader.bool('an optional flag') };
}

function readType(reader: ByteReader): LogType {
  const tag = reader.i32('a field type');
  return (
    LOG_TYPES[tag] ?? reader.fail('decode_invalid', reader.offset - 4, 'a type tag of 0 to 22', String(tag))
  );
}

/** The records as a LogWrite has them, each with the number of its fields in front. */
function withCounts(
  payload: Uint8Array,
  start: number,
  ends: readonly number[],
  fields: number,
): Uint8Array[] {
  const last = ends.at(-1) ?? start;
  const out = Buffer.allocUnsafeSlow(last - start + COUNT_BYTES * ends.length);
  let from = start;
  let at = 0;
  return ends.map((end) => {
    const begin = at;
    out.set(payload.subarray(from, end), out.writeInt32BE(fields, at));
    at += COUNT_BYTES + end - from;
    from = end;
    return out.subarray(begin, at);
  });
}

/** The bytes of a batch. @param records each of `encodeLogRecord`, with as many values as the schema has fields. */
export function encodeLogBatch({ schema, filter, records }: Omit<LogBatch, 'rest'>): Buffer {
  const writer = new ByteWriter();
  for (const text of [schema.stream, schema.writer, filter, schema.path]) writeText(writer, text);
  writer.u32(schema.fields.length);
  for (const field of schema.fields) {
    writer.bool(field.secondaryName !== undefined);
    if (field.secondaryName !== undefined) writeText(writer, field.secondaryName);
    writeText(writer, field.name);
    writer.i32(logTypeTag(field.type)).i32(logTypeTag(field.subtype)).bool(field.optional);
  }
  writer.u32(records.length);
  for (const record of records) writer.put(record.subarray(COUNT_BYTES));
  return writer.finish();
}

function writeText(writer: ByteWriter, text: string): void {
  const bytes = nameToBytes(text);
  writer.u32(bytes.length).put(bytes);
}
