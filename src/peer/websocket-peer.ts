import { errorLine, ZeekwayError } from '../core/errors.js';
import { REDIAL_LONGEST_MS, WEBSOCKET_DIAL_INTERVAL_MS } from '../core/limits.js';
import { type Filter, FilterMatcher } from '../protocol/broker/filter.js';
import type { WebsocketEnd } from '../protocol/websocket/session.js';
import { hostPort } from '../transport/endpoint-url.js';
import type { WebsocketAddress } from '../transport/websocket-url.js';
import { redialDelay } from './backoff.js';
import { FailureLog } from './failure-log.js';
import type { MessageSource } from './message.js';
import { Overlap } from './overlap.js';
import type { Outgoing, Peer, PeerHost } from './peer.js';
import type { PeerEvent, PeerStatus } from './status.js';
import { WebsocketLink, type WebsocketLinkOwner } from './websocket-link.js';

/**
 * A client of one Zeek's WebSocket API, with one connection: each costs Zeek a backend.
 *
 * - `next` is a connection that is being made: the first one, one after a loss (with growing waits), or one with other
 *   topics, since a connection cannot change its own. It becomes `current` with its ack.
 * - `current` is peered. When `next` takes over, it becomes `old` and is closed; what is on its way is still taken, but
 *   for what the new one brings as well (`Overlap`). A message that the old one brought just before may come twice.
 *
 * No two connections are begun within a second, whatever the reason.
 */
export class WebsocketPeer implements Peer {
  readonly transport = 'websocket';
  readonly url: string;
  private filter: Filter = [];
  private next: WebsocketLink | undefined;
  private current: WebsocketLink | undefined;
  private old: WebsocketLink | undefined;
  private overlap = new Overlap();
  private readonly failures = new FailureLog();
  private readonly links = new Set<WebsocketLink>();
  private timer: NodeJS.Timeout | undefined;
  private attempt = 0;
  private dialled = -Infinity;
  private acknowledged = 0;
  private reading = true;
  private isClosed = false;
  private since: bigint;
  private readonly bytes = { in: 0, out: 0 };
  private messagesIn = 0;
  private messagesOut = 0;
  private dropped = 0;
  private ignoredFrames = 0;
  private lastError: string | undefined;

  constructor(
    private readonly address: WebsocketAddress,
    private readonly host: PeerHost,
  ) {
    this.url = address.url;
    this.since = host.clock.wallNanos();
    // Who peers and then subscribes at once needs no second connection.
    this.dialIn(0);
  }

  setFilter(filter: Filter): void {
    this.filter = filter;
    this.dialForTopics();
  }

  setReading(reading: boolean): void {
    this.reading = reading;
    for (const link of [this.current, this.next]) link?.setReading(reading);
  }

  publish({ topic, value }: Outgoing): boolean {
    const link = this.current;
    if (!link) return false;
    try {
      if (link.publish(topic, value)) {
        this.messagesOut += 1;
        return true;
      }
    } catch (error) {
      if (!(error instanceof ZeekwayError)) throw error;
      this.warn(error);
    }
    this.dropped += 1;
    return false;
  }

  status(): PeerStatus[] {
    const id = this.current?.source?.peer;
    return [
      {
        transport: this.transport,
        ...(id === undefined ? {} : { id }),
        address: hostPort(this.address.host, this.address.port),
        url: this.url,
        direction: 'out',
        state: this.current ? 'peered' : this.next || this.dialled < 0 ? 'connecting' : 'retrying',
        since: this.since,
        filter: [],
        bytesIn: this.bytes.in,
        bytesOut: this.bytes.out,
        messagesIn: this.messagesIn,
        messagesOut: this.messagesOut,
        dropped: this.dropped,
        ignoredFrames: this.ignoredFrames,
        commands: 0,
        queueBytes: this.current?.queuedBytes ?? 0,
        ...(this.lastError === undefined ? {} : { lastError: this.lastError }),
      },
    ];
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    const links = [...this.links];
    for (const link of links) link.close();
    await Promise.all(links.map(({ ended }) => ended));
  }

