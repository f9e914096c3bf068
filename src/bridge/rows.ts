import { nameToBytes } from '../codec/text.js';
import type { Value } from '../codec/value.js';
import { encodeValue } from '../codec/value-binary.js';
import { encodeValueJson } from '../codec/value-json.js';
import { DEAD_LETTER_BYTES } from '../core/limits.js';
import type { CopyTarget } from '../storage/batch.js';
import type { DeadLetterItem, EventItem, IdentifierItem, Item, LogItem } from '../zeek/item.js';
import {
  eventMessage,
  identifierUpdateMessage,
  logCreateMessage,
  networkTimestamp,
} from '../zeek/message.js';
import { recordBytes } from '../zeek/record-bytes.js';
import type { CopyBuffer } from './copy-buffer.js';
import { type RecordPlan, transcodeRecord } from './transcode.js';

/** The rows of what is no log record, in the order of the columns below. */

/** A table and the columns of its rows, in their order. */
export interface RowTarget extends CopyTarget {
  /** The path of a log's table. */
  readonly path?: string;
}

export const EVENTS: RowTarget = {
  table: 'zeekway.events',
  columns: ['name', 'topic', 'ts', 'received', 'source', 'args'],
};

export const IDENTIFIERS: RowTarget = {
  table: 'zeekway.identifiers',
  columns: ['name', 'value', 'received', 'source'],
};

export const DEAD_LETTERS: RowTarget = {
  table: 'zeekway.dead_letters',
  columns: ['code', 'reason', 'subject', 'topic', 'received', 'source', 'raw', 'format'],
};

/**
 * Writes the row of an item.
 * @param source `zeekway.sources.id`.
 */
export type RowWriter<I extends Item, T = void> = (out: CopyBuffer, item: I, source: number) => T;

/** Writes the records of a log; the result and what it throws are those of `transcodeRecord`. */
export const recordWriter =
  (plan: RecordPlan): RowWriter<LogItem, boolean> =>
  (out, { serial, received }, source) =>
    transcodeRecord(plan, serial, { received, source }, out);

function name(out: CopyBuffer, text: string): void {
  const bytes = nameToBytes(text);
  out.text(bytes, 0, bytes.length);
}

const json = (value: Value): Buffer => encodeValueJson(value, { strings: 'escaped' });

const OPEN = Buffer.from('[');
const COMMA = Buffer.from(',');
const CLOSE = Buffer.from(']');

/** `args` is a JSON array with one `{"@data-type", "data"}` for each argument. */
export function writeEvent(out: CopyBuffer, { event, topic, received }: EventItem, source: number): void {
  const args = event.args.flatMap((arg, index) => (index === 0 ? [json(arg)] : [COMMA, json(arg)]));
  const timestamp = networkTimestamp(event);
  out.beginRow(EVENTS.columns.length);
  name(out, event.name);
  name(out, topic);
  if (timestamp === undefined) out.null();
  else out.nanos(timestamp);
  out.nanos(received);
  out.integer(source);
  out.jsonb([OPEN, ...args, CLOSE]);
  out.endRow();
}

export function writeIdentifier(out: CopyBuffer, item: IdentifierItem, source: number): void {
  out.beginRow(IDENTIFIERS.columns.length);
  name(out, item.name);
  out.jsonb([json(item.value)]);
  out.nanos(item.received);
  out.integer(source);
  out.endRow();
}

export function writeDeadLetter(out: CopyBuffer, item: DeadLetterItem, source: number): void {
  const size = item.raw.length;
  const isCut = size > DEAD_LETTER_BYTES;
  out.beginRow(DEAD_LETTERS.columns.length);
  name(out, item.code);
  name(
    out,
    isCut ? `${item.reason} (the first ${DEAD_LETTER_BYTES} of ${size} bytes are kept)` : item.reason,
  );
  name(out, item.subject);
  name(out, item.topic);
  out.nanos(item.received);
  out.integer(source);
  out.bytea(isCut ? item.raw.subarray(0, DEAD_LETTER_BYTES) : item.raw);
  name(out, item.format ?? 'broker-bin-v1');
  out.endRow();
}

/** What an item belongs to and its bytes, for the dead letter of a row that could not be stored. */
function subjectAndBytes(item: Item): Pick<DeadLetterItem, 'subject' | 'raw' | 'format'> {
  switch (item.kind) {
    case 'log':
      return { subject: item.schema.stream, raw: recordBytes(item.schema, item.serial) };
    case 'event': {
      const { event } = item;
      return {
        subject: event.name,
        raw: encodeValue(eventMessage(event.name, event.args, networkTimestamp(event))),
      };
    }
    case 'identifier':
      return { subject: item.name, raw: encodeValue(identifierUpdateMessage(item.name, item.value)) };
    case 'schema':
      return { subject: item.schema.stream, raw: encodeValue(logCreateMessage(item.schema)) };
    case 'dead-letter':
      return item;
  }
}

/** The dead letter that stands for an item. */
export function deadLetter(item: Item, code: DeadLetterItem['code'], reason: string): DeadLetterItem {
  const { origin, topic, received } = item;
  return { ...subjectAndBytes(item), kind: 'dead-letter', code, reason, origin, topic, received };
}
