import { encodeValue } from '../codec/value-binary.js';
import { DEAD_LETTER_SCHEMA_BYTES } from '../core/limits.js';
import type { LogSchema } from './log-schema.js';
import { batchHead, logCreateMessage, logWriteMessage } from './message.js';

/** The announcement that was written last: records that cannot be stored come in a row from one log. */
let last: { readonly schema: LogSchema; readonly bytes: Buffer } | undefined;

function announcementBytes(schema: LogSchema): Buffer {
  if (last?.schema !== schema) last = { schema, bytes: encodeValue(logCreateMessage(schema)) };
  return last.bytes;
}

/**
 * The bytes of a Zeek batch that a fresh `Interpreter` reads as the record: its LogCreate, then its LogWrite.
 * Where the LogCreate alone is larger than DEAD_LETTER_SCHEMA_BYTES, the LogWrite only.
 */
export function recordBytes(schema: LogSchema, serial: Uint8Array): Buffer {
  const announcement = announcementBytes(schema);
  const write = encodeValue(logWriteMessage(schema, serial));
  if (announcement.length > DEAD_LETTER_SCHEMA_BYTES) return write;
  return Buffer.concat([batchHead(2), announcement, write]);
}
