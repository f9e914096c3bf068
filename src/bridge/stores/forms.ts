import { createHash } from 'node:crypto';
import type { Value } from '../../codec/value.js';
import { encodeValue } from '../../codec/value-binary.js';
import { encodeValueJson } from '../../codec/value-json.js';
import type { StoredForms } from '../../storage/store-entries.js';
import { printNotation } from '../../zeek/notation/print.js';

/** A key or value in all the forms that PostgreSQL has of it. */
export const formsOf = (value: Value): StoredForms => ({
  text: printNotation(value),
  json: encodeValueJson(value, { strings: 'escaped' }).toString('utf8'),
  bytes: encodeValue(value),
});

/** Bytes of a key that an index holds: a B-tree takes no more than a third of a page of 8 KiB. */
const INDEXED_BYTES = 1_000;

/** What stands for a key in indexes: its bytes, or of a long one as many as fit, and a hash of all. */
export function keyId(key: Uint8Array): Buffer {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.length);
  if (bytes.length <= INDEXED_BYTES) return bytes;
  return Buffer.concat([bytes.subarray(0, INDEXED_BYTES), createHash('sha256').update(bytes).digest()]);
}
