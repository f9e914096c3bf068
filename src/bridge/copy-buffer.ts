import { escapeText } from '../codec/text.js';
import { BufferPool } from '../core/buffer-pool.js';

/**
 * Rows in PostgreSQL's COPY BINARY format, without its header and trailer: for each row `i16 columns`, for each
 * column `i32 bytes` (-1 for NULL) and the bytes as the type's receive function wants them
 * (https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format").
 */

/** Chunks grow from the first to the largest size: a quiet log takes little, a busy one few chunks. */
const FIRST_CHUNK_BYTES = 4 * 1024;
export const LARGEST_CHUNK_BYTES = 256 * 1024;

const TWO_TO_32 = 2 ** 32;
/** Address families as inet has them: not the operating system's. */
const POSTGRES_INET = 2;
const POSTGRES_INET6 = 3;

/** 2000-01-01, PostgreSQL's zero of time, in seconds since the Unix epoch. */
export const POSTGRES_EPOCH_SECONDS = 946_684_800;
const POSTGRES_EPOCH_NANOS = BigInt(POSTGRES_EPOCH_SECONDS) * 1_000_000_000n;

/** The bytes that stand for themselves, whatever is around them: printable ASCII without the backslash. */
const IS_PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte <= 0x7e && byte !== 0x5c ? 1 : 0,
);

/** Chunks of the largest size, so many of which are kept to be used again. */
export const chunkPool = (kept: number): BufferPool =>
  new BufferPool(LARGEST_CHUNK_BYTES, kept, Buffer.allocUnsafeSlow);

/** Rows are written field by field; a row that turns out bad is taken back by `undoRow`. */
export class CopyBuffer {
  private readonly finished: Buffer[] = [];
  private finishedBytes = 0;
  private chunk: Buffer = Buffer.allocUnsafeSlow(FIRST_CHUNK_BYTES);
  private view = viewOf(this.chunk);
  /** Where the next byte goes in the chunk. */
  private length = 0;
  /** Where the row being written begins in the chunk. A row never spans chunks. */
  private rowStart = 0;
  private rowCount = 0;
  private readonly daysOfRows = new Set<number>();
  /** The day of the row being written, and of the last one that had one. */
  private rowDay: number | undefined;
  private lastDay: number | undefined;
  /** What `nanos` wrote last. */
  private lastNanos = POSTGRES_EPOCH_NANOS;
  private lastMicros = 0n;

  /** @param pool where large chunks come from; they are not given back here. */
  constructor(private readonly pool: BufferPool = chunkPool(0)) {}

  /** Complete rows. */
  get rows(): number {
    return this.rowCount;
  }

  /** Bytes of the complete rows. */
  get bytes(): number {
    return this.finishedBytes + this.rowStart;
  }

  /** The days (since the Unix epoch, UTC) of the complete rows, those that have one. */
  get days(): ReadonlySet<number> {
    return this.daysOfRows;
  }

  /** The complete rows; valid until another row is begun. */
  chunks(): Buffer[] {
    return [...this.finished, this.chunk.subarray(0, this.rowStart)];
  }

  beginRow(columns: number): void {
    const at = this.room(2);
    this.view.setInt16(at, columns);
    this.rowDay = undefined;
  }

  /** Tells the day of the row being written. */
  inDay(day: number): void {
    this.rowDay = day;
  }

  endRow(): void {
    this.rowStart = this.length;
    this.rowCount += 1;
    if (this.rowDay === this.lastDay || this.rowDay === undefined) return;
    this.lastDay = this.rowDay;
    this.daysOfRows.add(this.rowDay);
  }

  undoRow(): void {
    this.length = this.rowStart;
  }

  /**
   * Makes room for `size` bytes and returns where they begin, in a new chunk where this one is full: read
   * `chunk` and `view` after it, not before.
   */
  private room(size: number): number {
    const at = this.length;
    if (at + size <= this.chunk.length) {
      this.length = at + size;
      return at;
    }
    const row = this.chunk.subarray(this.rowStart, at);
    const chunkBytes = Math.min(this.chunk.length * 4, LARGEST_CHUNK_BYTES);
    // Doubled, so that a row of many small fields that outgrows its chunk is not copied for each of them.
    const wanted = Math.max(chunkBytes, (row.length + size) * 2);
    const grown = wanted === this.pool.bytes ? this.pool.take() : Buffer.allocUnsafeSlow(wanted);
    grown.set(row);
    if (this.rowStart > 0) this.finished.push(this.chunk.subarray(0, this.rowStart));
    this.finishedBytes += this.rowStart;
    this.chunk = grown;
    this.view = viewOf(grown);
    this.rowStart = 0;
    this.length = row.length + size;
    return row.length;
  }

  null(): void {
    const at = this.room(4);
    this.view.setInt32(at, -1);
  }

  boolean(value: boolean): void {
    const at = this.room(5);
    this.view.setInt32(at, 1);
    this.view.setUint8(at + 4, value ? 1 : 0);
  }

  integer(value: number): void {
    const at = this.room(8);
    this.view.setInt32(at, 4);
    this.view.setInt32(at + 4, value);
  }

  /** A bigint, double precision or timestamptz by the two halves of its 8 bytes. */
  halves(high: number, low: number): void {
    const at = this.room(12);
    this.view.setInt32(at, 8);
    this.view.setInt32(at + 4, high);
    this.view.setInt32(at + 8, low);
  }

