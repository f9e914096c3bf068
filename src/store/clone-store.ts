import { setImmediate as othersTurn } from 'node:timers/promises';
import { ZeekwayError } from '../core/errors.js';
import { type CodecLimits, STORE_READ_WAIT_MS, STORE_SNAPSHOT_PART, STORE_STALE_MS } from '../core/limits.js';
import { Clone } from '../protocol/store/clone.js';
import {
  decodeStoreMessage,
  type EntityId,
  type StoreAction,
  type StoreMessage,
} from '../protocol/store/commands.js';
import { StoreContent, type StoreEntry } from '../protocol/store/content.js';
import { differences, type StoreOutput } from '../protocol/store/outputs.js';
import { SnapshotReader } from '../protocol/store/snapshot.js';
import { Store, type StoreStatus, type StoreWire } from './store.js';

type SnapshotOutput = Extract<StoreOutput, { type: 'snapshot' }>;

/** A clone of a store whose master is elsewhere. */
export class CloneStore extends Store {
  readonly role = 'clone';
  private readonly clone: Clone;
  /** What came while a snapshot is read; undefined where none is. */
  private held: StoreMessage[] | undefined;
  /** Monotonic time since when there is no master; undefined where there is one. */
  private detachedSince: number | undefined;
  private hasContent = false;
  private readers: { readonly resolve: () => void; readonly until: number }[] = [];
  private pending = 0;

  constructor(
    name: string,
    newId: () => EntityId,
    wire: StoreWire,
    private readonly limits: CodecLimits,
  ) {
    super(name, wire, newId());
    this.clone = new Clone({ store: name, newId });
    this.detachedSince = wire.clock.now();
  }

  /** Asks for the master. */
  start(): void {
    this.perform(this.clone.start());
  }

  /** Resolves when there is a master. Throws `store_no_master` where none is found in time. */
  async attached(withinMs: number): Promise<void> {
    if (this.clone.state !== 'attached') await this.waitForMaster(withinMs);
    this.expectOpen();
    if (this.clone.state !== 'attached') throw this.noMaster();
  }

  get isIdle(): boolean {
    return this.held === undefined && this.clone.isIdle;
  }

  get contentNow(): StoreEntry[] {
    return this.clone.content.all();
  }

  status(): StoreStatus {
    const { clone, name, role } = this;
    const state = this.isClosed ? 'closed' : clone.state === 'attached' ? 'ready' : clone.state;
    const peers = clone.following === undefined ? [] : [clone.following];
    return { name, role, state, entries: clone.content.size, peers, pending: this.pending, ...this.trouble };
  }

  receive(payload: Uint8Array): void {
    const message = decodeStoreMessage(payload, this.limits);
    if (this.held) this.held.push(message);
    else this.perform(this.clone.receive(message));
  }

  tick(): void {
    this.perform(this.clone.tick());
    const now = this.wire.clock.now();
    if (this.readers.some(({ until }) => until <= now)) this.releaseReaders((until) => until <= now);
  }

  override async close(): Promise<void> {
    await super.close();
    this.releaseReaders(() => true);
  }

  protected async readable(): Promise<StoreContent> {
    this.expectOpen();
    if (!this.hasContent) await this.waitForMaster(STORE_READ_WAIT_MS);
    this.expectOpen();
    const away = this.detachedSince === undefined ? 0 : this.wire.clock.now() - this.detachedSince;
    if (!this.hasContent || away > STORE_STALE_MS) throw this.noMaster();
    return this.clone.content;
  }

  protected act(action: StoreAction, request: bigint): void {
    this.pending += 1;
    this.perform(this.clone.act(action, request));
  }

  protected override performOne(output: StoreOutput): void {
    switch (output.type) {
      case 'snapshot':
        this.held = [];
        void this.load(output);
        break;
      case 'attached':
        this.handleAttached(output);
        break;
      case 'detached':
        this.detachedSince = this.wire.clock.now();
        this.emit('detached', output.reason);
        break;
      default:
        if (output.type === 'done' || output.type === 'failed') this.pending -= 1;
        super.performOne(output);
    }
  }

  /** Reads a snapshot, with turns for others between its parts. What comes meanwhile waits. */
  private async load(snapshot: SnapshotOutput): Promise<void> {
    const content = new StoreContent();
    try {
      const reader = new SnapshotReader(snapshot.snapshot, this.limits);
      for (
        let part = reader.read(STORE_SNAPSHOT_PART);
        part.length > 0;
        part = reader.read(STORE_SNAPSHOT_PART)
      ) {
        for (const [key, value] of part) content.set({ key, value });
        await othersTurn();
      }
      if (!this.isClosed) this.perform(this.clone.attach(snapshot, content));
    } catch (error) {
      if (!(error instanceof ZeekwayError)) throw error;
      this.report(error);
      this.perform(this.clone.refuseSnapshot('its master sent a snapshot that cannot be read'));
    }
    const held = this.held ?? [];
    this.held = undefined;
    for (const message of held) this.perform(this.clone.receive(message));
  }

  private handleAttached({ master, before }: Extract<StoreOutput, { type: 'attached' }>): void {
    this.detachedSince = undefined;
    this.hasContent = true;
    this.emit('attached', { master, before });
    if (this.isFollowed)
      for (const event of differences(before, this.clone.content, master)) this.tell(event);
    this.releaseReaders(() => true);
  }

  private waitForMaster(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.readers.push({ resolve, until: this.wire.clock.now() + withinMs });
    });
  }

  private releaseReaders(which: (until: number) => boolean): void {
    const released = this.readers.filter(({ until }) => which(until));
    this.readers = this.readers.filter(({ until }) => !which(until));
    for (const { resolve } of released) resolve();
  }

  private noMaster(): ZeekwayError {
    return new ZeekwayError('store_no_master', `no peer answers as the master of the store ${this.name}`);
  }
}
