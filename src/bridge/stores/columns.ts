import type { Value } from '../../codec/value.js';
import { encodeValueJson } from '../../codec/value-json.js';

/** A value as the arguments of events are stored: `{"@data-type", "data"}`. */
export const valueJson = (value: Value): string =>
  encodeValueJson(value, { strings: 'escaped' }).toString('utf8');

/** The client of PostgreSQL knows what to do with a Buffer in an array. */
export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