  /** Begins a connection after a while, unless one is begun or about to be. */
  private dialIn(ms: number): void {
    if (this.isClosed || this.next || this.timer) return;
    const earliest = this.dialled + WEBSOCKET_DIAL_INTERVAL_MS - this.host.clock.now();
    this.timer = setTimeout(() => this.dial(), Math.max(ms, earliest));
  }

  /** Begins a connection where the present one does not bring all the topics. */
  private dialForTopics(): void {
    if (this.current && !this.old && !this.covers(this.current)) this.dialIn(0);
  }

  private covers({ filter }: WebsocketLink): boolean {
    return new FilterMatcher(filter).matchesAll(this.filter);
  }

  private dial(): void {
    this.timer = undefined;
    // The topics may have been cancelled meanwhile.
    if (this.current && this.covers(this.current)) return;
    this.dialled = this.host.clock.now();
    if (!this.current) this.since = this.host.clock.wallNanos();
    const owner: WebsocketLinkOwner = {
      acknowledged: (link) => this.takeOver(link),
      message: (link, source, topic, frame) => this.arrived(link, source, topic, frame),
      counted: (direction, size) => {
        this.bytes[direction] += size;
      },
      refused: (error) => this.warn(error),
      ignored: (error) => {
        this.ignoredFrames += 1;
        this.lastError = errorLine(error);
      },
      ended: (link, reason, error) => this.ended(link, reason, error),
    };
    const link = new WebsocketLink(this.filter, this.address, this.host, owner);
    link.setReading(this.reading);
    this.next = link;
    this.links.add(link);
    void link.ended.then(() => this.gone(link));
  }

  private takeOver(link: WebsocketLink): void {
    this.next = undefined;
    const old = this.current;
    this.current = link;
    this.acknowledged = this.host.clock.now();
    this.since = this.host.clock.wallNanos();
    for (const type of ['peer_warning', 'peer_unavailable']) this.failures.succeeded(`${type} ${this.url}`);
    this.lastError = undefined;
    this.tell('peer_added', link, old ? 'connected again, for other topics' : 'connected');
    if (old) {
      this.old = old;
      this.overlap = new Overlap();
      old.close();
    }
    this.dialForTopics();
  }

  private arrived(link: WebsocketLink, source: MessageSource, topic: string, frame: Uint8Array): void {
    if (this.old && this.overlap.isCopy(link === this.old ? 'old' : 'new', frame)) return;
    this.messagesIn += 1;
    this.host.message({ source, topic, payload: frame, format: 'broker-json-v1' });
  }

  private ended(link: WebsocketLink, reason: WebsocketEnd, error?: ZeekwayError): void {
    if (reason === 'removed') {
      if (link.source) this.tell('peer_removed', link, 'disconnected');
      return;
    }
    if (error) this.lastError = errorLine(error);
    if (link === this.current) {
      this.current = undefined;
      this.since = this.host.clock.wallNanos();
      if (this.host.clock.now() - this.acknowledged > REDIAL_LONGEST_MS) this.attempt = 0;
      this.tell('peer_lost', link, error?.message ?? 'lost the connection', error);
    } else {
      this.next = undefined;
      if (error) this.report(this.current ? 'peer_warning' : 'peer_unavailable', error);
    }
    if (this.next) return;
    this.dialIn(redialDelay(this.attempt, this.host.random));
    this.attempt += 1;
  }

  private gone(link: WebsocketLink): void {
    this.links.delete(link);
    if (link !== this.old) return;
    this.old = undefined;
    this.dialForTopics();
  }

  private warn(error: ZeekwayError): void {
    this.lastError = errorLine(error);
    this.report('peer_warning', error);
  }

  /** Once for each kind of failure, until the next connection. */
  private report(type: 'peer_warning' | 'peer_unavailable', error: ZeekwayError): void {
    if (this.isClosed || !this.failures.isNew(`${type} ${this.url}`, error)) return;
    const { url: address } = this;
    this.host.event({ type, transport: this.transport, address, message: error.message, error });
  }

  private tell(type: PeerEvent['type'], link: WebsocketLink, message: string, error?: ZeekwayError): void {
    const { url: address } = this;
    const peer = link.source?.peer;
    this.host.event({
      type,
      transport: this.transport,
      ...(peer === undefined ? {} : { peer }),
      address,
      message,
      ...(error === undefined ? {} : { error }),
    });
  }
}
