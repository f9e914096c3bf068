import { STORE_FEED_CHANGES } from '../core/limits.js';
import type { StoreEvent } from '../protocol/store/outputs.js';

/** A change of a store, or that some were left out since nobody took them in time. */
export type StoreChangeOrGap = StoreEvent | { readonly type: 'gap'; readonly missed: number };

/** The changes of a store from now on, as an async iterator; `return` or a `break` out of the loop ends it. */
export class ChangeFeed implements AsyncIterableIterator<StoreChangeOrGap> {
  private waiting: StoreEvent[] = [];
  private missed = 0;
  private taker: ((result: IteratorResult<StoreChangeOrGap>) => void) | undefined;
  private ended = false;

  /** @param onEnd called once, when nothing more is wanted. */
  constructor(private readonly onEnd: (feed: ChangeFeed) => void) {}

  offer(event: StoreEvent): void {
    if (this.taker) {
      this.taker({ done: false, value: event });
      this.taker = undefined;
    } else if (this.waiting.length < STORE_FEED_CHANGES) this.waiting.push(event);
    else this.missed += 1;
  }

  /** Ends the iteration once what waits is taken. */
  finish(): void {
    this.ended = true;
    this.taker?.({ done: true, value: undefined });
    this.taker = undefined;
  }

  next(): Promise<IteratorResult<StoreChangeOrGap>> {
    const event = this.waiting.shift();
    if (event) return Promise.resolve({ done: false, value: event });
    if (this.missed > 0) {
      const { missed } = this;
      this.missed = 0;
      return Promise.resolve({ done: false, value: { type: 'gap', missed } });
    }
    if (this.ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.taker = resolve;
    });
  }

  return(): Promise<IteratorResult<StoreChangeOrGap>> {
    this.waiting = [];
    this.missed = 0;
    this.finish();
    this.onEnd(this);
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
