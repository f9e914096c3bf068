import { ByteReader, ByteWriter } from '../../codec/bytes.js';
import { type EntityId, readEntity, writeEntity } from './commands.js';

/** How far a content is: kept with it, a master goes on where it was, and does no action of a clone twice. */
export interface StorePosition {
  /** The last command to the clones. */
  readonly sequence: bigint;
  /** Of each who writes the last action. */
  readonly writers: readonly { readonly id: EntityId; readonly sequence: bigint }[];
}

/** Our own format: sequence number u64, and of each writer its entity and sequence number. */
export function encodeStorePosition({ sequence, writers }: StorePosition): Buffer {
  const writer = new ByteWriter().u64(sequence).varbyte(writers.length);
  for (const one of writers) {
    writeEntity(writer, one.id);
    writer.u64(one.sequence);
  }
  return writer.finish();
}

/** Throws `DecodeError`. */
export function decodeStorePosition(bytes: Uint8Array): StorePosition {
  const reader = new ByteReader(bytes);
  const sequence = reader.u64('a sequence number');
  const size = reader.varbyte('the number of writers', bytes.length);
  const writers = Array.from({ length: size }, () => ({
    id: readEntity(reader),
    sequence: reader.u64('a sequence number'),
  }));
  reader.expectEnd('the position');
  return { sequence, writers };
}
