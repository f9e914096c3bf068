import { ByteReader, ByteWriter, DecodeError } from '../codec/bytes.js';
import { isLogScalar, LOG_TYPES, type LogField, type LogType, logTypeTag } from '../codec/log-record.js';
import type { PayloadFormat } from '../codec/payload-format.js';
import { nameFromBytes } from '../codec/text.js';
import {
  count,
  enumValue,
  none,
  real,
  string,
  table,
  timestamp,
  type Value,
  vector,
} from '../codec/value.js';
import {
  claimItemCount,
  encodeValue,
  readItemCount,
  readValue,
  skipValue,
  TAG,
} from '../codec/value-binary.js';
import type { ErrorCode } from '../core/errors.js';
import { type CodecLimits, DEFAULT_CODEC_LIMITS, MALFORMED_MESSAGES } from '../core/limits.js';
import { expectCount, expectEnum, expectList, expectString, expectTag } from './expect.js';
import type { LogKey, LogSchema } from './log-schema.js';

/**
 * Zeek's messages, the payload of Broker's data envelopes: `[count 1, count type, content]`
 * (libbroker/broker/zeek.hh, zeek/zeek src/broker/Manager.cc).
 */

export const MESSAGE_VERSION = 1n;
/** The message types by their number. */
export const MESSAGE_TYPE = {
  event: 1n,
  logCreate: 2n,
  logWrite: 3n,
  identifierUpdate: 4n,
  batch: 5n,
} as const;
/** Metadata ID of an event's network timestamp. */
const NETWORK_TIMESTAMP = 1n;

export interface EventMetadata {
  readonly id: bigint;
  readonly value: Value;
}

/** An event: name, arguments, and metadata (since Zeek 6.0). */
export interface ZeekEvent {
  readonly name: string;
  readonly args: readonly Value[];
  readonly metadata: readonly EventMetadata[];
}

export type ZeekMessage =
  | { readonly type: 'event'; readonly event: ZeekEvent }
  | { readonly type: 'log-create'; readonly schema: LogSchema }
  | ({ readonly type: 'log-write'; readonly serial: Uint8Array } & LogKey)
  | { readonly type: 'identifier-update'; readonly name: string; readonly value: Value }
  /** A message that is none, with its bytes and the reason. */
  | {
      readonly type: 'bad';
      readonly code: ErrorCode;
      readonly reason: string;
      readonly subject: string;
      readonly raw: Uint8Array;
      /** What the bytes are; left out, they are a Broker value. */
      readonly format?: PayloadFormat;
    };

/** The event's network timestamp in nanoseconds since the Unix epoch, where it has one. */
export function networkTimestamp(event: ZeekEvent): bigint | undefined {
  const found = event.metadata.find((item) => item.id === NETWORK_TIMESTAMP)?.value;
  return found?.type === 'timestamp' ? found.value : undefined;
}

/**
 * Reads the messages of one payload, batches (also nested ones) flattened. What is not understood comes as
 * `bad` and the rest is read on; after `MALFORMED_MESSAGES` that are none at all, the rest comes as one `bad`.
 * `serial` and `raw` are views of the payload.
 */
export function readMessages(payload: Uint8Array, limits: CodecLimits = DEFAULT_CODEC_LIMITS): ZeekMessage[] {
  const result: ZeekMessage[] = [];
  const reader = new ByteReader(payload, limits);
  readOne(reader, { messages: result, malformed: 0 }, 0);
  if (reader.remaining > 0) {
    const error = new DecodeError(
      'decode_trailing',
      reader.offset,
      'the end of the message',
      `${reader.remaining} more bytes`,
    );
    result.push(bad(error, '', payload));
  }
  return result;
}

function bad(error: unknown, subject: string, raw: Uint8Array): ZeekMessage {
  if (!(error instanceof DecodeError)) throw error;
  return { type: 'bad', code: 'message_malformed', reason: error.message, subject, raw };
}

/** What was read of a payload so far. */
interface Progress {
  readonly messages: ZeekMessage[];
  malformed: number;
  /** The last LogWrite's bytes up to its record, and the names in them. */
  lastHead?: { readonly raw: Uint8Array; readonly key: LogKey };
}

/** Reads one message; leaves the reader behind it, whatever is inside. */
function readOne(reader: ByteReader, progress: Progress, depth: number): void {
  const start = reader.offset;
  const subject = { value: '' };
  try {
    const key = skipLastHead(reader, progress);
    if (key) {
      subject.value = key.stream;
      progress.messages.push(readRecord(reader, key));
      return;
    }
    expectList(reader, 3, 'a Zeek message');
    const version = expectCount(reader, 'a message version');
    const type = expectCount(reader, 'a message type');
    if (version === MESSAGE_VERSION && type === MESSAGE_TYPE.batch) {
      readBatch(reader, progress, depth);
      return;
    }
    const read = version === MESSAGE_VERSION ? READERS.get(type) : undefined;
    if (read) {
      progress.messages.push(read(reader, subject, progress, start));
      return;
    }
    const reason = `at byte ${start}: message version ${version}, type ${type}`;
    const raw = rawValue(reader, start);
    progress.messages.push({
      type: 'bad',
      code: 'message_unknown',
      reason,
      subject: `${version}/${type}`,
      raw,
    });
  } catch (error) {
    progress.malformed += 1;
    const isLast = progress.malformed >= MALFORMED_MESSAGES;
    const raw = isLast ? reader.bytes.subarray(start) : rawValue(reader, start);
    if (isLast) reader.offset = reader.end;
    progress.messages.push(bad(error, subject.value, raw));
  }
}

