import { EventEmitter } from 'node:events';
import { fromNatural, type Natural, string, type Value, type ValueType } from '../codec/value.js';
import type { Clock } from '../core/clock.js';
import { ZeekwayError } from '../core/errors.js';
import { elementOf } from '../protocol/store/arithmetic.js';
import { type EntityId, NOBODY, type StoreAction } from '../protocol/store/commands.js';
import type { StoreContent, StoreEntry } from '../protocol/store/content.js';
import type { StoreEvent, StoreOutput } from '../protocol/store/outputs.js';
import { ChangeFeed } from './change-feed.js';

/** How a store reaches the peers of its endpoint. */
export interface StoreWire {
  send(output: Extract<StoreOutput, { type: 'send' }>): void;
  readonly clock: Clock;
}

export interface WriteOptions {
  /** Nanoseconds until the entry expires; it lives for ever where it is left out, also if it had an expiry before. */
  readonly expiry?: bigint;
}

export interface StoreStatus {
  readonly name: string;
  readonly role: 'master' | 'clone';
  /** `ready`; a clone can be `detached` from its master, or `loading` its content; a master can be `failing` to store. */
  readonly state: 'ready' | 'loading' | 'detached' | 'failing' | 'closed';
  readonly entries: number;
  /** Of a master the clones it serves; of a clone its master. */
  readonly peers: readonly EntityId[];
  /** Writes that are not confirmed: durable, of a master; known to the master, of a clone. */
  readonly pending: number;
  /** The last thing that went wrong. */
  readonly lastError?: string;
}

interface StoreEvents {
  change: [StoreEvent];
  /** A clone has the content of a master; `before` is what it was. */
  attached: [{ readonly master: EntityId; readonly before: StoreContent }];
  detached: [reason: string];
  /** Something went wrong that no call tells: a clone's write that could not be done, a back end that fails. */
  problem: [ZeekwayError];
}

interface Request {
  readonly resolve: (inserted: boolean) => void;
  readonly reject: (error: ZeekwayError) => void;
}

/** The type that an entry begins as when a value is added to none (`store::increment`). */
const INCREMENTED: { readonly [T in ValueType]?: ValueType } = {
  count: 'count',
  integer: 'integer',
  real: 'real',
  timespan: 'timestamp',
};

/**
 * One of Broker's distributed key-value stores, as its master or as a clone of it. Keys and values are those of Zeek, see `Natural`.
 * Each write resolves when it is sure: a master's when it is durable, a clone's when the master confirmed it (Zeek does so twice a
 * second). Emits `change` for each change, whoever made it.
 *
 * ```ts
 * const store = await endpoint.attachClone('known-hosts');
 * await store.put(Address.parse('192.0.2.1'), 'the printer');
 * for await (const change of store.changes()) console.log(change.type, change);
 * ```
 */
export abstract class Store extends EventEmitter<StoreEvents> {
  abstract readonly role: 'master' | 'clone';
  private readonly requests = new Map<bigint, Request>();
  private readonly feeds = new Set<ChangeFeed>();
  private lastRequest = 0n;
  private lastError: string | undefined;
  private closed = false;

  constructor(
    readonly name: string,
    protected readonly wire: StoreWire,
    /** Who asks, to the other side. */
    private readonly asker: EntityId,
  ) {
    super();
  }

  /** The value of a key; undefined where there is none. Throws `store_no_master`, `store_closed`, as all reading does. */
  async get(key: Natural): Promise<Value | undefined> {
    return (await this.entry(key))?.value;
  }

  /** The value of a key, and when it expires as far as is known: only the master knows. */
  async entry(key: Natural): Promise<StoreEntry | undefined> {
    return (await this.readable()).get(fromNatural(key));
  }

  async has(key: Natural): Promise<boolean> {
    return (await this.entry(key)) !== undefined;
  }

  /**
   * An element of the collection that a key has: of a vector by its index, of a table by its key, of a set whether it is there.
   * Undefined where there is none. Throws `store_type_clash`.
   */
  async getElement(key: Natural, index: Natural): Promise<Value | undefined> {
    const value = await this.get(key);
    return value && elementOf(value, fromNatural(index));
  }

  async keys(): Promise<Value[]> {
    return (await this.entries()).map(({ key }) => key);
  }

  /** All entries as they are now. */
  async entries(): Promise<StoreEntry[]> {
    return (await this.readable()).all();
  }

  async put(key: Natural, value: Natural, options: WriteOptions = {}): Promise<void> {
    await this.write({ type: 'put', ...this.fields(key, value, options) });
  }

  /** Puts a value where the key has none. @returns whether it did. */
  putUnique(key: Natural, value: Natural, options: WriteOptions = {}): Promise<boolean> {
    const request = this.lastRequest + 1n;
    return this.write({ type: 'put_unique', ...this.fields(key, value, options), who: this.asker, request });
  }

  async erase(key: Natural): Promise<void> {
    await this.write({ type: 'erase', key: fromNatural(key), publisher: NOBODY });
  }

  async clear(): Promise<void> {
    await this.write({ type: 'clear', publisher: NOBODY });
  }

