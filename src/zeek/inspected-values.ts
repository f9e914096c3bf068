import { type ByteReader, DecodeError } from '../codec/bytes.js';
import {
  isAbsent,
  LOG_TYPES,
  type LogType,
  type LogValue,
  readElementCount,
  readLogValue,
} from '../codec/log-record.js';
import { displayText, textToBytes } from '../codec/text.js';
import { VALUE_TYPES } from '../codec/value.js';
import { claimItemCount, readItemCount, readValue } from '../codec/value-binary.js';
import { encodeValueJson } from '../codec/value-json.js';
import { INSPECTED_TEXT_BYTES, INSPECTED_TEXTS_BYTES, INSPECTED_VALUES } from '../core/limits.js';

/** A value in the forms of the HTTP API (docs/api.md). */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Takes a value as soon as it is known: what is inside of a set or vector is added to it later. */
type Put = (json: Json) => void;

/** What is shown has a limit, and where it was reached: at the next thing to show. */
class Enough extends DecodeError {
  constructor(offset: number) {
    super('decode_limit', offset, 'no more than can be shown', 'more of it');
  }
}

/** How much is shown of some bytes: messages, fields and values; bytes of one text, and of all texts together. */
export interface ShownLimits {
  readonly values: number;
  readonly textBytes: number;
  readonly textsBytes: number;
}

/** For what is kept, and answered to clients. */
const DEFAULT_LIMITS: ShownLimits = {
  values: INSPECTED_VALUES,
  textBytes: INSPECTED_TEXT_BYTES,
  textsBytes: INSPECTED_TEXTS_BYTES,
};

/** Counts what is shown of some bytes. */
export class Shown {
  private values = 0;
  private textBytes = 0;

  /** @param upTo all before this byte is shown. */
  constructor(
    public upTo = 0,
    private readonly limits: ShownLimits = DEFAULT_LIMITS,
  ) {}

  /** Counts one more thing that is shown. Throws `DecodeError` where it is one too many. */
  claim(): void {
    this.values += 1;
    if (this.values > this.limits.values) throw new Enough(this.upTo);
  }

  /** Counts bytes of text. Throws `DecodeError` where they are too many. */
  claimText(bytes: number): void {
    this.textBytes += bytes;
    if (this.textBytes > this.limits.textsBytes) throw new Enough(this.upTo);
  }

  /** A text: cut where it is too long, which its end says then. Throws `DecodeError` as `claimText` does. */
  text(bytes: Uint8Array): string {
    const part = bytes.subarray(0, cutAt(bytes, this.limits.textBytes));
    this.claimText(part.length);
    const text = displayText(part);
    return part.length < bytes.length ? `${text}... (${bytes.length} bytes)` : text;
  }
}

/** Where a text is cut: not in the middle of a character, which would look like bytes that are no UTF-8. */
function cutAt(bytes: Uint8Array, most: number): number {
  if (bytes.length <= most) return bytes.length;
  let at = most;
  while (at > most - 4 && ((bytes[at] as number) & 0xc0) === 0x80) at -= 1;
  return at;
}

/** Reads one Broker value and gives its JSON as it grows. Throws `DecodeError`. */
export function inspectValue(reader: ByteReader, shown: Shown, put: Put, depth = 0): void {
  shown.claim();
  const at = reader.offset;
  if (depth > reader.limits.depth) {
    reader.fail('decode_limit', at, `values nested at most ${reader.limits.depth} deep`, 'a deeper one');
  }
  const type = reader.remaining > 0 ? VALUE_TYPES[reader.bytes[at] as number] : undefined;
  switch (type) {
    case 'string':
    case 'enum-value': {
      reader.offset += 1;
      const bytes = reader.varbyteString('a string');
      put(typed(type, shown.text(bytes)));
      shown.upTo = reader.offset;
      return;
    }
    case 'set':
    case 'vector': {
      reader.offset += 1;
      const items = claimItemCount(reader, type);
      const data: Json[] = [];
      put(typed(type, data));
      shown.upTo = reader.offset;
      for (let index = 0; index < items; index++) {
        inspectValue(reader, shown, (item) => data.push(item), depth + 1);
      }
      return;
    }
    case 'table':
      reader.offset += 1;
      inspectTable(reader, shown, put, depth);
      return;
    default: {
      const json = encodeValueJson(readValue(reader, depth), { strings: 'escaped', bigIntegers: 'string' });
      put(JSON.parse(json.toString('utf8')) as Json);
      shown.upTo = reader.offset;
    }
  }
}