/** The bytes of the value at `start`, or all that is left where no value can be made out. */
function rawValue(reader: ByteReader, start: number): Uint8Array {
  reader.offset = start;
  try {
    skipValue(reader);
  } catch {
    // Not even the lengths hold: nothing behind this place can be found any more.
    reader.offset = reader.end;
  }
  return reader.bytes.subarray(start, reader.offset);
}

function readBatch(reader: ByteReader, progress: Progress, depth: number): void {
  if (depth >= reader.limits.depth) {
    reader.fail(
      'decode_limit',
      reader.offset,
      `batches nested at most ${reader.limits.depth} deep`,
      'deeper',
    );
  }
  expectTag(reader, TAG.vector, 'a batch');
  const items = claimItemCount(reader, 'batch');
  for (let index = 0; index < items; index++) {
    if (reader.remaining === 0) {
      // A message that could not be made out has taken all that was left, and said so.
      if (progress.messages.at(-1)?.type === 'bad') return;
      reader.fail('decode_truncated', reader.offset, `${items - index} more messages`, 'the end');
    }
    readOne(reader, progress, depth + 1);
  }
}

type Subject = { value: string };
type MessageReader = (reader: ByteReader, subject: Subject, progress: Progress, start: number) => ZeekMessage;

const READERS: ReadonlyMap<bigint, MessageReader> = new Map([
  [MESSAGE_TYPE.event, readEvent],
  [MESSAGE_TYPE.logCreate, readLogCreate],
  [MESSAGE_TYPE.logWrite, readLogWrite],
  [MESSAGE_TYPE.identifierUpdate, readIdentifierUpdate],
]);

function readEvent(reader: ByteReader, subject: Subject): ZeekMessage {
  expectTag(reader, TAG.vector, 'an event');
  const at = reader.offset;
  const items = readItemCount(reader, 'an event');
  if (items !== 2 && items !== 3) {
    reader.fail('decode_invalid', at, 'an event of 2 or 3 elements', String(items));
  }
  const name = nameFromBytes(expectString(reader, 'an event name'));
  subject.value = name;
  expectTag(reader, TAG.vector, 'event arguments');
  const size = claimItemCount(reader, 'event arguments');
  const args: Value[] = [];
  for (let index = 0; index < size; index++) args.push(readValue(reader));
  return { type: 'event', event: { name, args, metadata: items === 3 ? readMetadata(reader) : [] } };
}

function readMetadata(reader: ByteReader): EventMetadata[] {
  expectTag(reader, TAG.vector, 'event metadata');
  const size = claimItemCount(reader, 'event metadata');
  const result: EventMetadata[] = [];
  for (let index = 0; index < size; index++) {
    expectList(reader, 2, 'a metadata entry');
    result.push({ id: expectCount(reader, 'a metadata ID'), value: readValue(reader) });
  }
  return result;
}

function readLogCreate(reader: ByteReader, subject: Subject): ZeekMessage {
  expectList(reader, 4, 'a LogCreate');
  const stream = expectEnum(reader, 'a stream');
  subject.value = stream;
  const writer = expectEnum(reader, 'a writer');
  expectList(reader, 6, 'a writer info');
  const path = nameFromBytes(expectString(reader, 'a path'));
  const size = readFieldsHead(reader);
  const fields: LogField[] = [];
  for (let index = 0; index < size; index++) fields.push(readField(reader));
  return { type: 'log-create', schema: { stream, writer, path, fields } };
}

/** Reads what stands in a LogCreate behind the path and before the fields, and returns how many they are. */
export function readFieldsHead(reader: ByteReader): number {
  for (let index = 0; index < 5; index++) skipValue(reader);
  expectTag(reader, TAG.vector, 'a list of fields');
  const at = reader.offset;
  const size = readItemCount(reader, 'a list of fields');
  if (size > reader.limits.logFields) {
    reader.fail('decode_limit', at, `at most ${reader.limits.logFields} fields`, String(size));
  }
  return size;
}

/** Reads one field of a LogCreate. Throws `DecodeError`. */
export function readField(reader: ByteReader): LogField {
  expectList(reader, 5, 'a field');
  const name = nameFromBytes(expectString(reader, 'a field name'));
  const secondary = readValue(reader);
  const type = readType(reader);
  const subtype = readType(reader);
  expectTag(reader, TAG.boolean, 'an optional flag');
  const optional = reader.bool('an optional flag');
  const field = { name, type, subtype, optional };
  return secondary.type === 'string' && typeof secondary.value === 'string'
    ? { ...field, secondaryName: secondary.value }
    : field;
}

