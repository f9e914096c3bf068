import type { Clock, RandomBytes } from '../core/clock.js';
import type { ZeekwayError } from '../core/errors.js';
import type { CodecLimits } from '../core/limits.js';
import type { EndpointId } from '../protocol/broker/endpoint-id.js';
import type { Envelope } from '../protocol/broker/envelope.js';
import type { Filter } from '../protocol/broker/filter.js';
import type { Connection, Listener } from '../transport/contract.js';
import { type EndpointAddress, hostOf } from '../transport/endpoint-url.js';
import { listen } from '../transport/tcp.js';
import { ConnectionTable } from './connection-table.js';
import { Dialler, type LinkEnd } from './dialler.js';
import { FailureLog } from './failure-log.js';
import { Link } from './link.js';
import type { PeerEvent, PeerStatus } from './status.js';

export interface PeerManagerOptions {
  readonly id: EndpointId;
  readonly limits: CodecLimits;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** A data envelope came. */
  readonly onMessage: (link: Link, envelope: Envelope) => void;
  readonly onPeerEvent: (event: PeerEvent, link?: Link) => void;
}

/** Many peers: listens, dials, resolves double connections, and tells each change of a peering once. */
export class PeerManager {
  private readonly links = new Map<Link, ((end: LinkEnd) => void) | undefined>();
  private readonly table = new ConnectionTable();
  private readonly diallers = new Map<string, Dialler>();
  private readonly listeners = new Set<Listener>();
  private readonly failures = new FailureLog();
  private filter: Filter = [];
  private reading = true;
  private allEnded: (() => void) | undefined;

  constructor(private readonly options: PeerManagerOptions) {}

  async listen(address: EndpointAddress): Promise<Listener> {
    const listener = await listen(address, {
      connection: (connection) => this.startLink(connection, 'in', undefined),
      failed: (remote, error) => this.reportInbound(hostOf(remote), remote, error),
    });
    this.listeners.add(listener);
    return {
      ...listener,
      close: async () => {
        this.listeners.delete(listener);
        await listener.close();
      },
    };
  }

  /** Keeps that address peered until `unpeer`. The same URL twice is one peer. */
  dial(address: EndpointAddress): void {
    if (this.diallers.has(address.url)) return;
    const host = {
      clock: this.options.clock,
      random: this.options.random,
      runLink: (connection: Connection) =>
        new Promise<LinkEnd>((resolve) => this.startLink(connection, 'out', address.url, resolve)),
      whenGone: (peer: EndpointId) => this.table.whenGone(peer),
      unavailable: (dialler: Dialler, error: ZeekwayError, peer?: EndpointId) =>
        this.reportUnavailable(dialler.address, error, peer),
    };
    this.diallers.set(address.url, new Dialler(address, host));
  }

  /**
   * Ends the peering with an endpoint ID or a dialled URL in order (BYE) and stops dialling it.
   * @returns whether there was one.
   */
  async unpeer(peerOrUrl: string): Promise<boolean> {
    const links = [...this.links.keys()].filter((link) => link.peer === peerOrUrl || link.url === peerOrUrl);
    const urls = new Set([peerOrUrl, ...links.flatMap((link) => link.url ?? [])]);
    const diallers = [...urls].flatMap((url) => this.diallers.get(url) ?? []);
    for (const url of urls) this.diallers.delete(url);
    const stopped = diallers.map((dialler) => dialler.stop());
    for (const link of links) link.unpeer();
    await Promise.all(stopped);
    return links.length > 0 || diallers.length > 0;
  }

  setFilter(filter: Filter): void {
    this.filter = filter;
    for (const link of this.links.keys()) link.setFilter(filter);
  }

  /** @returns to how many peers it went. */
  publish(topic: string, payload: Uint8Array, receiver?: EndpointId): number {
    let sent = 0;
    for (const link of this.links.keys()) {
      if (receiver !== undefined && link.peer !== receiver) continue;
      if (link.publish(topic, payload, receiver)) sent += 1;
    }
    return sent;
  }

