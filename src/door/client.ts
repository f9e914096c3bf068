import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { encodeValue } from '../codec/value-binary.js';
import { ZeekwayError } from '../core/errors.js';
import {
  CLOSE_LINGER_MS,
  type CodecLimits,
  DEFAULT_CODEC_LIMITS,
  DOOR_CLIENT_TOPICS,
  DOOR_FRAME_ITEMS,
  DOOR_SOCKET_BYTES,
} from '../core/limits.js';
import {
  encodeAck,
  encodeError,
  readClientMessage,
  readSubscriptions,
} from '../protocol/websocket/messages.js';
import { readMessages } from '../zeek/message.js';
import { ClientQueue, type ClientQueueLimits, type Frame, type OverflowPolicy } from './client-queue.js';
import type { Hub, Subscriber } from './hub.js';

/** Who a client is. */
export interface ClientIdentity {
  /** By its token. */
  readonly name: string;
  /** `host:port`. */
  readonly address: string;
  /** What it calls itself. */
  readonly application: string;
}

/** What a client may do. */
export interface ClientRights {
  readonly mayRead: boolean;
  /** Whether its token is still valid. */
  mayStay(): boolean;
  mayPublish(topic: string): boolean;
}

/** What a client needs from the door. */
export interface ClientHost {
  readonly hub: Hub;
  /** What the ack says. */
  readonly version: string;
  readonly endpoint: string;
  readonly queue: ClientQueueLimits;
  readonly overflow: OverflowPolicy;
  readonly subscribeMs: number;
  subscribed(client: Client): void;
  sent(messages: number): void;
  dropped(messages: number): void;
  published(): void;
  /** A message that the client may not publish. */
  refused(): void;
  /** Called once. @param reason why we closed it; `undefined` where the client left. */
  ended(client: Client, reason?: string): void;
}

/** WebSocket's close code for clients that do not keep to the rules (RFC 6455, section 7.4.1). */
const POLICY_VIOLATION = 1008;

/** Broker's name of the error for whatever cannot be read (`broker::ec::deserialization_failed`). */
const UNREADABLE = 'deserialization_failed';

const CLIENT_LIMITS: CodecLimits = { ...DEFAULT_CODEC_LIMITS, collectionItems: DOOR_FRAME_ITEMS };

/**
 * The session of one client, as Zeek's server has it (zeek/zeek src/cluster/websocket/WebSocket.cc).
 *
 * `awaiting_topics`: the first frame has to be the topic prefixes, within a time; the ack answers it. Another frame is
 * answered with an error.
 * `open`: frames of the client are published. One that cannot be read, is no event, or is not allowed, is answered with
 * an error, and the connection stays open.
 * `ended`: nothing is read or sent any more.
 */
export class Client implements Subscriber {
  /** Messages that it was sent. */
  sent = 0;
  topics: readonly string[] = [];
  private state: 'awaiting_topics' | 'open' | 'ended' = 'awaiting_topics';
  private readonly queue: ClientQueue;
  private readonly deadline: NodeJS.Timeout;
  /** Whether it gave a sign of life since it was asked. */
  private isAlive = true;

  /** @param stream what the WebSocket is on. */
  constructor(
    private readonly socket: WebSocket,
    private readonly stream: Duplex,
    readonly identity: ClientIdentity,
    private readonly rights: ClientRights,
    private readonly host: ClientHost,
  ) {
    this.queue = new ClientQueue(host.queue, host.overflow);
    this.deadline = setTimeout(() => {
      this.end(POLICY_VIOLATION, `no topics within ${host.subscribeMs} ms`);
    }, host.subscribeMs);
    socket.on('message', (data) => this.receive(data));
    socket.on('pong', () => {
      this.isAlive = true;
    });
    // A client that asks and does not read must not fill our memory with answers.
    socket.on('ping', (data) => {
      this.isAlive = true;
      if (!this.isCongested) socket.pong(data);
    });
    socket.on('close', () => this.finish());
    socket.on('error', () => {
      // A frame that is none, or a connection that broke: `close` follows.
    });
  }

  get queued(): number {
    return this.queue.size;
  }

  get dropped(): number {
    return this.queue.dropped;
  }

  offer(frame: Frame): void {
    if (this.state === 'ended') return;
    // What the system still takes needs no room.
    if (!this.queue.hasRoomFor(frame)) this.flush();
    const before = this.queue.dropped;
    const isTaken = this.queue.offer(frame);
    const lost = this.queue.dropped - before;
    if (lost > 0) this.host.dropped(lost);
    if (isTaken) return;
    this.host.dropped(this.queue.size + 1);
    this.end(POLICY_VIOLATION, 'overflow: the client reads more slowly than messages come');
  }

