import TinyQueue from 'tinyqueue';
import type { StoreContent, StoreEntry } from './content.js';

interface Expiring extends StoreEntry {
  readonly expires: bigint;
}

const isExpiring = (entry: StoreEntry): entry is Expiring => entry.expires !== undefined;
const earlier = (a: Expiring, b: Expiring): number =>
  a.expires < b.expires ? -1 : a.expires > b.expires ? 1 : 0;

/** When the entries of a store expire. What was overwritten or erased meanwhile is left in the queue until its time. */
export class Expiries {
  private queue: TinyQueue<Expiring>;

  constructor(private readonly content: StoreContent) {
    this.queue = this.fresh();
  }

  add(entry: StoreEntry): void {
    if (!isExpiring(entry)) return;
    this.queue.push(entry);
    // One key that is written over and over must not fill the memory.
    if (this.queue.length > 2 * this.content.size + 1000) this.queue = this.fresh();
  }

  /** The entries whose time is over. */
  due(now: bigint): StoreEntry[] {
    const due: StoreEntry[] = [];
    for (let next = this.queue.peek(); next && next.expires <= now; next = this.queue.peek()) {
      this.queue.pop();
      // What was written since has another time, or none.
      if (this.content.get(next.key)?.expires === next.expires) due.push(next);
    }
    return due;
  }

  private fresh(): TinyQueue<Expiring> {
    return new TinyQueue(this.content.all().filter(isExpiring), earlier);
  }
}
