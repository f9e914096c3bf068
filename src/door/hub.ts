import type { PayloadFormat } from '../codec/payload-format.js';
import type { Value } from '../codec/value.js';
import type { Clock } from '../core/clock.js';
import { errorLine, ZeekwayError } from '../core/errors.js';
import { DOOR_ROUTES } from '../core/limits.js';
import type { Logger } from '../core/logger.js';
import { FilterMatcher, minimalFilter } from '../protocol/broker/filter.js';
import { encodeDataMessage } from '../protocol/websocket/messages.js';
import { LOG_TOPIC_PREFIX } from '../zeek/cluster.js';
import type { Frame } from './client-queue.js';
import { Interest } from './interest.js';

/** A message of a peer, as far as clients are concerned. */
export interface DoorMessage {
  readonly topic: string;
  readonly format: PayloadFormat;
  /** Throws `DecodeError` where the payload is no value. */
  readonly value: Value;
}

/** The endpoint whose peers the clients talk to. */
export interface Upstream {
  readonly id: string;
  subscribe(topics: readonly string[], handler: (message: DoorMessage) => void): { cancel(): void };
  publish(topic: string, value: Value): number;
}

/** Somebody who gets messages. */
export interface Subscriber {
  /** Takes a frame, at once. */
  offer(frame: Frame): void;
  /** Sends what was taken. */
  flush(): void;
}

interface Member {
  readonly topics: readonly string[];
  readonly matcher: FilterMatcher;
}

/**
 * Hands each message to the clients that want it. It is encoded once for all of them, and put into their queues
 * without waiting for anybody: the subscription of the endpoint that it comes from must not run full, since that would
 * stop the reading from all peers. What came in one turn of the event loop is then sent together.
 *
 * Logs are not passed on: as with Zeek, only events travel here.
 */
export class Hub {
  /** Messages that are no values, which clients cannot have. */
  undecodable = 0;
  private readonly members = new Map<Subscriber, Member>();
  private readonly routes = new Map<string, readonly Subscriber[]>();
  private readonly interest: Interest;
  private waiting = new Set<Subscriber>();
  private subscribed: readonly string[] = [];
  private subscription: { cancel(): void } | undefined;

  constructor(
    private readonly upstream: Upstream,
    clock: Pick<Clock, 'now'>,
    private readonly logger: Logger,
  ) {
    this.interest = new Interest(clock);
  }

  /** Has the subscriber get what comes from now on. Throws `too_many_topics`. */
  join(subscriber: Subscriber, topics: readonly string[]): void {
    const own = minimalFilter(topics);
    this.interest.add(own);
    this.members.set(subscriber, { topics: own, matcher: new FilterMatcher(own) });
    this.routes.clear();
    if (!new FilterMatcher(this.subscribed).matchesAll(own)) this.subscribe();
  }

  /** The subscriber gets nothing any more. Its topics stay subscribed for a while. */
  leave(subscriber: Subscriber): void {
    const member = this.members.get(subscriber);
    if (!member) return;
    this.members.delete(subscriber);
    this.waiting.delete(subscriber);
    this.routes.clear();
    this.interest.remove(member.topics);
  }

  /** Publishes to the peers and to the other clients. @returns to how many peers it went. */
  publish(from: Subscriber | undefined, topic: string, value: Value): number {
    const peers = this.upstream.publish(topic, value);
    this.deliver({ topic, value, format: 'broker-json-v1' }, from);
    return peers;
  }

  /** Ends subscriptions that nobody has needed for a while. To be called now and then. */
  sweep(): void {
    if (this.interest.sweep()) this.subscribe();
  }

  close(): void {
    this.subscription?.cancel();
    this.subscription = undefined;
    this.subscribed = [];
  }

  /** Exchanges the subscription: first the new one, so that there is no gap. In one turn nothing comes twice. */
  private subscribe(): void {
    const topics = minimalFilter(this.interest.topics);
    if (JSON.stringify(topics) === JSON.stringify(this.subscribed)) return;
    const earlier = this.subscription;
    this.subscribed = topics;
    this.subscription =
      topics.length === 0 ? undefined : this.upstream.subscribe(topics, (message) => this.deliver(message));
    earlier?.cancel();
  }

  private deliver(message: DoorMessage, from?: Subscriber): void {
    const subscribers = this.routeOf(message.topic);
    if (subscribers.length === 0 || (subscribers.length === 1 && subscribers[0] === from)) return;
    const frame = this.encode(message);
    if (!frame) return;
    if (this.waiting.size === 0) setImmediate(() => this.flush());
    for (const subscriber of subscribers) {
      if (subscriber === from) continue;
      this.waiting.add(subscriber);
      subscriber.offer(frame);
    }
  }

  private flush(): void {
    const { waiting } = this;
    this.waiting = new Set();
    for (const subscriber of waiting) subscriber.flush();
  }

  private routeOf(topic: string): readonly Subscriber[] {
    const known = this.routes.get(topic);
    if (known) return known;
    const found = topic.startsWith(LOG_TOPIC_PREFIX)
      ? []
      : [...this.members].filter(([, { matcher }]) => matcher.matches(topic)).map(([each]) => each);
    if (this.routes.size >= DOOR_ROUTES) this.routes.clear();
    this.routes.set(topic, found);
    return found;
  }

  /** The frame of a message: always valid UTF-8, or clients that are strict would close the connection (1007). */
  private encode(message: DoorMessage): Frame | undefined {
    const { topic, format } = message;
    try {
      if (format === 'zeek-bin-serializer') throw new ZeekwayError('message_malformed', 'it is a log batch');
      return { bytes: encodeDataMessage(topic, message.value, { strings: 'utf8' }), isMessage: true };
    } catch (error) {
      if (this.undecodable === 0) {
        this.logger.warn({ topic }, `a message cannot be passed on to clients: ${errorLine(error)}`);
      }
      this.undecodable += 1;
      return undefined;
    }
  }
}
