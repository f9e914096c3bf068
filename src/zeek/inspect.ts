import { isUtf8 } from 'node:buffer';
import { ByteReader, DecodeError } from '../codec/bytes.js';
import { nameToBytes } from '../codec/text.js';
import { claimItemCount, TAG } from '../codec/value-binary.js';
import { type CodecLimits, INSPECTED_REST_BYTES } from '../core/limits.js';
import { expectCount, expectList, expectTag } from './expect.js';
import {
  type InspectedEvent,
  type InspectedIdentifier,
  type InspectedLogBatch,
  type InspectedLogCreate,
  type InspectedLogRecord,
  type InspectedLogWrite,
  type Inspecting,
  inspectEvent,
  inspectFields,
  inspectIdentifier,
  inspectLogCreate,
  inspectLogWrite,
} from './inspected-messages.js';
import { inspectValue, type Json, Shown, type ShownLimits } from './inspected-values.js';
import { readLogBatchHead, readRecordCount } from './log-batch.js';
import { SchemaRegistry, zeekType } from './log-schema.js';
import { MESSAGE_TYPE, MESSAGE_VERSION } from './message.js';

/** A batch, whose messages follow. */
interface InspectedBatch {
  type: 'batch';
  messages?: number;
}

/** A message of a type that zeekway does not know. */
interface InspectedUnknown {
  type: 'unknown';
  version: string;
  number: string;
  content?: Json;
}

/** What is in a message, or what could be read of it. */
export type InspectedContent =
  | InspectedEvent
  | InspectedLogCreate
  | InspectedLogWrite
  | InspectedLogBatch
  | InspectedLogRecord
  | InspectedIdentifier
  | InspectedBatch
  | InspectedUnknown;

/** That, and the byte at which it begins. */
type InspectedMessage = { readonly offset: number } & InspectedContent;

/** What is in some bytes. Texts are in the form of `escapeText`, values in those of the HTTP API. */
export interface Inspection {
  readonly messages: readonly InspectedMessage[];
  /** The Broker value that the bytes are, where that was asked for and they are no message. */
  readonly value?: Json;
  /** The bytes as a text, where they are one and no message: a line of a log file. */
  readonly text?: string;
  /** Why reading ended before the end of the bytes: one line, which names the byte. */
  readonly stopped?: { readonly offset: number; readonly reason: string };
  /** What is not shown above: where it begins, how many bytes it has, and the first of them in hex. */
  readonly rest?: { readonly offset: number; readonly bytes: number; readonly hex: string };
}

export interface InspectOptions {
  readonly limits?: CodecLimits;
  /** INSPECTED_... of src/core/limits.ts where left out. */
  readonly shown?: ShownLimits;
  /** Where in the bytes the message begins: it is the payload of a frame, from which all offsets count. */
  readonly from?: number;
  /** The fields of logs that were announced before; what these bytes announce is added. */
  readonly schemas?: SchemaRegistry;
  /** Tells the byte at which each argument and field begins. */
  readonly places?: boolean;
  /** Takes any Broker value: what does not begin as a message is shown as that. */
  readonly values?: boolean;
}

/**
 * Shows what is in the bytes of a dead letter, or in any others: decoded as far as it goes, where that ended and
 * why, and the rest in hex. What it gives is bounded. Never throws.
 */
export function inspectBytes(bytes: Uint8Array, options: InspectOptions = {}): Inspection {
  const inspecting = inspectingOf(bytes, options);
  const { reader, shown } = inspecting;
  if (options.values && !beginsAsMessage(bytes.subarray(reader.offset))) {
    let value: Json | undefined;
    const read = (): void => inspectValue(reader, shown, (json) => (value = json));
    return { messages: [], ...ended(inspecting, read), ...(value === undefined ? {} : { value }) };
  }
  const messages: InspectedMessage[] = [];
  const end = ended(inspecting, () => inspectMessage(inspecting, messages, 0), messages);
  const isText = messages.length === 0 && isPlainText(bytes);
  return { messages, ...(isText ? { text: shown.text(bytes) } : {}), ...end };
}

/** The same for a log batch of Zeek's ZeroMQ backend (`zeek-bin-serializer`). Never throws. */
export function inspectLogBatch(
  bytes: Uint8Array,
  options: Omit<InspectOptions, 'schemas' | 'values'> = {},
): Inspection {
  const inspecting = inspectingOf(bytes, options);
  const messages: InspectedMessage[] = [];
  return { messages, ...ended(inspecting, () => inspectBatchRecords(inspecting, messages), messages) };
}

/** The same for bytes in a format (`PayloadFormat`): JSON that was not understood is a text. */
export const inspectPayload = (bytes: Uint8Array, format: string): Inspection =>
  format === 'zeek-bin-serializer' ? inspectLogBatch(bytes) : inspectBytes(bytes);