function readType(reader: ByteReader): LogType {
  const tag = expectCount(reader, 'a field type');
  const type = tag <= BigInt(LOG_TYPES.length) ? LOG_TYPES[Number(tag)] : undefined;
  return type ?? reader.fail('decode_invalid', reader.offset - 8, 'a type tag of 0 to 22', String(tag));
}

function readLogWrite(reader: ByteReader, subject: Subject, progress: Progress, start: number): ZeekMessage {
  expectList(reader, 4, 'a LogWrite');
  const stream = expectEnum(reader, 'a stream');
  subject.value = stream;
  const writer = expectEnum(reader, 'a writer');
  const path = nameFromBytes(expectString(reader, 'a path'));
  const key = { stream, writer, path };
  progress.lastHead = { raw: reader.bytes.subarray(start, reader.offset), key };
  return readRecord(reader, key);
}

const readRecord = (reader: ByteReader, { stream, writer, path }: LogKey): ZeekMessage => ({
  type: 'log-write',
  stream,
  writer,
  path,
  serial: expectString(reader, 'a serialized record'),
});

/** The messages of a batch mostly begin as the one before, with a record of the same log: that is not read anew. */
function skipLastHead(reader: ByteReader, { lastHead }: Progress): LogKey | undefined {
  if (!lastHead || reader.remaining < lastHead.raw.length) return undefined;
  if (!isAt(reader.bytes, reader.offset, lastHead.raw)) return undefined;
  reader.offset += lastHead.raw.length;
  return lastHead.key;
}

function isAt(bytes: Uint8Array, at: number, part: Uint8Array): boolean {
  for (let index = 0; index < part.length; index++) if (bytes[at + index] !== part[index]) return false;
  return true;
}

function readIdentifierUpdate(reader: ByteReader, subject: Subject): ZeekMessage {
  expectList(reader, 2, 'an IdentifierUpdate');
  const name = nameFromBytes(expectString(reader, 'an identifier'));
  subject.value = name;
  return { type: 'identifier-update', name, value: readValue(reader) };
}

const message = (type: bigint, content: Value): Value =>
  vector([count(MESSAGE_VERSION), count(type), content]);

/** The value of an event message. @param timestampNanos network time; left out, the event has no metadata. */
export function eventMessage(name: string, args: readonly Value[], timestampNanos?: bigint): Value {
  const value = timestampNanos === undefined ? undefined : timestamp(timestampNanos);
  const metadata = value === undefined ? [] : [{ id: NETWORK_TIMESTAMP, value }];
  return wholeEventMessage({ name, args, metadata });
}

/** The value of the message of an event, with all its metadata; without any, as Zeek before 6.0 has it. */
export function wholeEventMessage({ name, args, metadata }: ZeekEvent): Value {
  const entries = metadata.map(({ id, value }) => vector([count(id), value]));
  const last = entries.length === 0 ? [] : [vector(entries)];
  return message(MESSAGE_TYPE.event, vector([string(name), vector(args), ...last]));
}

const fieldValue = (field: LogField): Value =>
  vector([
    string(field.name),
    field.secondaryName === undefined ? none : string(field.secondaryName),
    count(logTypeTag(field.type)),
    count(logTypeTag(field.subtype)),
    field.optional,
  ]);

/** The value of a LogCreate message, with Zeek's defaults for what only a rotating writer needs. */
export function logCreateMessage(schema: LogSchema): Value {
  const info = vector([string(schema.path), real(0), real(0), real(0), table([]), string('')]);
  const fields = vector(schema.fields.map(fieldValue));
  return message(
    MESSAGE_TYPE.logCreate,
    vector([enumValue(schema.stream), enumValue(schema.writer), info, fields]),
  );
}

/** The value of a LogWrite message. @param serial a record of `encodeLogRecord`. */
export function logWriteMessage(key: LogKey, serial: Uint8Array): Value {
  return message(
    MESSAGE_TYPE.logWrite,
    vector([enumValue(key.stream), enumValue(key.writer), string(key.path), string(serial)]),
  );
}

export function identifierUpdateMessage(name: string, value: Value): Value {
  return message(MESSAGE_TYPE.identifierUpdate, vector([string(name), value]));
}

export function batchMessage(messages: readonly Value[]): Value {
  return message(MESSAGE_TYPE.batch, vector(messages));
}

/** The bytes of a batch up to its messages, which `messages` encoded ones are to follow. */
export function batchHead(messages: number): Buffer {
  const empty = encodeValue(batchMessage([]));
  return new ByteWriter().put(empty.subarray(0, -1)).varbyte(messages).finish();
}

/** Whether a field can become a column: a scalar, or a set or vector of scalars. */
export function isStorableField(field: LogField): boolean {
  const isContainer = field.type === 'table' || field.type === 'vector';
  return isLogScalar(isContainer ? field.subtype : field.type);
}
