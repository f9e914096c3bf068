import type { BufferPool } from '../core/buffer-pool.js';
import type { GroupKey } from './store-worker.js';

interface StoredGroup {
  readonly key: GroupKey;
  /** In memory until it is released; `undefined` where there was no room, until it is read from the disk. */
  content: Uint8Array | undefined;
}

/**
 * The groups that are on the disk and not released, in order, and which of them are in memory, too. One reader takes
 * them from the front; who releases them comes behind.
 */
export class StoredGroups {
  private readonly groups: StoredGroup[] = [];
  /** How many of them, from the front, were taken. */
  private taken = 0;
  private diskBytes = 0;
  private memoryBytes = 0;

  /**
   * @param buffers get the memory of what is not kept, or released.
   * @param memoryLimit what is kept in memory, in bytes.
   */
  constructor(
    private readonly buffers: BufferPool,
    private readonly memoryLimit: number,
  ) {}

  /** What they have on the disk. */
  get bytes(): number {
    return this.diskBytes;
  }

  get oldest(): GroupKey | undefined {
    return this.groups[0]?.key;
  }

  get newest(): GroupKey | undefined {
    return this.groups.at(-1)?.key;
  }

  /** The group whose turn it is to be taken. */
  get next(): Readonly<StoredGroup> | undefined {
    return this.groups[this.taken];
  }

  add(key: GroupKey, content: Uint8Array | undefined): void {
    // Where all others are taken the reader waits for this one; behind one that is on the disk only its turn is far.
    const isNext = this.next === undefined;
    const isBehind = !isNext && this.groups.at(-1)?.content === undefined;
    const hasRoom = content && this.memoryBytes + content.length <= this.memoryLimit;
    const isKept = isNext || (hasRoom && !isBehind);
    this.groups.push({ key, content: isKept ? content : undefined });
    this.diskBytes += key.bytes;
    if (content && isKept) this.memoryBytes += content.length;
    else if (content) this.buffers.give(content);
  }

  /** Takes the next one. @param content of one that was not in memory. */
  take(content: Uint8Array): void {
    const group = this.groups[this.taken];
    if (group === undefined) throw new RangeError('there is no group to be taken');
    if (group.content === undefined) this.memoryBytes += content.length;
    group.content = content;
    this.taken += 1;
  }

  /** Gives up those that end at an entry or before it. */
  release(entry: number): GroupKey[] {
    const stays = this.groups.findIndex(({ key }) => key.end > entry);
    const released = this.groups.splice(0, stays < 0 ? this.groups.length : stays);
    for (const { key, content } of released) {
      this.diskBytes -= key.bytes;
      if (content === undefined) continue;
      this.memoryBytes -= content.length;
      this.buffers.give(content);
    }
    this.taken -= released.length;
    return released.map(({ key }) => key);
  }
}