  /** Sends what waits, as far as the system takes it: the rest follows when that was written. */
  flush(): void {
    while (this.state !== 'ended' && !this.queue.isEmpty && !this.isCongested) this.writeSome();
  }

  /** Asks for a sign of life. A client that has given none since the last time is let go, or whose token is not valid. */
  check(): void {
    if (!this.rights.mayStay()) {
      this.end(POLICY_VIOLATION, 'its token is not valid any more');
      return;
    }
    if (!this.isAlive) {
      this.finish('it does not answer');
      this.socket.terminate();
      return;
    }
    this.isAlive = false;
    if (this.socket.readyState === this.socket.OPEN) this.socket.ping();
  }

  /** Closes the connection, with a reason for the client. */
  end(code: number, reason: string): void {
    if (this.state === 'ended') return;
    this.finish(reason);
    this.socket.close(code, reason);
    // The close waits behind what is sent before it, and for the answer of a client that may not read.
    const timer = setTimeout(() => this.socket.terminate(), CLOSE_LINGER_MS);
    this.socket.once('close', () => clearTimeout(timer));
  }

  private get isCongested(): boolean {
    return this.socket.bufferedAmount >= DOOR_SOCKET_BYTES;
  }

  /** Writes as much as is allowed to wait in the socket, in one call of the system. */
  private writeSome(): void {
    let messages = 0;
    this.stream.cork();
    let frame = this.queue.take();
    while (frame) {
      messages += frame.isMessage ? 1 : 0;
      const isLast =
        this.queue.isEmpty || this.socket.bufferedAmount + frame.bytes.length >= DOOR_SOCKET_BYTES;
      this.socket.send(frame.bytes, { binary: false }, isLast ? this.written : undefined);
      frame = isLast ? undefined : this.queue.take();
    }
    this.stream.uncork();
    this.sent += messages;
    this.host.sent(messages);
  }

  private readonly written = (): void => {
    if (this.queue.isEmpty) return;
    // It was behind and has read something since: that is a sign of life.
    this.isAlive = true;
    this.flush();
  };

  private receive(data: RawData): void {
    this.isAlive = true;
    // The type of data that `ws` was told to give.
    const frame = data as Buffer;
    if (this.state === 'ended') return;
    try {
      if (this.state === 'open') this.publish(frame);
      else this.subscribe(frame);
    } catch (error) {
      if (!(error instanceof ZeekwayError)) throw error;
      this.reply(encodeError(codeOf(error), error.message));
    }
  }

  private subscribe(frame: Buffer): void {
    const topics = readSubscriptions(frame, CLIENT_LIMITS);
    if (topics.length > DOOR_CLIENT_TOPICS) {
      throw new ZeekwayError('too_many_topics', `a client may have ${DOOR_CLIENT_TOPICS} topics`);
    }
    if (topics.some((topic) => !topic.isWellFormed())) {
      throw new ZeekwayError('request_invalid', 'a topic prefix is no text');
    }
    if (topics.length > 0 && !this.rights.mayRead) {
      this.host.refused();
      this.reply(
        encodeError('no_permission', `${this.identity.name} may not read: it can subscribe to [] only`),
      );
      return;
    }
    this.host.hub.join(this, topics);
    clearTimeout(this.deadline);
    this.topics = topics;
    this.state = 'open';
    this.reply(encodeAck(this.host.endpoint, this.host.version));
    this.host.subscribed(this);
  }

  private publish(frame: Buffer): void {
    const { topic, value } = readClientMessage(frame, CLIENT_LIMITS);
    const messages = readMessages(encodeValue(value));
    if (messages.length === 0 || messages.some(({ type }) => type !== 'event')) {
      this.reply(encodeError(UNREADABLE, 'failed to create Zeek event'));
    } else if (this.rights.mayPublish(topic)) {
      this.host.hub.publish(this, topic, value);
      this.host.published();
    } else {
      this.host.refused();
      this.reply(encodeError('no_permission', `${this.identity.name} may not publish on ${topic}`));
    }
  }

  private reply(bytes: Buffer): void {
    this.offer({ bytes, isMessage: false });
    this.flush();
  }

  private finish(reason?: string): void {
    if (this.state === 'ended') return;
    this.state = 'ended';
    clearTimeout(this.deadline);
    this.host.hub.leave(this);
    this.queue.clear();
    this.host.ended(this, reason);
  }
}

/** What clients of Zeek know of: all that they send and that cannot be read is the same to it. */
function codeOf({ code }: ZeekwayError): string {
  return code === 'too_many_topics' ? code : UNREADABLE;
}
