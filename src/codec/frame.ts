import { DEFAULT_CODEC_LIMITS } from '../core/limits.js';
import { DecodeError } from './bytes.js';

/** Bytes of a frame's length prefix. */
export const FRAME_HEADER_BYTES = 4;

/**
 * Cuts a byte stream into frames, `uint32 length` + that many bytes, however it is chunked. A frame that
 * lies within one chunk is handed out as a view of it; only what spans chunks is copied, once.
 */
export class FrameReader {
  private chunk: Uint8Array = new Uint8Array(0);
  private position = 0;
  /** A frame that began in an earlier chunk: its bytes so far. */
  private partial: Buffer | undefined;
  private partialLength = 0;
  private readonly header = new Uint8Array(FRAME_HEADER_BYTES);
  private headerLength = 0;
  /** Where in the whole stream the next unread byte is. */
  private streamOffset = 0;

  /** @param maximumBytes a longer frame is refused before anything is allocated for it. */
  constructor(public maximumBytes: number = DEFAULT_CODEC_LIMITS.frameBytes) {}

  /** Adds a chunk. Call `next` until it gives `undefined` before adding another. */
  push(chunk: Uint8Array): void {
    if (this.position < this.chunk.length) throw new Error('frames of the last chunk were not all read');
    this.chunk = chunk;
    this.position = 0;
  }

  /** Bytes of an incomplete frame that wait for the rest. */
  get pendingBytes(): number {
    return this.headerLength + this.partialLength;
  }

  /** Offset in the stream of the next byte that is not part of a frame handed out. */
  get offset(): number {
    return this.streamOffset - this.pendingBytes;
  }

  /** Takes the bytes of the last chunk that belong to no frame yet, as if they had not been pushed. */
  takeRest(): Uint8Array {
    const rest = this.chunk.subarray(this.position);
    this.position = this.chunk.length;
    return rest;
  }

  /**
   * The content of the next frame, `undefined` when more bytes are needed. A view may be into the chunk: copy
   * it to keep it. Throws `DecodeError` for a length of 0 or above the maximum.
   */
  next(): Uint8Array | undefined {
    const available = this.chunk.length - this.position;
    if (this.partial === undefined) {
      if (this.headerLength === 0 && available >= FRAME_HEADER_BYTES) {
        const length = this.checkedLength(this.chunk, this.position);
        const start = this.position + FRAME_HEADER_BYTES;
        if (this.chunk.length - start >= length) {
          this.advance(FRAME_HEADER_BYTES + length);
          return this.chunk.subarray(start, start + length);
        }
      }
      if (!this.readHeader()) return undefined;
    }
    return this.readContent();
  }

  private readHeader(): boolean {
    const size = Math.min(FRAME_HEADER_BYTES - this.headerLength, this.chunk.length - this.position);
    this.header.set(this.chunk.subarray(this.position, this.position + size), this.headerLength);
    this.headerLength += size;
    this.advance(size);
    if (this.headerLength < FRAME_HEADER_BYTES) return false;
    this.partial = Buffer.allocUnsafeSlow(
      Math.min(this.checkedLength(this.header, 0), INITIAL_PARTIAL_BYTES),
    );
    this.partialLength = 0;
    return true;
  }

  private readContent(): Uint8Array | undefined {
    const length = new DataView(this.header.buffer).getUint32(0);
    const size = Math.min(length - this.partialLength, this.chunk.length - this.position);
    const partial = this.grow(this.partialLength + size, length);
    partial.set(this.chunk.subarray(this.position, this.position + size), this.partialLength);
    this.partialLength += size;
    this.advance(size);
    if (this.partialLength < length) return undefined;
    this.partial = undefined;
    this.partialLength = 0;
    this.headerLength = 0;
    return partial.subarray(0, length);
  }

  /** The buffer grows with what has really come, not with what the peer announced. */
  private grow(needed: number, length: number): Buffer {
    let partial = this.partial as Buffer;
    if (needed > partial.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(length, Math.max(needed, partial.length * 2)));
      partial.copy(grown, 0, 0, this.partialLength);
      partial = grown;
      this.partial = grown;
    }
    return partial;
  }

  private advance(size: number): void {
    this.position += size;
    this.streamOffset += size;
  }

  private checkedLength(bytes: Uint8Array, at: number): number {
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
    const offset = this.streamOffset - this.headerLength;
    if (length === 0) throw new DecodeError('decode_invalid', offset, 'a frame length above 0', '0');
    if (length > this.maximumBytes) {
      throw new DecodeError(
        'decode_limit',
        offset,
        `a frame of at most ${this.maximumBytes} bytes`,
        `${length}`,
      );
    }
    return length;
  }
}

const INITIAL_PARTIAL_BYTES = 64 * 1024;