function inspectBatchRecords(inspecting: Inspecting, messages: InspectedMessage[]): void {
  const { reader, shown } = inspecting;
  const batch: InspectedLogBatch & InspectedMessage = { offset: reader.offset, type: 'log-batch' };
  const { schema, filter } = readLogBatchHead(reader);
  messages.push(batch);
  const shownName = (name: string): string => shown.text(nameToBytes(name));
  batch.stream = shownName(schema.stream);
  batch.writer = shownName(schema.writer);
  batch.filter = shownName(filter);
  batch.path = shownName(schema.path);
  const fields = schema.fields.map((field) => ({ ...field, name: shownName(field.name) }));
  batch.fields = fields.map((field) => ({
    name: field.name,
    type: zeekType(field),
    optional: field.optional,
  }));
  shown.upTo = reader.offset;
  batch.records = readRecordCount(reader, fields.length);
  shown.upTo = reader.offset;
  for (let index = 0; index < batch.records; index++) {
    shown.claim();
    const record: InspectedLogRecord & InspectedMessage = {
      offset: reader.offset,
      type: 'log-record',
      fields: [],
    };
    messages.push(record);
    inspectFields(inspecting, fields.length, fields, record.fields);
  }
}

function inspectingOf(bytes: Uint8Array, options: InspectOptions): Inspecting {
  const { limits, from = 0, schemas = new SchemaRegistry(), places = false } = options;
  const reader = new ByteReader(bytes, limits, from);
  return { reader, shown: new Shown(from, options.shown), schemas, places };
}

/** A list of three of which the first is a count and the second begins as one. */
function beginsAsMessage(bytes: Uint8Array): boolean {
  const [list, size, version] = bytes;
  return list === TAG.vector && size === 3 && version === TAG.count && bytes[11] === TAG.count;
}

/** What is not shown of some bytes, from a place on. */
export function restOf(bytes: Uint8Array, offset: number): NonNullable<Inspection['rest']> {
  const rest = bytes.subarray(offset);
  const hex = Buffer.from(rest.subarray(0, INSPECTED_REST_BYTES)).toString('hex');
  return { offset, bytes: rest.length, hex };
}

/** UTF-8 without controls but tabs and the ends of lines. */
function isPlainText(bytes: Uint8Array): boolean {
  const isText = (byte: number): boolean =>
    (byte >= 0x20 && byte !== 0x7f) || byte === 0x09 || byte === 0x0a || byte === 0x0d;
  return bytes.length > 0 && bytes.every(isText) && isUtf8(bytes);
}

/** Reads to the end of the bytes, and tells where and why it ended where that was earlier. */
function ended(
  inspecting: Inspecting,
  read: () => void,
  messages: readonly InspectedMessage[] = [],
): Pick<Inspection, 'stopped' | 'rest'> {
  const stopped = stopOf(inspecting, read, messages);
  const { bytes } = inspecting.reader;
  const { upTo } = inspecting.shown;
  return {
    ...(stopped === undefined ? {} : { stopped }),
    ...(upTo < bytes.length ? { rest: restOf(bytes, upTo) } : {}),
  };
}

function stopOf(
  { reader, shown }: Inspecting,
  read: () => void,
  messages: readonly InspectedMessage[],
): Inspection['stopped'] {
  try {
    read();
    shown.upTo = reader.offset;
    reader.expectEnd('the message');
    return undefined;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const { offset, message } = error;
    const last = messages.at(-1);
    const record = last?.type === 'log-write' ? last.record : undefined;
    // The reason of a record that was refused counts from there.
    const place = record ? ` (byte ${offset - record.offset} of the record)` : '';
    return { offset, reason: `${message}${place}` };
  }
}

function inspectMessage(inspecting: Inspecting, messages: InspectedMessage[], depth: number): void {
  const { reader, shown } = inspecting;
  const { offset } = reader;
  const add = <T extends object>(message: T & InspectedMessage): T => {
    messages.push(message);
    shown.upTo = reader.offset;
    return message;
  };
  shown.claim();
  expectList(reader, 3, 'a Zeek message');
  const version = expectCount(reader, 'a message version');
  const type = expectCount(reader, 'a message type');
  switch (version === MESSAGE_VERSION ? type : undefined) {
    case MESSAGE_TYPE.event:
      inspectEvent(add<InspectedEvent>({ offset, type: 'event' }), inspecting);
      break;
    case MESSAGE_TYPE.logCreate:
      inspectLogCreate(add<InspectedLogCreate>({ offset, type: 'log-create' }), inspecting);
      break;
    case MESSAGE_TYPE.logWrite:
      inspectLogWrite(add<InspectedLogWrite>({ offset, type: 'log-write' }), inspecting);
      break;
    case MESSAGE_TYPE.identifierUpdate:
      inspectIdentifier(add<InspectedIdentifier>({ offset, type: 'identifier-update' }), inspecting);
      break;
    case MESSAGE_TYPE.batch: {
      const batch = add<InspectedBatch>({ offset, type: 'batch' });
      batch.messages = batchSize(reader, depth);
      shown.upTo = reader.offset;
      for (let index = 0; index < batch.messages; index++) inspectMessage(inspecting, messages, depth + 1);
      break;
    }
    default: {
      const message: InspectedUnknown = { type: 'unknown', version: String(version), number: String(type) };
      const unknown = add({ offset, ...message });
      inspectValue(reader, shown, (content) => {
        unknown.content = content;
      });
    }
  }
}

function batchSize(reader: ByteReader, depth: number): number {
  const most = reader.limits.depth;
  if (depth >= most) {
    reader.fail('decode_limit', reader.offset, `batches nested at most ${most} deep`, 'deeper');
  }
  expectTag(reader, TAG.vector, 'a batch');
  return claimItemCount(reader, 'batch');
}
