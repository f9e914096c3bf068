import { type ErrorCode, ZeekwayError } from '../core/errors.js';
import { type CodecLimits, DEFAULT_CODEC_LIMITS } from '../core/limits.js';

/** Where and why decoding stopped. `offset` counts from the first byte that was handed to the decoder. */
export class DecodeError extends ZeekwayError {
  override readonly name = 'DecodeError';

  constructor(
    code: Extract<ErrorCode, `decode_${string}`>,
    readonly offset: number,
    /** What the format wants at that place. */
    readonly expected: string,
    /** What is there. */
    readonly found: string,
  ) {
    super(code, `at byte ${offset}: expected ${expected}, found ${found}`, { offset });
  }
}

/** A cursor over bytes, big-endian, that never reads past the end and never copies. */
export class ByteReader {
  readonly view: DataView;
  offset: number;
  /** Where reading ends. */
  end: number;
  /** Errors count from here. */
  private base = 0;
  private claimed = 0;

  constructor(
    readonly bytes: Uint8Array,
    readonly limits: CodecLimits = DEFAULT_CODEC_LIMITS,
    offset = 0,
    end = bytes.length,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.offset = offset;
    this.end = end;
  }

  /** Begins anew with a part of the bytes, from which errors count. */
  restart(offset: number, end: number): void {
    this.offset = offset;
    this.end = end;
    this.base = offset;
    this.claimed = 0;
  }

  get remaining(): number {
    return this.end - this.offset;
  }

  /** Moves over `size` bytes and returns where they begin; throws when there are fewer. */
  take(size: number, expected: string): number {
    const at = this.offset;
    if (size > this.end - at) {
      this.fail('decode_truncated', at, `${size} bytes of ${expected}`, `${this.end - at} bytes`);
    }
    this.offset = at + size;
    return at;
  }

  u8(expected: string): number {
    return this.view.getUint8(this.take(1, expected));
  }

  u16(expected: string): number {
    return this.view.getUint16(this.take(2, expected));
  }

  u32(expected: string): number {
    return this.view.getUint32(this.take(4, expected));
  }

  i32(expected: string): number {
    return this.view.getInt32(this.take(4, expected));
  }

  u64(expected: string): bigint {
    return this.view.getBigUint64(this.take(8, expected));
  }

  i64(expected: string): bigint {
    return this.view.getBigInt64(this.take(8, expected));
  }

  f64(expected: string): number {
    return this.view.getFloat64(this.take(8, expected));
  }

  bool(expected: string): boolean {
    const value = this.u8(expected);
    if (value > 1) this.fail('decode_invalid', this.offset - 1, `${expected} as 0 or 1`, String(value));
    return value === 1;
  }

  /** A view of the next `size` bytes (not a copy). */
  slice(size: number, expected: string): Uint8Array {
    const at = this.take(size, expected);
    return this.bytes.subarray(at, at + size);
  }

  /**
   * Broker's varbyte: 7 bits a byte, least significant first, at most 10 bytes; at most `limit`. An error names
   * `what` of `owner`; they are put together only then.
   */
  varbyte(what: string, limit: number, owner = ''): number {
    const start = this.offset;
    const first = this.varbytePart(what, owner);
    if (first < 0x80 && first <= limit) return first;
    let value = first & 0x7f;
    let byte = first;
    let unit = 1;
    for (let index = 1; byte >= 0x80; index++) {
      if (index === 10)
        this.fail('decode_invalid', start, `${what}${owner} of at most 10 bytes`, 'a longer one');
      byte = this.varbytePart(what, owner);
      unit *= 0x80;
      value += (byte & 0x7f) * unit;
    }
    if (value > limit) {
      this.fail('decode_limit', start, `${what}${owner} of at most ${limit}`, String(value));
    }
    return value;
  }

  private varbytePart(what: string, owner: string): number {
    if (this.offset >= this.end) this.take(1, `${what}${owner}`);
    return this.bytes[this.offset++] as number;
  }

  /** Moves over a string as Broker writes it and returns where its bytes begin; `offset` is where they end. */
  takeVarbyteString(expected: string, limit = this.limits.stringBytes): number {
    return this.take(this.varbyte('the length of ', limit, expected), expected);
  }

  /** A string as Broker writes it: varbyte length and bytes (a view, not a copy). */
  varbyteString(expected: string, limit = this.limits.stringBytes): Uint8Array {
    const at = this.takeVarbyteString(expected, limit);
    return this.bytes.subarray(at, this.offset);
  }

