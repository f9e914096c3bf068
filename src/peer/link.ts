import type { Clock } from '../core/clock.js';
import { errorLine, ZeekwayError } from '../core/errors.js';
import { PEER_SEND_QUEUE_BYTES, PEER_STALLED_BYTES } from '../core/limits.js';
import type { EndpointId } from '../protocol/broker/endpoint-id.js';
import type { Envelope } from '../protocol/broker/envelope.js';
import type { Filter } from '../protocol/broker/filter.js';
import { BrokerSession } from '../protocol/broker/session.js';
import type { EndReason, SessionOptions, SessionOutput } from '../protocol/broker/session-contract.js';
import type { Connection } from '../transport/contract.js';
import { hostOf } from '../transport/endpoint-url.js';
import type { PeerStatus } from './status.js';

/** What the endpoint is told about a link. */
export interface LinkOwner {
  conflict(link: Link, peer: EndpointId): void;
  peered(link: Link): void;
  alive(link: Link): void;
  message(link: Link, envelope: Envelope): void;
  ended(link: Link, end: { reason: EndReason; error?: ZeekwayError; wasPeered: boolean }): void;
}

/** The pump between one connection and its session: bytes, deadlines, and counting. */
export class Link {
  readonly session: BrokerSession;
  /** Resolves when the connection has ended. */
  readonly ended: Promise<void>;
  private markEnded!: () => void;
  private hasEnded = false;
  private timer: NodeJS.Timeout | undefined;
  /** Whether the owner wants bytes, and whether the connection is paused because it does not. */
  private wantsBytes = true;
  private isPaused = false;
  private since: bigint;
  private peeredOnce = false;
  private bytesIn = 0;
  private bytesOut = 0;
  private messagesIn = 0;
  private messagesOut = 0;
  private dropped = 0;
  private ignoredFrames = 0;
  private commands = 0;
  private lastError: string | undefined;
  /** Bytes of the largest message that was sent: the snapshot of a store can be larger than any other. */
  private largest = 0;

  constructor(
    private readonly connection: Connection,
    readonly direction: 'in' | 'out',
    /** The URL that was dialled. */
    readonly url: string | undefined,
    options: Omit<SessionOptions, 'side' | 'claim'> & {
      readonly claim: (link: Link, peer: EndpointId) => boolean;
    },
    private readonly clock: Clock,
    private readonly owner: LinkOwner,
  ) {
    const side = direction === 'out' ? 'dialled' : 'accepted';
    this.session = new BrokerSession({ ...options, side, claim: (peer) => options.claim(this, peer) });
    this.since = clock.wallNanos();
    this.ended = new Promise((resolve) => {
      this.markEnded = resolve;
    });
  }

  get address(): string {
    return this.connection.remote;
  }

  /** The URL that was dialled, or the host that dialled us. */
  get name(): string {
    return this.url ?? hostOf(this.address);
  }

  get peer(): EndpointId | undefined {
    return this.session.peer;
  }

  get isPeered(): boolean {
    return this.session.state === 'peered' || this.session.state === 'await_bye';
  }

  start(): void {
    this.perform(this.session.start(this.clock.now()));
    this.connection.attach({
      data: (chunk) => {
        this.bytesIn += chunk.length;
        this.perform(this.session.receive(chunk));
      },
      close: (error) => this.perform(this.session.closed(error)),
    });
  }

  /** Back-pressure: whether to read what the peer sends. A handshake is read in any case. */
  setReading(wantsBytes: boolean): void {
    this.wantsBytes = wantsBytes;
    this.applyReading();
  }

  /**
   * @returns whether the message was sent: the peer wants it and its queue has room. A queue that is empty has
   * room for any message.
   */
  publish(
    topic: string,
    payload: Uint8Array,
    receiver?: EndpointId,
    type: 'data' | 'command' = 'data',
  ): boolean {
    if (this.session.state !== 'peered') return false;
    if (receiver === undefined && !this.session.wants(topic)) return false;
    const queued = this.connection.queuedBytes;
    if (queued > 0 && queued + payload.length > PEER_SEND_QUEUE_BYTES) {
      this.dropped += 1;
      return false;
    }
    this.messagesOut += 1;
    this.largest = Math.max(this.largest, payload.length);
    this.perform(this.session.publish(topic, payload, receiver, type));
    return true;
  }

