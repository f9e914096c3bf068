import { setImmediate as othersTurn } from 'node:timers/promises';
import { ZeekwayError } from '../core/errors.js';
import { STORE_RETRY_LONGEST_MS, STORE_SNAPSHOT_PART } from '../core/limits.js';
import { decodeStoreMessage, type EntityId, type StoreAction } from '../protocol/store/commands.js';
import { StoreContent, type StoreEntry } from '../protocol/store/content.js';
import { Master } from '../protocol/store/master.js';
import type { StoreOutput } from '../protocol/store/outputs.js';
import { decodeStorePosition, encodeStorePosition } from '../protocol/store/position.js';
import { SnapshotWriter } from '../protocol/store/snapshot.js';
import type { StoreBackend } from './backend.js';
import { untilItWorks } from './retry.js';
import { Store, type StoreStatus, type StoreWire } from './store.js';

/** The master of a store: has its content in memory, and its back end knows of each change before anybody else does. */
export class MasterStore extends Store {
  readonly role = 'master';
  private readonly stopping = new AbortController();
  /** Whoever commits, until all is. */
  private committing: Promise<void> | undefined;
  private isFailing = false;
  /** One snapshot is made after the other, however many clones come at once. */
  private greeting = Promise.resolve();

  /** Reads the content from the back end. Throws what that throws. */
  static async open(
    name: string,
    id: EntityId,
    backend: StoreBackend,
    wire: StoreWire,
  ): Promise<MasterStore> {
    const content = new StoreContent();
    const bytes = await backend.load((entry) => content.set(entry));
    const position = bytes && decodeStorePosition(bytes);
    const master = new Master({ id, store: name, content, position });
    return new MasterStore(name, master, backend, wire);
  }

  private constructor(
    name: string,
    private readonly master: Master,
    private readonly backend: StoreBackend,
    wire: StoreWire,
  ) {
    super(name, wire, master.id);
  }

  get isIdle(): boolean {
    return this.master.isIdle;
  }

  get contentNow(): StoreEntry[] {
    return this.master.content.all();
  }

  status(): StoreStatus {
    const { master, name, role } = this;
    const state = this.isClosed ? 'closed' : this.isFailing ? 'failing' : 'ready';
    const peers = master.clones.map(({ id }) => id);
    const pending = master.pending.length;
    return { name, role, state, entries: master.content.size, peers, pending, ...this.trouble };
  }

  receive(payload: Uint8Array): void {
    this.perform(this.master.receive(decodeStoreMessage(payload), this.wire.clock.wallNanos()));
  }

  tick(): void {
    this.perform(this.master.tick(this.wire.clock.wallNanos()));
  }

  /** What was written is durable when it resolves, but for a back end that fails. */
  override async close(): Promise<void> {
    const grace = setTimeout(() => this.stopping.abort(), this.isFailing ? 0 : STORE_RETRY_LONGEST_MS);
    await this.committing;
    clearTimeout(grace);
    this.stopping.abort();
    await super.close();
    await this.backend.close();
  }

  protected async readable(): Promise<StoreContent> {
    this.expectOpen();
    return this.master.content;
  }

  protected act(action: StoreAction, request: bigint): void {
    const own = { ...action, publisher: this.master.id };
    this.perform(this.master.act(own, request, this.wire.clock.wallNanos()));
  }

  protected override perform(outputs: readonly StoreOutput[]): void {
    super.perform(outputs);
    if (this.master.pending.length > 0) this.committing ??= this.commit();
  }

  protected override performOne(output: StoreOutput): void {
    if (output.type === 'snapshot_wanted') {
      const { clone, offset } = output;
      const entries = this.master.content.all();
      this.greeting = this.greeting.then(() => this.greet(clone, offset, entries));
    } else super.performOne(output);
  }

  /** Makes durable what is pending, all of it at a time, as long as there is any. */
  private async commit(): Promise<void> {
    // What is written in the same turn goes into one commit.
    await othersTurn();
    while (this.master.pending.length > 0) {
      const count = this.master.pending.length;
      const changes = this.master.pending.flatMap((one) => one.changes);
      const isDone = await this.persist(changes, encodeStorePosition(this.master.positionAfter(count)));
      if (!isDone) break;
      super.perform(this.master.committed(count));
    }
    this.committing = undefined;
  }

  /** @returns false where the store is being closed. */
  private async persist(...commit: Parameters<StoreBackend['commit']>): Promise<boolean> {
    const done = await untilItWorks(() => this.backend.commit(...commit), {
      signal: this.stopping.signal,
      failed: (error, isFirst) => {
        this.isFailing = true;
        if (!isFirst) return;
        const reason = error instanceof Error ? error.message : String(error);
        const what = `the store ${this.name} cannot be written: ${reason}`;
        this.report(new ZeekwayError('store_backend_failed', what, {}, { cause: error }));
      },
    });
    if (done) this.isFailing = false;
    return done !== undefined;
  }

  private async greet(clone: EntityId, offset: bigint, entries: readonly StoreEntry[]): Promise<void> {
    const writer = new SnapshotWriter();
    for (let at = 0; at < entries.length; at += STORE_SNAPSHOT_PART) {
      const part = entries.slice(at, at + STORE_SNAPSHOT_PART);
      writer.write(part.map(({ key, value }) => [key, value] as const));
      await othersTurn();
    }
    if (!this.isClosed) this.perform(this.master.greetClone(clone, offset, writer.finish()));
  }
}