  /** Counts elements against `collectionItems`, which all collections of an input have together. */
  claimItems(items: number, at: number): void {
    this.claimed += items;
    const most = this.limits.collectionItems;
    if (this.claimed > most)
      this.fail('decode_limit', at, `at most ${most} elements in all`, String(this.claimed));
  }

  /** Throws when anything is left over. */
  expectEnd(what: string): void {
    if (this.offset !== this.end) {
      this.fail('decode_trailing', this.offset, `the end of ${what}`, `${this.remaining} more bytes`);
    }
  }

  fail(code: Extract<ErrorCode, `decode_${string}`>, offset: number, expected: string, found: string): never {
    throw new DecodeError(code, offset - this.base, expected, found);
  }
}

export const UINT64_MAX = 2n ** 64n - 1n;
export const INT64_MIN = -(2n ** 63n);
export const INT64_MAX = 2n ** 63n - 1n;

const unfit = (value: unknown, kind: string): ZeekwayError =>
  new ZeekwayError('encode_invalid', `${typeof value} ${value} is no ${kind} bigint of 64 bits`);

const FIRST_BYTES = 256;
const NOTHING = Buffer.alloc(0);

/** A growing buffer to write big-endian fields into. */
export class ByteWriter {
  private buffer: Buffer = NOTHING;
  private view = new DataView(NOTHING.buffer);
  private length = 0;

  constructor(private readonly firstBytes = FIRST_BYTES) {}

  get size(): number {
    return this.length;
  }

  /** Makes room for `size` bytes and returns where they begin; `buffer` and `view` may be new ones then. */
  private room(size: number): number {
    const at = this.length;
    const needed = at + size;
    if (needed > this.buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2, this.firstBytes));
      this.buffer.copy(grown, 0, 0, at);
      this.buffer = grown;
      this.view = new DataView(grown.buffer, grown.byteOffset, grown.byteLength);
    }
    this.length = needed;
    return at;
  }

  u8(value: number): this {
    const at = this.room(1);
    this.view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.room(2);
    this.view.setUint16(at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.room(4);
    this.view.setUint32(at, value);
    return this;
  }

  i32(value: number): this {
    const at = this.room(4);
    this.view.setInt32(at, value);
    return this;
  }

  /** Throws `encode_invalid` where it is none. */
  u64(value: bigint): this {
    if (typeof value !== 'bigint' || value < 0n || value > UINT64_MAX) throw unfit(value, 'unsigned');
    const at = this.room(8);
    this.view.setBigUint64(at, value);
    return this;
  }

  /** Throws `encode_invalid` where it is none. */
  i64(value: bigint): this {
    if (typeof value !== 'bigint' || value < INT64_MIN || value > INT64_MAX) throw unfit(value, 'signed');
    const at = this.room(8);
    this.view.setBigInt64(at, value);
    return this;
  }

  f64(value: number): this {
    const at = this.room(8);
    this.view.setFloat64(at, value);
    return this;
  }

  bool(value: boolean): this {
    return this.u8(value ? 1 : 0);
  }

  put(bytes: Uint8Array): this {
    const at = this.room(bytes.length);
    this.buffer.set(bytes, at);
    return this;
  }

  /** A well-formed text in UTF-8. @param size its bytes, of `Buffer.byteLength`. */
  utf8(text: string, size: number): this {
    const at = this.room(size);
    this.buffer.write(text, at, size, 'utf8');
    return this;
  }

  varbyte(value: number): this {
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.u8(rest);
  }

  varbyteString(bytes: Uint8Array): this {
    return this.varbyte(bytes.length).put(bytes);
  }

  /** Overwrites an `i32` or `u32` that was written as a placeholder. */
  patchU32(at: number, value: number): this {
    this.view.setUint32(at, value);
    return this;
  }

  patchU16(at: number, value: number): this {
    this.view.setUint16(at, value);
    return this;
  }

  /** What was written so far, without a copy; valid until the writer is used again. */
  written(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  /** Hands the bytes over and starts anew with an empty buffer. */
  finish(): Buffer {
    const result = this.written();
    this.buffer = NOTHING;
    this.view = new DataView(NOTHING.buffer);
    this.length = 0;
    return result;
  }

  /** Forgets what was written and keeps the buffer. */
  clear(): void {
    this.length = 0;
  }
}