  /** Stops or restarts reading from all peers: back-pressure. */
  setReading(reading: boolean): void {
    if (this.reading === reading) return;
    this.reading = reading;
    for (const link of this.links.keys()) {
      if (reading) link.resume();
      else link.pause();
    }
  }

  status(): PeerStatus[] {
    const dialling = [...this.diallers.values()].flatMap((dialler) => dialler.status() ?? []);
    return [...[...this.links.keys()].map((link) => link.status()), ...dialling];
  }

  /** Stops listening and dialling and unpeers in order; resolves when every connection has ended. */
  async close(): Promise<void> {
    const listeners = [...this.listeners].map((listener) => listener.close());
    const diallers = [...this.diallers.values()].map((dialler) => dialler.stop());
    // Bytes must be read to see the answers to our BYE.
    this.setReading(true);
    for (const link of this.links.keys()) link.unpeer();
    if (this.links.size > 0) {
      await new Promise<void>((resolve) => {
        this.allEnded = resolve;
      });
    }
    await Promise.all([...listeners, ...diallers]);
  }

  private startLink(
    connection: Connection,
    direction: 'in' | 'out',
    url: string | undefined,
    onEnd?: (end: LinkEnd) => void,
  ): void {
    const { id, random, limits, clock } = this.options;
    const claim = (link: Link, peer: EndpointId): boolean => this.table.claim(link, peer);
    const link = new Link(
      connection,
      direction,
      url,
      { id, filter: this.filter, random, limits, claim },
      clock,
      {
        conflict: (other, peer) => this.table.wait(other, peer),
        peered: (peered) => this.handlePeered(peered),
        alive: ({ peer }) => peer !== undefined && this.table.confirm(peer),
        message: (from, envelope) => {
          if (envelope.type === 'data') this.options.onMessage(from, envelope);
        },
        ended: (ended, end) => this.handleEnded(ended, end),
      },
    );
    this.links.set(link, onEnd);
    link.start();
    if (!this.reading) link.pause();
  }

  private handlePeered(link: Link): void {
    if (link.peer === undefined) return;
    this.failures.succeeded(link.name);
    this.tell(
      { type: 'peer_added', peer: link.peer, address: link.address, message: 'handshake successful' },
      link,
    );
    this.table.confirm(link.peer);
  }

  private handleEnded(link: Link, end: Omit<LinkEnd, 'peer'>): void {
    const { peer, address } = link;
    const onEnd = this.links.get(link);
    this.links.delete(link);
    const error = end.error === undefined ? {} : { error: end.error };
    if (end.wasPeered && peer !== undefined) {
      const removed = end.reason === 'removed';
      const message = removed ? 'removed connection to remote peer' : 'lost connection to remote peer';
      this.tell({ type: removed ? 'peer_removed' : 'peer_lost', peer, address, message, ...error }, link);
    } else if (end.error !== undefined && link.direction === 'in') {
      this.reportInbound(link.name, address, end.error, peer);
    }
    if (peer !== undefined) this.table.release(link, peer);
    onEnd?.(peer === undefined ? end : { ...end, peer });
    if (this.links.size === 0) this.allEnded?.();
  }

  private reportUnavailable(address: EndpointAddress, error: ZeekwayError, peer?: EndpointId): void {
    if (!this.failures.isNew(address.url, error)) return;
    this.tell({
      type: 'peer_unavailable',
      address: address.url,
      message: error.message,
      error,
      ...(peer === undefined ? {} : { peer }),
    });
  }

  private reportInbound(host: string, address: string, error: ZeekwayError, peer?: EndpointId): void {
    if (!this.failures.isNew(host, error)) return;
    const base = { type: 'peer_unavailable', address, message: error.message, error } as const;
    this.tell(peer === undefined ? base : { ...base, peer });
  }

  private tell(event: PeerEvent, link?: Link): void {
    this.options.onPeerEvent(event, link);
  }
}
