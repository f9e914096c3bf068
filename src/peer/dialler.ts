import type { Clock, RandomBytes } from '../core/clock.js';
import { errorLine, ZeekwayError } from '../core/errors.js';
import { REDIAL_LONGEST_MS } from '../core/limits.js';
import type { EndpointId } from '../protocol/broker/endpoint-id.js';
import type { EndReason } from '../protocol/broker/session-contract.js';
import type { Connection } from '../transport/contract.js';
import { type EndpointAddress, hostPort } from '../transport/endpoint-url.js';
import { dial } from '../transport/tcp.js';
import { redialDelay } from './backoff.js';
import type { PeerStatus } from './status.js';

/** How one connection of a dialler ended. */
export interface LinkEnd {
  readonly reason: EndReason;
  readonly error?: ZeekwayError;
  readonly wasPeered: boolean;
  readonly peer?: EndpointId;
}

/** What a dialler needs from the endpoint. */
export interface DiallerHost {
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** Makes a link of the connection; resolves when it has ended. */
  runLink(connection: Connection, dialler: Dialler): Promise<LinkEnd>;
  /** Resolves when the endpoint has no connection with that peer any more; `undefined` where it has none now. */
  whenGone(peer: EndpointId): Promise<void> | undefined;
  /** The address cannot be reached, or not peered with. Called at each try. */
  unavailable(dialler: Dialler, error: ZeekwayError, peer?: EndpointId): void;
}

/** What it does while it has no link. */
type DiallerState = Exclude<PeerStatus['state'], 'peered'>;

/**
 * Keeps one address peered: dials, and dials again with growing waits when the connection fails or ends (short
 * ones after a peering that lasted). While the peer is connected with us in the other direction (the connection
 * was redundant) it waits for that to end.
 */
export class Dialler {
  private readonly abort = new AbortController();
  private attempt = 0;
  private lastError: ZeekwayError | undefined;
  private currentState: DiallerState = 'connecting';
  private currentPeer: EndpointId | undefined;
  private since: bigint;
  private linkUp = false;
  /** When the last connection was made. */
  private connected = 0;
  private wake: (() => void) | undefined;
  private readonly finished: Promise<void>;

  constructor(
    readonly address: EndpointAddress,
    private readonly host: DiallerHost,
  ) {
    this.since = host.clock.wallNanos();
    this.finished = this.run();
  }

  /** The endpoint that was found there last. */
  get peer(): EndpointId | undefined {
    return this.currentPeer;
  }

  /** Stops dialling. A connection that stands is the endpoint's to end. */
  async stop(): Promise<void> {
    this.abort.abort();
    this.wake?.();
    if (!this.linkUp) await this.finished;
  }

  /** Its state while it has no link; the link tells its own. */
  status(): PeerStatus | undefined {
    if (this.linkUp) return undefined;
    return {
      transport: 'broker',
      ...(this.currentPeer === undefined ? {} : { id: this.currentPeer }),
      address: hostPort(this.address.host, this.address.port),
      url: this.address.url,
      direction: 'out',
      state: this.currentState,
      since: this.since,
      filter: [],
      bytesIn: 0,
      bytesOut: 0,
      messagesIn: 0,
      messagesOut: 0,
      dropped: 0,
      ignoredFrames: 0,
      commands: 0,
      queueBytes: 0,
      ...(this.lastError === undefined ? {} : { lastError: errorLine(this.lastError) }),
    };
  }

  private async run(): Promise<void> {
    while (!this.abort.signal.aborted) {
      this.enter('connecting');
      const end = await this.connectOnce();
      if (this.abort.signal.aborted) return;
      await this.react(end);
    }
  }

  private async connectOnce(): Promise<LinkEnd> {
    let connection: Connection;
    try {
      connection = await dial(this.address, this.abort.signal);
    } catch (error) {
      if (!(error instanceof ZeekwayError)) throw error;
      return { reason: 'failed', error, wasPeered: false };
    }
    if (this.abort.signal.aborted) {
      connection.destroy();
      return { reason: 'removed', wasPeered: false };
    }
    this.linkUp = true;
    this.connected = this.host.clock.now();
    try {
      return await this.host.runLink(connection, this);
    } finally {
      this.linkUp = false;
    }
  }

  private async react(end: LinkEnd): Promise<void> {
    if (end.peer !== undefined) this.currentPeer = end.peer;
    if (end.wasPeered) {
      if (this.host.clock.now() - this.connected > REDIAL_LONGEST_MS) this.attempt = 0;
      this.lastError = end.error;
    } else if (end.reason === 'redundant' && end.peer !== undefined) {
      const gone = this.host.whenGone(end.peer);
      // Without another connection on our side the peer is mistaken: it has not noticed yet that one ended.
      if (gone) {
        this.attempt = 0;
        this.enter('standby');
        await Promise.race([gone, this.stopped()]);
      }
    } else if (end.error !== undefined) {
      this.lastError = end.error;
      this.host.unavailable(this, end.error, end.peer);
    }
    await this.pause(redialDelay(this.attempt, this.host.random));
    this.attempt += 1;
  }

  private stopped(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  private async pause(ms: number): Promise<void> {
    this.enter('retrying');
    if (this.abort.signal.aborted) return;
    let timer: NodeJS.Timeout | undefined;
    const elapsed = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([elapsed, this.stopped()]);
    clearTimeout(timer);
  }

  private enter(state: DiallerState): void {
    this.currentState = state;
    this.since = this.host.clock.wallNanos();
  }
}
