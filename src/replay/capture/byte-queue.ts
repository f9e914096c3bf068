/**
 * Bytes that came and were not used yet. Hands out contiguous views of them and knows where in the file they
 * are. A view stays valid: the buffer below it is never written to again.
 */
export class ByteQueue {
  private buffer: Buffer = Buffer.alloc(0);
  private start = 0;
  private toSkip = 0;
  private fileOffset = 0;

  push(chunk: Uint8Array): void {
    const skipped = Math.min(this.toSkip, chunk.length);
    this.toSkip -= skipped;
    this.fileOffset += skipped;
    const fresh = Buffer.from(chunk.buffer, chunk.byteOffset + skipped, chunk.length - skipped);
    const rest = this.buffer.subarray(this.start);
    this.buffer = rest.length === 0 ? fresh : Buffer.concat([rest, fresh]);
    this.start = 0;
  }

  /** Offset in the file of the next byte. */
  get offset(): number {
    return this.fileOffset;
  }

  get available(): number {
    return this.buffer.length - this.start;
  }

  /** Whether the file ended here, were it to end: nothing is left over, and nothing is still to be skipped. */
  get isAtBoundary(): boolean {
    return this.available === 0 && this.toSkip === 0;
  }

  /** A view of the next `size` bytes, which stay; `undefined` when they are not all here. */
  peek(size: number): Buffer | undefined {
    return this.available < size ? undefined : this.buffer.subarray(this.start, this.start + size);
  }

  /** Goes over `size` bytes, also over those that are still to come. */
  skip(size: number): void {
    const here = Math.min(size, this.available);
    this.start += here;
    this.fileOffset += here;
    this.toSkip += size - here;
  }
}
