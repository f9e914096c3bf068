/** Buffers of one size that are used again: garbage of some MiB many times a second would be collected too late. */
export class BufferPool {
  private readonly free: Buffer[] = [];

  /**
   * @param kept how many buffers wait to be used again, at most.
   * @param make makes one: `Buffer.allocUnsafeSlow`, or `sharedBuffer` for what another thread reads in place.
   */
  constructor(
    readonly bytes: number,
    private readonly kept: number,
    private readonly make: (bytes: number) => Buffer,
  ) {}

  take(): Buffer {
    return this.free.pop() ?? this.make(this.bytes);
  }

  /** Takes a buffer back that nobody reads any more; one of another size is left to the garbage collector. */
  give(buffer: Uint8Array): void {
    const { buffer: memory } = buffer;
    if (memory.byteLength === this.bytes && this.free.length < this.kept) this.free.push(Buffer.from(memory));
  }
}

/** Memory that is not touched takes up no room, so a large buffer costs no more than what is written into it. */
export const sharedBuffer = (bytes: number): Buffer => Buffer.from(new SharedArrayBuffer(bytes));
