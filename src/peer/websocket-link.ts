import type { Value } from '../codec/value.js';
import { ZeekwayError } from '../core/errors.js';
import { PEER_SEND_QUEUE_BYTES } from '../core/limits.js';
import type { Filter } from '../protocol/broker/filter.js';
import { MESSAGES_PATH } from '../protocol/websocket/messages.js';
import { type WebsocketEnd, type WebsocketOutput, WebsocketSession } from '../protocol/websocket/session.js';
import { hostPort } from '../transport/endpoint-url.js';
import { dialWebsocket, type WebsocketConnection } from '../transport/websocket.js';
import type { WebsocketAddress } from '../transport/websocket-url.js';
import type { MessageSource } from './message.js';
import type { PeerHost } from './peer.js';

/** What a link tells its peer. */
export interface WebsocketLinkOwner {
  acknowledged(link: WebsocketLink): void;
  /** @param frame the payload, too. */
  message(link: WebsocketLink, source: MessageSource, topic: string, frame: Uint8Array): void;
  /** Bytes of a frame, in or out. */
  counted(direction: 'in' | 'out', bytes: number): void;
  refused(error: ZeekwayError): void;
  ignored(error: ZeekwayError): void;
  /** Called once. */
  ended(link: WebsocketLink, reason: WebsocketEnd, error?: ZeekwayError): void;
}

/** One connection to Zeek's WebSocket API: dials at once, and pumps between the socket and the session until the end. */
export class WebsocketLink {
  /** Resolves when the connection has ended. */
  readonly ended: Promise<void>;
  private readonly session: WebsocketSession;
  private readonly abort = new AbortController();
  private connection: WebsocketConnection | undefined;
  private currentSource: MessageSource | undefined;
  private timer: NodeJS.Timeout | undefined;
  private reading = true;
  private isPaused = false;
  private markEnded = (): void => {};

  /** @param filter the topics of this connection, as long as it lives. */
  constructor(
    readonly filter: Filter,
    private readonly address: WebsocketAddress,
    private readonly host: PeerHost,
    private readonly owner: WebsocketLinkOwner,
  ) {
    this.session = new WebsocketSession({ filter, limits: host.limits });
    this.ended = new Promise((resolve) => {
      this.markEnded = resolve;
    });
    void this.dial();
  }

  /** Known from the ack on. */
  get source(): MessageSource | undefined {
    return this.currentSource;
  }

  get queuedBytes(): number {
    return this.connection?.queuedBytes ?? 0;
  }

  /** Back-pressure: whether to read messages. The ack is read in any case. */
  setReading(reading: boolean): void {
    this.reading = reading;
    this.applyReading();
  }

  /**
   * @returns whether it was sent: a queue that is empty has room for any message, a longer one for 16 MiB. Throws
   * `encode_invalid` for what cannot be sent.
   */
  publish(topic: string, value: Value): boolean {
    if (this.session.state !== 'open') return false;
    const outputs = this.session.publish(topic, value);
    const size = outputs.reduce((sum, output) => sum + (output.type === 'send' ? output.text.length : 0), 0);
    if (this.queuedBytes > 0 && this.queuedBytes + size > PEER_SEND_QUEUE_BYTES) return false;
    this.perform(outputs);
    return true;
  }

  close(): void {
    this.abort.abort();
    this.perform(this.session.close());
  }

  private async dial(): Promise<void> {
    const { address, host, abort } = this;
    try {
      const path = address.path || MESSAGES_PATH;
      const connection = await dialWebsocket(address, path, host.limits.frameBytes, abort.signal);
      this.connection = connection;
      connection.attach({
        frame: (bytes) => {
          this.owner.counted('in', bytes.length);
          this.perform(this.session.receive(bytes, host.clock.now()));
        },
        alive: () => {
          this.session.heard(host.clock.now());
          this.setTimer();
        },
        close: (error) => {
          this.perform(this.session.closed(error));
          this.markEnded();
        },
      });
      if (this.session.state === 'ended') connection.end();
      else this.perform(this.session.start(host.clock.now()));
    } catch (error) {
      if (!(error instanceof ZeekwayError)) throw error;
      this.perform(this.session.closed(error));
      this.markEnded();
    }
  }

  private perform(outputs: readonly WebsocketOutput[]): void {
    for (const output of outputs) this.performOne(output);
    this.applyReading();
  }

  private performOne(output: WebsocketOutput): void {
    const { owner } = this;
    switch (output.type) {
      case 'send':
        owner.counted('out', output.text.length);
        this.connection?.send(output.text);
        break;
      case 'ping':
      case 'pong':
        this.connection?.[output.type]();
        break;
      case 'acknowledged':
        this.currentSource = this.sourceOf(output.endpoint);
        owner.acknowledged(this);
        break;
      case 'message':
        if (this.currentSource) owner.message(this, this.currentSource, output.topic, output.frame);
        break;
      case 'refused':
        owner.refused(output.error);
        break;
      case 'ignored':
        owner.ignored(output.error);
        break;
      case 'close':
        this.connection?.end();
        break;
      case 'end':
        this.connection?.end();
        owner.ended(this, output.reason, output.error);
        break;
    }
  }

  private sourceOf(peer: string): MessageSource {
    const { url: name, host, port } = this.address;
    return { transport: 'websocket', peer, name, address: hostPort(host, port), ended: this.ended };
  }

  private applyReading(): void {
    const pause = !this.reading && this.session.state === 'open';
    if (pause !== this.isPaused) {
      this.isPaused = pause;
      this.session.setReading(!pause, this.host.clock.now());
      if (pause) this.connection?.pause();
      else this.connection?.resume();
    }
    this.setTimer();
  }

  private setTimer(): void {
    clearTimeout(this.timer);
    const { deadline } = this.session;
    if (deadline === undefined) return;
    const wait = Math.max(0, deadline - this.host.clock.now());
    this.timer = setTimeout(() => this.perform(this.session.tick(this.host.clock.now())), wait);
  }
}
