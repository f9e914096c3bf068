import { createHash } from 'node:crypto';
import type { RandomBytes } from '../core/clock.js';
import { ZeekwayError } from '../core/errors.js';
import { type CodecLimits, STORE_TICK_MS } from '../core/limits.js';
import type { EndpointId } from '../protocol/broker/endpoint-id.js';
import type { EntityId } from '../protocol/store/commands.js';
import { cloneTopic, masterTopic } from '../protocol/store/topics.js';
import type { StoreBackend } from './backend.js';
import { CloneStore } from './clone-store.js';
import { MasterStore } from './master-store.js';
import type { Store, StoreStatus, StoreWire } from './store.js';

/** What an endpoint is to its stores. */
export interface StoreHubHost extends StoreWire {
  readonly id: EndpointId;
  readonly random: RandomBytes;
  readonly limits: CodecLimits;
  /** The topics changed that the stores want. */
  topicsChanged(): void;
  /** Whether a peer wants that topic. */
  isWanted(topic: string): boolean;
}

/** The stores of an endpoint: hands each the commands that are for it, and lets their time go by. */
export class StoreHub {
  private readonly stores = new Map<string, Store>();
  /** Those whose back end is being read. */
  private readonly opening = new Set<string>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly host: StoreHubHost) {}

  /** What the peers are to send. */
  get topics(): string[] {
    return [...this.stores.values()].map(topicOf);
  }

  get(name: string): Store | undefined {
    return this.stores.get(name);
  }

  status(): StoreStatus[] {
    return [...this.stores.values()].map((store) => store.status());
  }

  /** Throws `store_exists`, and what the back end throws. */
  async attachMaster(name: string, backend: StoreBackend): Promise<MasterStore> {
    this.expectFree(name);
    if (this.host.isWanted(masterTopic(name))) {
      throw new ZeekwayError('store_exists', `a peer has the master of the store ${name}`);
    }
    this.opening.add(name);
    try {
      // The same in each life, so that clones go on with it.
      const id = { endpoint: this.host.id, object: objectOf(name) };
      const store = await MasterStore.open(name, id, backend, this.host);
      this.add(store);
      return store;
    } finally {
      this.opening.delete(name);
    }
  }

  /** Returns at once: the clone looks for its master. Throws `store_exists`. */
  attachClone(name: string): CloneStore {
    this.expectFree(name);
    const store = new CloneStore(name, () => this.newId(), this.host, this.host.limits);
    this.add(store);
    store.start();
    return store;
  }

  /** @returns whether there was one. */
  async detach(name: string): Promise<boolean> {
    const store = this.stores.get(name);
    await store?.close();
    this.stores.delete(name);
    this.changed();
    return store !== undefined;
  }

  async close(): Promise<void> {
    await Promise.all([...this.stores.keys()].map((name) => this.detach(name)));
  }

  /**
   * A command envelope came. @returns what is wrong with it: it is no command of a store that is here, which can be for a moment
   * after one was detached.
   */
  receive(topic: string, payload: Uint8Array): ZeekwayError | undefined {
    const store = this.stores.get(topic.slice(0, Math.max(0, topic.indexOf('/<$>/data/'))));
    if (store === undefined || topicOf(store) !== topic) return undefined;
    try {
      // Values keep views of what they were read from.
      store.receive(new Uint8Array(payload));
      return undefined;
    } catch (error) {
      if (error instanceof ZeekwayError) return error;
      throw error;
    }
  }

  private add(store: Store): void {
    this.stores.set(store.name, store);
    this.changed();
  }

  private changed(): void {
    this.host.topicsChanged();
    if (this.stores.size === 0) {
      clearInterval(this.timer);
      this.timer = undefined;
    }
    this.timer ??= this.stores.size === 0 ? undefined : setInterval(() => this.tick(), STORE_TICK_MS);
  }

  private tick(): void {
    for (const store of this.stores.values()) store.tick();
  }

  private expectFree(name: string): void {
    if (name === '' || name.includes('/<$>/')) {
      throw new ZeekwayError('store_name_invalid', `"${name}" is no name of a store`);
    }
    if (this.stores.has(name) || this.opening.has(name)) {
      throw new ZeekwayError('store_exists', `this endpoint has the store ${name} already`);
    }
  }

  private newId(): EntityId {
    return { endpoint: this.host.id, object: Buffer.from(this.host.random(8)).readBigUInt64BE() };
  }
}

const topicOf = (store: Store): string =>
  store.role === 'master' ? masterTopic(store.name) : cloneTopic(store.name);

const objectOf = (name: string): bigint => createHash('sha256').update(name).digest().readBigUInt64BE();