const typed = (type: string, data: Json): Json => ({ '@data-type': type, data });

function inspectTable(reader: ByteReader, shown: Shown, put: Put, depth: number): void {
  const at = reader.offset;
  const entries = readItemCount(reader, 'table');
  reader.claimItems(2 * entries, at);
  const data: Json[] = [];
  put(typed('table', data));
  shown.upTo = reader.offset;
  for (let index = 0; index < entries; index++) {
    const entry: { [key: string]: Json } = {};
    inspectValue(
      reader,
      shown,
      (key) => {
        entry['key'] = key;
        data.push(entry);
      },
      depth + 1,
    );
    inspectValue(
      reader,
      shown,
      (value) => {
        entry['value'] = value;
      },
      depth + 1,
    );
  }
}

/** The tags that stand before a value of a log record, and whether it is present. */
const HEAD_BYTES = 9;

/**
 * Reads one value of a log record and gives its type and its JSON, as it grows; `undefined` where it is unset.
 * Throws `DecodeError`.
 */
export function inspectLogValue(
  reader: ByteReader,
  shown: Shown,
  put: (type: LogType, json: Json | undefined) => void,
): void {
  shown.claim();
  const type = containerAt(reader);
  if (type === undefined) {
    inspectLogScalar(reader, shown, put, false);
    return;
  }
  // The subtype says nothing: the elements tell what they are.
  reader.offset += HEAD_BYTES;
  const items = readElementCount(reader);
  const data: Json[] = [];
  put(type, data);
  shown.upTo = reader.offset;
  for (let index = 0; index < items; index++) {
    shown.claim();
    inspectLogScalar(reader, shown, (_, item) => data.push(item ?? null), true);
  }
}

/** The type of a set or vector that begins here and is present. */
function containerAt(reader: ByteReader): 'table' | 'vector' | undefined {
  if (reader.remaining < HEAD_BYTES) return undefined;
  const { view, offset } = reader;
  const type = LOG_TYPES[view.getInt32(offset)];
  const isWellFormed = LOG_TYPES[view.getInt32(offset + 4)] !== undefined && view.getUint8(offset + 8) === 1;
  return isWellFormed && (type === 'table' || type === 'vector') ? type : undefined;
}

function inspectLogScalar(
  reader: ByteReader,
  shown: Shown,
  put: (type: LogType, json: Json | undefined) => void,
  nested: boolean,
): void {
  const value = readLogValue(reader, nested);
  const json = isAbsent(value) ? undefined : logJson(value, (bytes) => shown.text(bytes));
  put(value.type, json);
  shown.upTo = reader.offset;
}

type Present = Exclude<LogValue, { absent: true }>;

function logJson(value: Present, text: (bytes: Uint8Array) => string): Json {
  switch (value.type) {
    case 'bool':
      return value.value;
    case 'int':
    case 'count': {
      const number = Number(value.value);
      return Number.isSafeInteger(number) ? number : String(value.value);
    }
    case 'double':
    case 'interval':
      return numberJson(value.value);
    case 'time':
      return timeJson(value.value);
    case 'port':
      return value.value.number;
    case 'addr':
    case 'subnet':
      return String(value.value);
    case 'string':
    case 'func':
    case 'file':
    case 'enum':
      return text(textToBytes(value.value));
    case 'table':
    case 'vector':
      throw new TypeError(`a ${value.type} is shown by its elements`);
  }
}

/** NaN and the infinities have no number in JSON. */
const numberJson = (value: number): Json => (Number.isFinite(value) ? value : String(value));

/** The years 0 to 9999, in seconds. */
const EARLIEST_SECONDS = -62_167_219_200;
const END_SECONDS = 253_402_300_800;

/** ISO 8601 with microseconds, UTC, as far as it has years for it; else the seconds as they are. */
function timeJson(seconds: number): Json {
  const micros = Math.abs(seconds) < 1e15 ? BigInt(seconds.toFixed(6).replace('.', '')) : undefined;
  const fraction = micros === undefined ? 0n : ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const whole = micros === undefined ? seconds : Number((micros - fraction) / 1_000_000n);
  if (!(whole >= EARLIEST_SECONDS && whole < END_SECONDS)) return numberJson(seconds);
  return `${new Date(whole * 1000).toISOString().slice(0, 19)}.${String(fraction).padStart(6, '0')}Z`;
}