  /** A timestamptz from microseconds since 2000-01-01, a safe integer. */
  micros(micros: number): void {
    const high = Math.floor(micros / TWO_TO_32);
    this.halves(high, micros - high * TWO_TO_32);
  }

  /** A timestamptz from microseconds since 2000-01-01. */
  bigMicros(micros: bigint): void {
    const at = this.room(12);
    this.view.setInt32(at, 8);
    this.view.setBigInt64(at + 4, micros);
  }

  /** A timestamptz from nanoseconds since the Unix epoch, to the nearest microsecond. All of int64 fits. */
  nanos(nanos: bigint): void {
    // The records of a message have one time.
    if (nanos !== this.lastNanos) {
      const shifted = nanos - POSTGRES_EPOCH_NANOS + 500n;
      this.lastNanos = nanos;
      this.lastMicros = shifted / 1000n - (shifted % 1000n < 0n ? 1n : 0n);
    }
    this.bigMicros(this.lastMicros);
  }

  /** A numeric from the two halves of an unsigned 64-bit integer: digits of base 10000 and their number. */
  count(high: number, low: number): void {
    if (high === 0 && low < 10_000) {
      const at = this.numericHead(low === 0 ? 0 : 1);
      if (low > 0) this.view.setInt16(at, low);
      return;
    }
    if (high < 2 ** 21) {
      const value = high * TWO_TO_32 + low;
      const digits = digitsOf(value);
      this.digits(this.numericHead(digits), value, digits);
      return;
    }
    const value = (BigInt(high) << 32n) | BigInt(low);
    const leading = Number(value / 100_000_000n);
    const digits = digitsOf(leading);
    const at = this.numericHead(digits + 2);
    this.digits(at, leading, digits);
    this.digits(at + 2 * digits, Number(value % 100_000_000n), 2);
  }

  private numericHead(digits: number): number {
    const at = this.room(12 + 2 * digits);
    this.view.setInt32(at, 8 + 2 * digits);
    this.view.setInt16(at + 4, digits);
    // The weight: 10000 to which power the first digit stands for.
    this.view.setInt16(at + 6, digits > 0 ? digits - 1 : 0);
    // No sign and no decimals.
    this.view.setInt32(at + 8, 0);
    return at + 12;
  }

  private digits(at: number, value: number, digits: number): void {
    let rest = value;
    for (let index = digits - 1; index >= 0; index--) {
      const digit = rest % 10_000;
      this.view.setInt16(at + 2 * index, digit);
      rest = (rest - digit) / 10_000;
    }
  }

  /** An inet of `size` address bytes (4 or 16) at `at` of `source`. */
  inet(source: Uint8Array, at: number, size: 4 | 16, prefixBits: number): void {
    const start = this.room(8 + size);
    this.view.setInt32(start, 4 + size);
    this.chunk[start + 4] = size === 4 ? POSTGRES_INET : POSTGRES_INET6;
    this.chunk[start + 5] = prefixBits;
    this.chunk[start + 6] = 0;
    this.chunk[start + 7] = size;
    for (let index = 0; index < size; index++) this.chunk[start + 8 + index] = source[at + index] as number;
  }

  /** A text from `size` bytes at `at` of `source`, in the form of `escapeText`. */
  text(source: Uint8Array, at: number, size: number): void {
    const start = this.room(4 + size);
    const { chunk } = this;
    this.view.setInt32(start, size);
    for (let index = 0; index < size; index++) {
      const byte = source[at + index] as number;
      if (IS_PLAIN[byte] === 0) {
        this.length = start;
        this.bytea(Buffer.from(escapeText(source.subarray(at, at + size)), 'utf8'));
        return;
      }
      chunk[start + 4 + index] = byte;
    }
  }

  /** The bytes as they are: a bytea, or a text that is known to be one. */
  bytea(bytes: Uint8Array): void {
    const at = this.room(4 + bytes.length);
    this.view.setInt32(at, bytes.length);
    this.chunk.set(bytes, at + 4);
  }

  /** A jsonb from JSON in UTF-8, given in parts. The leading 1 is the version of jsonb's binary form. */
  jsonb(parts: readonly Uint8Array[]): void {
    const size = parts.reduce((sum, part) => sum + part.length, 1);
    let at = this.room(4 + size);
    this.view.setInt32(at, size);
    this.chunk[at + 4] = 1;
    at += 5;
    for (const part of parts) {
      this.chunk.set(part, at);
      at += part.length;
    }
  }

  /**
   * Begins an array of `items` elements, each of which is then written as a field. Returns what `endArray`
   * wants. The flag for NULLs is set without looking: the server takes it for a possibility.
   */
  beginArray(elementOid: number, items: number): number {
    const at = this.room(items === 0 ? 16 : 24);
    const { view } = this;
    view.setInt32(at, 12);
    view.setInt32(at + 4, items === 0 ? 0 : 1);
    view.setInt32(at + 8, items === 0 ? 0 : 1);
    view.setInt32(at + 12, elementOid);
    if (items > 0) {
      view.setInt32(at + 16, items);
      view.setInt32(at + 20, 1);
    }
    return at - this.rowStart;
  }

  endArray(begin: number): void {
    const at = this.rowStart + begin;
    this.view.setInt32(at, this.length - at - 4);
  }
}

/** How many digits of base 10000 a safe integer has; 0 has none. */
function digitsOf(value: number): number {
  let digits = 0;
  for (let power = 1; value >= power; power *= 10_000) digits += 1;
  return digits;
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
