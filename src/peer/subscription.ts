import { FilterMatcher } from '../protocol/broker/filter.js';
import type { Message } from './message.js';

/** What the endpoint is told by a subscription. */
interface SubscriptionOwner {
  /** The queue ran full, or has room again. */
  fullnessChanged(): void;
  /** Nobody wants the messages any more. */
  cancelled(subscription: Subscription): void;
}

/** How much may wait; the bytes are those of the payloads. */
export interface QueueLimits {
  readonly messages: number;
  readonly bytes: number;
}

/**
 * The messages of some topics, in the order they came: an async iterator with back-pressure. When nobody takes
 * them, they wait here up to the limits; then the endpoint stops reading from its peers until no more than half
 * of that waits. Nothing is dropped.
 */
export class Subscription implements AsyncIterableIterator<Message> {
  private readonly matcher: FilterMatcher;
  /** What was taken leaves an empty place, until the places are cut off. */
  private queue: (Message | undefined)[] = [];
  private head = 0;
  private bytes = 0;
  private waiting: ((result: IteratorResult<Message>) => void)[] = [];
  private ended = false;
  private isFull = false;

  constructor(
    readonly topics: readonly string[],
    private readonly limits: QueueLimits,
    private readonly owner: SubscriptionOwner,
  ) {
    this.matcher = new FilterMatcher(topics);
  }

  get full(): boolean {
    return this.isFull;
  }

  /** Messages that wait to be taken. */
  get size(): number {
    return this.queue.length - this.head;
  }

  /** Takes a message if its topic matches. For the endpoint. */
  offer(message: Message): void {
    if (this.ended || !this.matcher.matches(message.topic)) return;
    const taker = this.waiting.shift();
    if (taker) {
      taker({ done: false, value: message });
      return;
    }
    message.detach();
    this.queue.push(message);
    this.bytes += message.payload.length;
    if (!this.isFull && (this.size >= this.limits.messages || this.bytes >= this.limits.bytes))
      this.setFull(true);
  }

  /** Ends the iteration once what waits is taken. For the endpoint. */
  finish(): void {
    this.ended = true;
    for (const taker of this.waiting.splice(0)) taker({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<Message>> {
    const message = this.queue[this.head];
    if (message === undefined) {
      if (this.ended) return Promise.resolve({ done: true, value: undefined });
      return new Promise((resolve) => this.waiting.push(resolve));
    }
    this.queue[this.head] = undefined;
    this.head += 1;
    this.bytes -= message.payload.length;
    if (this.head === this.queue.length || this.head >= this.limits.messages) {
      this.queue = this.queue.slice(this.head);
      this.head = 0;
    }
    const { messages, bytes } = this.limits;
    if (this.isFull && this.size <= messages / 2 && this.bytes <= bytes / 2) this.setFull(false);
    return Promise.resolve({ done: false, value: message });
  }

  /** Unsubscribes: messages that wait are given up. */
  return(): Promise<IteratorResult<Message>> {
    this.cancel();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Unsubscribes: messages that wait are given up. */
  cancel(): void {
    if (this.ended && this.size === 0) return;
    this.queue = [];
    this.head = 0;
    this.bytes = 0;
    this.finish();
    if (this.isFull) this.setFull(false);
    this.owner.cancelled(this);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private setFull(full: boolean): void {
    this.isFull = full;
    this.owner.fullnessChanged();
  }
}
