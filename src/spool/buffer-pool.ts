/**
 * Buffers of one size that are used again: garbage of some MiB many times a second would be collected too late. They
 * are of shared memory, so that the thread of the spool's file reads them in place.
 */
export class BufferPool {
  private readonly free: Buffer[] = [];

  /** @param kept how many buffers wait to be used again, at most. */
  constructor(
    readonly bytes: number,
    private readonly kept: number,
  ) {}

  take(): Buffer {
    return this.free.pop() ?? sharedBuffer(this.bytes);
  }

  /** Takes a buffer back that nobody reads any more; one of another size is left to the garbage collector. */
  give(buffer: Uint8Array): void {
    const { buffer: memory } = buffer;
    if (memory.byteLength === this.bytes && this.free.length < this.kept) this.free.push(Buffer.from(memory));
  }
}

/** Memory that is not touched takes up no room, so a large buffer costs no more than what is written into it. */
export const sharedBuffer = (bytes: number): Buffer => Buffer.from(new SharedArrayBuffer(bytes));
