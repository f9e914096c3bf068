import { DecodeError } from '../../codec/bytes.js';
import type { JsonNode } from '../../codec/json-reader.js';
import { displayText, nameToBytes } from '../../codec/text.js';
import { encodeValue } from '../../codec/value-binary.js';
import { valueFromJson } from '../../codec/value-json.js';
import { DECODED_TEXT_BYTES, DECODED_TEXTS_BYTES, DECODED_VALUES } from '../../core/limits.js';
import {
  type Inspection,
  type InspectOptions,
  inspectBytes,
  inspectLogBatch,
  restOf,
} from '../../zeek/inspect.js';
import type { Json } from '../../zeek/inspected-values.js';
import type { ShownInspection } from '../inspection-text.js';

/** Where something was found: what is known of it. */
export interface Place {
  readonly from?: string;
  readonly to?: string;
  /** ISO 8601. */
  readonly time?: string;
  /** Of a text file, from 1. */
  readonly line?: number;
  /** The byte in the file, or in one direction of a connection. */
  readonly offset?: number;
  readonly bytes?: number;
}

/** A part of a header, and the byte that it begins at, counted as those of the content. */
export interface HeaderPart {
  readonly name: string;
  readonly value: Json;
  readonly at?: number;
}

/** One thing that was found, for people and for programs. */
export interface Decoded {
  readonly place: Place;
  /** What it is: `handshake`, `envelope`, `value`, `log-batch`, `zeromq`, `zmtp`, `websocket`, `damage`. */
  readonly kind: string;
  /** Which of its kind: `hello`, `data`. */
  readonly type?: string;
  readonly header: readonly HeaderPart[];
  readonly content?: ShownInspection;
}

const OPTIONS = {
  shown: { values: DECODED_VALUES, textBytes: DECODED_TEXT_BYTES, textsBytes: DECODED_TEXTS_BYTES },
  places: true,
  values: true,
} as const;

/** What a payload in Broker's binary format holds: Zeek's messages or any other value. */
export const brokerContent = (bytes: Uint8Array, options: InspectOptions = {}): Inspection =>
  inspectBytes(bytes, { ...OPTIONS, ...options });

/** What a log batch of the ZeroMQ backend holds. */
export const batchContent = (bytes: Uint8Array): Inspection => inspectLogBatch(bytes, OPTIONS);

/** A name as text that can be shown. */
export const nameText = (name: string): string => displayText(nameToBytes(name));

/** Bytes that are shown as such. */
export const rawContent = (bytes: Uint8Array, from = 0): Inspection => ({
  messages: [],
  ...(from < bytes.length ? { rest: restOf(bytes, from) } : {}),
});

/** What a value in Broker's JSON holds. Its places are left out: those are not of the JSON. Throws `DecodeError`. */
export function jsonContent(node: JsonNode): ShownInspection {
  const content = brokerContent(encodeValue(valueFromJson(node)), { places: false });
  return { ...content, messages: content.messages.map(({ offset: _, ...message }) => message) };
}

/** What could not be read: why, and the bytes from there on. @param from where they begin */
export function damage(place: Place, bytes: Uint8Array, reason: string, from = 0): Decoded {
  const content: Inspection = { ...rawContent(bytes, from), stopped: { offset: from, reason } };
  return { place, kind: 'damage', header: [], content };
}

/** What was thrown, as content. Throws what is no `DecodeError`. */
export function damagedContent(error: unknown, bytes: Uint8Array): Inspection {
  if (!(error instanceof DecodeError)) throw error;
  const { offset, message } = error;
  const from = Math.min(offset, bytes.length);
  return { ...rawContent(bytes, from), stopped: { offset: from, reason: message } };
}

/** The same alone. */
export const damageOf = (error: unknown, place: Place, bytes: Uint8Array): Decoded => ({
  place,
  kind: 'damage',
  header: [],
  content: damagedContent(error, bytes),
});

/** Whether all of it could be read. */
export const isWhole = ({ content }: Decoded): boolean => content?.stopped === undefined;
