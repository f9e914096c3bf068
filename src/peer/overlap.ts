import { createHash } from 'node:crypto';

/**
 * Two connections that get the same messages for a moment: the old one, which is being closed, and the one that took
 * over. What both bring in that time is the same message. It lasts no longer than that: events that repeat themselves
 * have the same bytes, too.
 */
export class Overlap {
  /** How many more of a message the old connection has brought than the new one. */
  private readonly surplus = new Map<string, number>();

  /** Whether the other connection has brought the message already. */
  isCopy(side: 'old' | 'new', frame: Uint8Array): boolean {
    const key = createHash('sha1').update(frame).digest('base64');
    const surplus = this.surplus.get(key) ?? 0;
    const more = side === 'old' ? 1 : -1;
    this.surplus.set(key, surplus + more);
    return surplus * more < 0;
  }
}
