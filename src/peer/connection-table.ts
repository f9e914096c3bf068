import type { EndpointId } from '../protocol/broker/endpoint-id.js';
import type { Link } from './link.js';

/**
 * Which link is the one connection with each peer, and which wait for its fate: two endpoints that dial each
 * other end up with one. The first that learns the peer's ID holds the claim; a later one waits
 * until the first is peered and alive (then it is redundant) or has ended (then it takes over).
 */
export class ConnectionTable {
  private readonly holders = new Map<EndpointId, Link>();
  private readonly waiting = new Map<EndpointId, Link[]>();
  private readonly goneWatchers = new Map<EndpointId, (() => void)[]>();

  /** Takes the claim for a link; false when another one has it. */
  claim(link: Link, peer: EndpointId): boolean {
    if (this.holders.has(peer)) return false;
    this.holders.set(peer, link);
    return true;
  }

  /** The link that is, or is about to be, the connection with that peer. */
  holder(peer: EndpointId): Link | undefined {
    return this.holders.get(peer);
  }

  /** A link whose claim was refused waits for the holder's fate. */
  wait(link: Link, peer: EndpointId): void {
    this.waiting.set(peer, [...(this.waiting.get(peer) ?? []), link]);
    const holder = this.holders.get(peer);
    // A connection that stands may be dead without our knowing: the peer would not dial for nothing.
    if (holder?.isPeered) holder.probeAlive();
  }

  /** The holder works: those that wait are redundant. */
  confirm(peer: EndpointId): void {
    const redundant = this.waiting.get(peer) ?? [];
    this.waiting.delete(peer);
    for (const link of redundant) link.resolve('redundant');
  }

  /** A link has ended: the first that waits takes over, else the peer is gone. */
  release(link: Link, peer: EndpointId): void {
    const others = (this.waiting.get(peer) ?? []).filter((other) => other !== link);
    this.waiting.set(peer, others);
    if (this.holders.get(peer) === link) {
      this.holders.delete(peer);
      const next = others.shift();
      if (next) {
        this.holders.set(peer, next);
        next.resolve('proceed');
      } else {
        for (const tell of this.goneWatchers.get(peer) ?? []) tell();
        this.goneWatchers.delete(peer);
      }
    }
    if (others.length === 0) this.waiting.delete(peer);
  }

  whenGone(peer: EndpointId): Promise<void> | undefined {
    if (!this.holders.has(peer)) return undefined;
    return new Promise((resolve) => {
      this.goneWatchers.set(peer, [...(this.goneWatchers.get(peer) ?? []), resolve]);
    });
  }
}
