import type { ByteReader } from '../codec/bytes.js';
import { nameFromBytes } from '../codec/text.js';
import { VALUE_TYPES } from '../codec/value.js';
import { readItemCount, TAG } from '../codec/value-binary.js';

/** Parts of Zeek's messages: Broker values of one type. Each throws `DecodeError` where another one is there. */

const tagName = (tag: number): string => VALUE_TYPES[tag] ?? `value tag ${tag}`;

export function expectTag(reader: ByteReader, tag: number, what: string): void {
  const found = reader.u8(what);
  if (found !== tag) {
    reader.fail('decode_invalid', reader.offset - 1, `${what} (${tagName(tag)})`, tagName(found));
  }
}

export function expectList(reader: ByteReader, items: number, what: string): void {
  expectTag(reader, TAG.vector, what);
  const at = reader.offset;
  const found = readItemCount(reader, what);
  if (found !== items) reader.fail('decode_invalid', at, `${what} of ${items} elements`, String(found));
}

export function expectCount(reader: ByteReader, what: string): bigint {
  expectTag(reader, TAG.count, what);
  return reader.u64(what);
}

export function expectString(reader: ByteReader, what: string): Uint8Array {
  expectTag(reader, TAG.string, what);
  return reader.varbyteString(what);
}

export function expectEnum(reader: ByteReader, what: string): string {
  expectTag(reader, TAG['enum-value'], what);
  return nameFromBytes(reader.varbyteString(what));
}
