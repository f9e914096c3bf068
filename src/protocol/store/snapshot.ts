import { ByteReader, ByteWriter } from '../../codec/bytes.js';
import type { Value } from '../../codec/value.js';
import { readValue, writeValue } from '../../codec/value-binary.js';
import { type CodecLimits, DEFAULT_CODEC_LIMITS } from '../../core/limits.js';

/** The content of a store as `ack_clone` has it: the number of entries, and key after value of each. */
export interface Snapshot {
  readonly size: number;
  readonly bytes: Uint8Array;
}

type Pair = readonly [key: Value, value: Value];

/** Reads a snapshot some entries at a time, so that others may have their turn between. */
export class SnapshotReader {
  private readonly reader: ByteReader;
  private left: number;

  constructor(
    { size, bytes }: Snapshot,
    private readonly limits: CodecLimits = DEFAULT_CODEC_LIMITS,
  ) {
    this.reader = new ByteReader(bytes, limits);
    this.left = size;
  }

  /** The next entries; none when all were read. Throws `DecodeError`, whose offset counts from the first entry. */
  read(most: number): Pair[] {
    const entries = Array.from(
      { length: Math.min(most, this.left) },
      (): Pair => [this.value(), this.value()],
    );
    this.left -= entries.length;
    if (this.left === 0) this.reader.expectEnd('the snapshot');
    return entries;
  }

  /** Collections are counted for each value, not for all: of entries there may be more than a value has elements. */
  private value(): Value {
    const reader = new ByteReader(this.reader.bytes, this.limits, this.reader.offset);
    const value = readValue(reader);
    this.reader.offset = reader.offset;
    return value;
  }
}

/** Makes a snapshot some entries at a time. */
export class SnapshotWriter {
  private readonly writer = new ByteWriter();
  private size = 0;

  write(entries: Iterable<Pair>): void {
    for (const [key, value] of entries) {
      writeValue(this.writer, key);
      writeValue(this.writer, value);
      this.size += 1;
    }
  }

  finish(): Snapshot {
    return { size: this.size, bytes: this.writer.finish() };
  }
}