  /** The owner could not use a message. */
  reject(error: ZeekwayError): void {
    this.ignoredFrames += 1;
    this.lastError = errorLine(error);
  }

  /** Whether the peer wants messages on that topic. */
  wants(topic: string): boolean {
    return this.isPeered && this.session.wants(topic);
  }

  setFilter(filter: Filter): void {
    this.perform(this.session.setFilter(filter));
  }

  probeAlive(): void {
    this.perform(this.session.probeAlive(this.clock.now()));
  }

  resolve(outcome: 'proceed' | 'redundant'): void {
    this.perform(this.session.resolve(outcome));
  }

  unpeer(): void {
    this.perform(this.session.unpeer(this.clock.now()));
  }

  status(): PeerStatus {
    const { peer } = this;
    return {
      transport: 'broker',
      ...(peer === undefined ? {} : { id: peer }),
      address: this.address,
      ...(this.url === undefined ? {} : { url: this.url }),
      direction: this.direction,
      state: this.isPeered ? 'peered' : 'connecting',
      since: this.since,
      filter: this.session.peerFilter,
      bytesIn: this.bytesIn,
      bytesOut: this.bytesOut,
      messagesIn: this.messagesIn,
      messagesOut: this.messagesOut,
      dropped: this.dropped,
      ignoredFrames: this.ignoredFrames,
      commands: this.commands,
      queueBytes: this.connection.queuedBytes,
      ...(this.lastError === undefined ? {} : { lastError: this.lastError }),
    };
  }

  private perform(outputs: readonly SessionOutput[]): void {
    for (const output of outputs) {
      this.performOne(output);
      // Its own end may come out of sending; nothing may come behind it.
      if (this.hasEnded) break;
    }
    this.applyReading();
  }

  private applyReading(): void {
    const pause = !this.wantsBytes && this.isPeered;
    if (pause !== this.isPaused) {
      this.isPaused = pause;
      if (pause) this.connection.pause();
      else {
        this.session.resumed(this.clock.now());
        this.connection.resume();
      }
    }
    this.setTimer();
  }

  private performOne(output: SessionOutput): void {
    switch (output.type) {
      case 'send':
        this.send(output.bytes);
        break;
      case 'conflict':
        this.owner.conflict(this, output.peer);
        break;
      case 'peered':
        this.since = this.clock.wallNanos();
        this.peeredOnce = true;
        this.owner.peered(this);
        break;
      case 'alive':
        this.owner.alive(this);
        break;
      case 'message':
        if (output.envelope.type === 'command') this.commands += 1;
        else this.messagesIn += 1;
        this.owner.message(this, output.envelope);
        break;
      case 'ignored':
        this.reject(output.error);
        break;
      case 'end':
        this.connection.end();
        this.hasEnded = true;
        this.markEnded();
        this.owner.ended(this, { ...output, wasPeered: this.peeredOnce });
        break;
      case 'filter':
        // `status` reads it from the session.
        break;
    }
  }

  /** Data has its limit in `publish`; this is about answers to a peer that asks and does not read. */
  private send(bytes: Buffer): void {
    const queued = this.connection.queuedBytes;
    if (queued > Math.max(PEER_STALLED_BYTES, this.largest + PEER_SEND_QUEUE_BYTES)) {
      const what = `the peer does not read: ${queued} bytes wait for it`;
      this.connection.destroy();
      this.perform(this.session.closed(new ZeekwayError('peer_overflow', what)));
      return;
    }
    this.bytesOut += bytes.length;
    this.connection.write(bytes);
  }

  private setTimer(): void {
    clearTimeout(this.timer);
    const { deadline, state } = this.session;
    // An answer that we do not read cannot come too late.
    if (deadline === undefined || (this.isPaused && state === 'peered')) return;
    const wait = Math.max(0, deadline - this.clock.now());
    this.timer = setTimeout(() => this.perform(this.session.tick(this.clock.now())), wait);
  }
}
