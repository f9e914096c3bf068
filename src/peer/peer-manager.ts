import type { Clock, RandomBytes } from '../core/clock.js';
import { ZeekwayError } from '../core/errors.js';
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
  /** A command envelope came: what data stores say. */
  readonly onCommand: (link: Link, envelope: Envelope) => void;
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
  private closing: Promise<void> | undefined;

  constructor(private readonly options: PeerManagerOptions) {}

  get isClosed(): boolean {
    return this.closing !== undefined;
  }

  async listen(address: EndpointAddress): Promise<Listener> {
    this.expectOpen();
    const listener = await listen(address, {
      connection: (connection) => this.startLink(connection, 'in', undefined),
      failed: (remote, error) => this.reportInbound(hostOf(remote), remote, error),
    });
    if (this.isClosed) {
      await listener.close();
      this.expectOpen();
    }
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
    this.expectOpen();
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
   * Ends the peering with an endpoint in order (BYE) and stops dialling it; resolves when it has ended.
   * @returns whether there was one.
   */
  async unpeer(id: EndpointId): Promise<boolean> {
    const links = [...this.links.keys()].filter(({ peer }) => peer === id);
    const urls = new Set(links.map(({ url }) => url));
    return this.end(
      links,
      [...this.diallers.values()].filter(({ address, peer }) => peer === id || urls.has(address.url)),
    );
  }

  /**
   * Stops dialling an address and ends the peering with what was found there, also where that had connected to us.
   * The same endpoint at another address that is dialled stays. @returns whether it was dialled.
   */
  async unpeerUrl(url: string): Promise<boolean> {
    const dialler = this.diallers.get(url);
    if (dialler === undefined) return false;
    const { peer } = dialler;
    const links = [...this.links.keys()].filter(
      (link) => link.url === url || (peer !== undefined && link.direction === 'in' && link.peer === peer),
    );
    return this.end(links, [dialler]);
  }

  setFilter(filter: Filter): void {
    this.filter = filter;
    for (const link of this.links.keys()) link.setFilter(filter);
  }

  /** @returns to how many peers it went. */
  publish(
    topic: string,
    payload: Uint8Array,
    receiver?: EndpointId,
    type: 'data' | 'command' = 'data',
  ): number {
    let sent = 0;
    for (const link of this.links.keys()) {
      if (receiver !== undefined && link.peer !== receiver) continue;
      if (link.publish(topic, payload, receiver, type)) sent += 1;
    }
    return sent;
  }

  /** Whether a peer wants messages on that topic. */
  isWanted(topic: string): boolean {
    return [...this.links.keys()].some((link) => link.wants(topic));
  }

  /** Stops or restarts reading from all peers: back-pressure. */
  setReading(reading: boolean): void {
    if (this.reading === reading) return;
    this.reading = reading;
    for (const link of this.links.keys()) link.setReading(reading);
  }

  status(): PeerStatus[] {
    const dialling = [...this.diallers.values()].flatMap((dialler) => dialler.status() ?? []);
    return [...[...this.links.keys()].map((link) => link.status()), ...dialling];
  }

  /** Stops listening and dialling and unpeers in order; resolves when every connection has ended. */
  close(): Promise<void> {
    this.closing ??= this.closeAll();
    return this.closing;
  }

  private async end(links: readonly Link[], diallers: readonly Dialler[]): Promise<boolean> {
    for (const { address } of diallers) this.diallers.delete(address.url);
    const stopped = diallers.map((dialler) => dialler.stop());
    for (const link of links) link.unpeer();
    await Promise.all([...stopped, ...links.map(({ ended }) => ended)]);
    return links.length > 0 || diallers.length > 0;
  }

  private expectOpen(): void {
    if (this.isClosed) throw new ZeekwayError('endpoint_closed', 'the endpoint was closed');
  }

  private async closeAll(): Promise<void> {
    const listeners = [...this.listeners].map((listener) => listener.close());
    // Bytes must be read to see the answers to our BYE.
    this.setReading(true);
    await this.end([...this.links.keys()], [...this.diallers.values()]);
    await Promise.all(listeners);
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
          else this.options.onCommand(from, envelope);
        },
        ended: (ended, end) => this.handleEnded(ended, end),
      },
    );
    this.links.set(link, onEnd);
    link.setReading(this.reading);
    link.start();
    // It was connected while we closed.
    if (this.isClosed) link.unpeer();
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

  private tell(event: Omit<PeerEvent, 'transport'>, link?: Link): void {
    this.options.onPeerEvent({ ...event, transport: 'broker' }, link);
  }
}
