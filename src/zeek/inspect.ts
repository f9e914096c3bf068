import { isUtf8 } from 'node:buffer';
import { ByteReader, DecodeError } from '../codec/bytes.js';
import { claimItemCount, TAG } from '../codec/value-binary.js';
import { type CodecLimits, DEFAULT_CODEC_LIMITS, INSPECTED_REST_BYTES } from '../core/limits.js';
import { expectCount, expectList, expectTag } from './expect.js';
import {
  type InspectedEvent,
  type InspectedIdentifier,
  type InspectedLogCreate,
  type InspectedLogWrite,
  type Inspecting,
  inspectEvent,
  inspectIdentifier,
  inspectLogCreate,
  inspectLogWrite,
} from './inspected-messages.js';
import { inspectValue, type Json, Shown } from './inspected-values.js';
import { SchemaRegistry } from './log-schema.js';
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

/** A message, or what could be read of it, and the byte at which it begins. */
export type InspectedMessage = { readonly offset: number } & (
  | InspectedEvent
  | InspectedLogCreate
  | InspectedLogWrite
  | InspectedIdentifier
  | InspectedBatch
  | InspectedUnknown
);

/** What is in some bytes. Texts are in the form of `escapeText`, values in those of the HTTP API. */
export interface Inspection {
  readonly messages: readonly InspectedMessage[];
  /** The bytes as a text, where they are one and no message: a line of a log file. */
  readonly text?: string;
  /** Why reading ended before the end of the bytes: one line, which names the byte. */
  readonly stopped?: { readonly offset: number; readonly reason: string };
  /** What is not shown above: where it begins, how many bytes it has, and the first of them in hex. */
  readonly rest?: { readonly offset: number; readonly bytes: number; readonly hex: string };
}

/**
 * Shows what is in the bytes of a dead letter, or in any others: decoded as far as it goes, where that ended and
 * why, and the rest in hex. What it gives is bounded (INSPECTED_... of src/core/limits.ts). Never throws.
 */
export function inspectBytes(bytes: Uint8Array, limits: CodecLimits = DEFAULT_CODEC_LIMITS): Inspection {
  const shown = new Shown();
  const inspecting = { reader: new ByteReader(bytes, limits), shown, schemas: new SchemaRegistry() };
  const messages: InspectedMessage[] = [];
  const stopped = inspectPayload(inspecting, messages);
  const isText = messages.length === 0 && isPlainText(bytes);
  return {
    messages,
    ...(isText ? { text: shown.text(bytes) } : {}),
    ...(stopped === undefined ? {} : { stopped }),
    ...(shown.upTo < bytes.length ? { rest: restOf(bytes, shown.upTo) } : {}),
  };
}

function restOf(bytes: Uint8Array, offset: number): NonNullable<Inspection['rest']> {
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

/** Reads as `readMessages` does; `messages` has what was read when it ends early. Returns why it did. */
function inspectPayload(inspecting: Inspecting, messages: InspectedMessage[]): Inspection['stopped'] {
  const { reader, shown } = inspecting;
  try {
    inspectMessage(inspecting, messages, 0);
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