  /** Adds to a count, integer, real, or a span to a time; an entry that is not there begins at zero. */
  async increment(key: Natural, amount: Natural, options: WriteOptions = {}): Promise<void> {
    const fields = this.fields(key, amount, options);
    await this.write({ type: 'add', ...fields, initType: INCREMENTED[fields.value.type] ?? 'none' });
  }

  async decrement(key: Natural, amount: Natural, options: WriteOptions = {}): Promise<void> {
    await this.write({ type: 'subtract', ...this.fields(key, amount, options) });
  }

  /** Appends to a string. */
  async append(key: Natural, text: string | Uint8Array, options: WriteOptions = {}): Promise<void> {
    await this.write({ type: 'add', ...this.fields(key, string(text), options), initType: 'string' });
  }

  /** Inserts into a set. */
  async insertIntoSet(key: Natural, element: Natural, options: WriteOptions = {}): Promise<void> {
    await this.write({ type: 'add', ...this.fields(key, element, options), initType: 'set' });
  }

  /** Inserts into a table. */
  async insertIntoTable(
    key: Natural,
    index: Natural,
    value: Natural,
    options: WriteOptions = {},
  ): Promise<void> {
    await this.write({ type: 'add', ...this.fields(key, [index, value], options), initType: 'table' });
  }

  /** Removes an element from a set, or an index from a table. */
  removeFrom(key: Natural, index: Natural, options: WriteOptions = {}): Promise<void> {
    return this.decrement(key, index, options);
  }

  /** Appends to a vector. */
  async push(key: Natural, value: Natural, options: WriteOptions = {}): Promise<void> {
    await this.write({ type: 'add', ...this.fields(key, value, options), initType: 'vector' });
  }

  /** Removes the last element of a vector. */
  pop(key: Natural, options: WriteOptions = {}): Promise<void> {
    return this.decrement(key, key, options);
  }

  /**
   * The changes from now on. For one who does not take them in time 10,000 wait; then a `gap` tells how many were left out.
   */
  changes(): ChangeFeed {
    const feed = new ChangeFeed((ended) => this.feeds.delete(ended));
    if (this.closed) feed.finish();
    else this.feeds.add(feed);
    return feed;
  }

  abstract status(): StoreStatus;

  /** The entries of now, however old they are: for who follows the store. */
  abstract get contentNow(): StoreEntry[];

  /** Whether all that is known is here, durable where this is the master, and confirmed by the other side. */
  abstract get isIdle(): boolean;

  /** Called with each command that came for this store. For the endpoint. */
  abstract receive(payload: Uint8Array): void;

  /** Called every `STORE_TICK_MS`. For the endpoint. */
  abstract tick(): void;

  /** The content that may be read now. Throws. */
  protected abstract readable(): Promise<StoreContent>;
  /** Does a write; `done` or `failed` is to come with the request. */
  protected abstract act(action: StoreAction, request: bigint): void;

  /** Ends the store here. For the endpoint; `Endpoint.detachStore` is for others. */
  async close(): Promise<void> {
    this.closed = true;
    for (const { reject } of this.requests.values()) {
      reject(new ZeekwayError('store_closed', `the store ${this.name} was closed`));
    }
    this.requests.clear();
    for (const feed of this.feeds) feed.finish();
  }

  protected get isClosed(): boolean {
    return this.closed;
  }

  protected get isFollowed(): boolean {
    return this.feeds.size > 0 || this.listenerCount('change') > 0;
  }

  protected get trouble(): Pick<StoreStatus, 'lastError'> {
    return this.lastError === undefined ? {} : { lastError: this.lastError };
  }

  protected expectOpen(): void {
    if (this.closed) throw new ZeekwayError('store_closed', `the store ${this.name} was closed`);
  }

  protected perform(outputs: readonly StoreOutput[]): void {
    for (const output of outputs) this.performOne(output);
  }

  protected performOne(output: StoreOutput): void {
    switch (output.type) {
      case 'send':
        this.wire.send(output);
        break;
      case 'event':
        this.tell(output.event);
        break;
      case 'done':
        this.requests.get(output.request)?.resolve(output.inserted ?? true);
        this.requests.delete(output.request);
        break;
      case 'failed':
        this.requests.get(output.request)?.reject(output.error);
        this.requests.delete(output.request);
        break;
      case 'refused':
        this.report(output.error);
        break;
      default:
        break;
    }
  }

  protected tell(event: StoreEvent): void {
    for (const feed of this.feeds) feed.offer(event);
    this.emit('change', event);
  }

  protected report(error: ZeekwayError): void {
    this.lastError = `${error.code}: ${error.message}`;
    this.emit('problem', error);
  }

  private fields(key: Natural, value: Natural, { expiry }: WriteOptions) {
    return { key: fromNatural(key), value: fromNatural(value), expiry, publisher: NOBODY };
  }

  private write(action: StoreAction): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.expectOpen();
      this.lastRequest += 1n;
      this.requests.set(this.lastRequest, { resolve, reject });
      this.act(action, this.lastRequest);
    });
  }
}
