import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PayloadFormat } from '../codec/payload-format.js';
import { BufferPool, sharedBuffer } from '../core/buffer-pool.js';
import type { Clock } from '../core/clock.js';
import { errorLine, ZeekwayError } from '../core/errors.js';
import {
  SPOOL_BUFFERS_KEPT,
  SPOOL_BYTES,
  SPOOL_GROUPS_UNSYNCED,
  SPOOL_MEMORY_BYTES,
  SPOOL_RELEASE_MS,
  SPOOL_RETRY_FIRST_MS,
  SPOOL_RETRY_LONGEST_MS,
  SPOOL_SYNC_BYTES,
  SPOOL_SYNC_MS,
} from '../core/limits.js';
import type { Logger } from '../core/logger.js';
import { GroupBuilder, type SpoolSource } from './entry.js';
import { lockFolder } from './lock.js';
import { SpoolStore } from './store.js';
import type { GroupKey, StateChange } from './store-worker.js';
import { StoredGroups } from './stored-groups.js';

export interface SpoolOptions {
  readonly folder: string;
  readonly logger: Logger;
  readonly clock: Clock;
  /** What may wait in it; reading stops when it is full. Default: SPOOL_BYTES. */
  readonly sizeBytes?: number;
  /** When entries are made durable: SPOOL_SYNC_BYTES, SPOOL_SYNC_MS. */
  readonly syncBytes?: number;
  readonly syncIntervalMs?: number;
  /** Default: SPOOL_MEMORY_BYTES. */
  readonly memoryBytes?: number;
}

export interface SpoolStatus {
  /** `full`: nothing more is taken until the database has taken some; `failing`: the disk refuses it. */
  readonly state: 'ok' | 'full' | 'failing';
  readonly lastError?: string;
  /** What is on the disk and not yet in the database, and how much it may be. */
  readonly bytes: number;
  readonly sizeBytes: number;
  readonly entries: number;
  /** How many entries were made durable since the spool was made. */
  readonly durableEntries: number;
  /** What is on its way to the disk. */
  readonly unsyncedBytes: number;
  /** How long the oldest entry has waited, in milliseconds. */
  readonly oldestMs: number;
  /** Groups made durable since the start, and how long the disk took for all of them, in milliseconds. */
  readonly syncs: number;
  readonly syncMs: number;
  /** Groups that were read from the disk again, since memory had no room for them. */
  readonly reads: number;
}

/** Entries that are durable. */
export interface Group {
  /** The number of its first entry, and of the first one behind it. */
  readonly first: number;
  readonly end: number;
  readonly content: Uint8Array;
}

/** A group that takes no more entries. */
interface SealedGroup {
  readonly first: number;
  readonly end: number;
  readonly bytes: number;
  readonly content: Uint8Array;
}

/** What a group may be larger than `syncBytes`: its last message. A larger one gets a buffer of its own. */
const LAST_MESSAGE_BYTES = 512 * 1024;
/** A group of less than this part of its buffer is copied out of it. */
const SMALL_PART = 1 / 8;

/**
 * A durable queue of entries between receiving and storing.
 *
 * Entries are appended to a group in memory. A group that is large (`syncBytes`) or old (`syncIntervalMs`) is made
 * durable, and only then can it be taken by the one who reads. It stays on the disk until it is released: when the
 * database has it. Between the two a group is also kept in memory while there is room, so that who keeps up never
 * waits for the disk. A disk that refuses a group is asked again until it takes it; what was appended stays in memory
 * meanwhile, and `hasRoom` turns false, as it does when `sizeBytes` wait.
 *
 * A spool that is opened again begins with the first group that was not released.
 */
export class Spool {
  /** What appends to it now. */
  private filling: GroupBuilder | undefined;
  private syncTimer: NodeJS.Timeout | undefined;
  /** The timer has run, and the group waits for the one before it. */
  private isOld = false;
  /** On their way to the disk; the first is being written. */
  private readonly unsynced: SealedGroup[] = [];
  private readonly buffers: BufferPool;
  private readonly stored: StoredGroups;
  /** Released, but still on the disk; with the state that has to change with them. */
  private removed: GroupKey[] = [];
  private removedBytes = 0;
  private stateChanges: StateChange[] = [];
  private releaseTimer: NodeJS.Timeout | undefined;
  private end: number;
  private working: Promise<void> | undefined;
  private isFinished = false;
  private lastError: string | undefined;
  private syncs = 0;
  private syncMs = 0;
  private reads = 0;
  private waiters: (() => void)[] = [];
  private closing: Promise<void> | undefined;
  private readonly stop = new AbortController();
  /** The number of the first entry that is appended after opening. */
  readonly firstNew: number;

  private constructor(
    private readonly store: SpoolStore,
    private readonly unlock: () => void,
    private readonly options: Required<SpoolOptions>,
    private identity: string,
  ) {
    const { syncBytes, memoryBytes } = options;
    const kept = Math.ceil(memoryBytes / syncBytes) + SPOOL_BUFFERS_KEPT;
    this.buffers = new BufferPool(syncBytes + LAST_MESSAGE_BYTES, kept, sharedBuffer);
    this.stored = new StoredGroups(this.buffers, memoryBytes);
    for (const key of store.content.groups) this.stored.add(key, undefined);
    this.end = this.stored.newest?.end ?? storedEnd(store);
    this.firstNew = this.end;
  }

  /** Opens the spool of a folder, which it makes where there is none. Throws `spool_failed`, `spool_busy`. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const all = {
      sizeBytes: SPOOL_BYTES,
      syncBytes: SPOOL_SYNC_BYTES,
      syncIntervalMs: SPOOL_SYNC_MS,
      memoryBytes: SPOOL_MEMORY_BYTES,
      ...options,
    };
    const unlock = await lockFolder(options.folder);
    try {
      const store = await SpoolStore.open(options.folder, all.sizeBytes);
      return new Spool(store, unlock, all, store.content.id);
    } catch (error) {
      unlock();
      throw error;
    }
  }

  /** A UUID: under this name the database keeps how far the entries are stored. */
  get id(): string {
    return this.identity;
  }

  /** The number of the first entry that is there. */
  get first(): number {
    return this.stored.oldest?.first ?? this.unsynced[0]?.first ?? this.filling?.first ?? this.end;
  }

  /** The number that the next entry gets. */
  get next(): number {
    return this.end;
  }

  /** The state that was stored for the first entry. */
  get state(): ReadonlyMap<string, string> {
    return new Map(this.store.content.state.map(({ name, text }) => [name, text]));
  }

  /**
   * Gives the spool another identity, when the database knows entries of this one that the spool does not have.
   * Throws `spool_failed`.
   */
  async renew(): Promise<void> {
    const id = randomUUID();
    await this.store.rename(id);
    this.identity = id;
  }

  /** Whether more should be appended now; wait for `room` where not. */
  get hasRoom(): boolean {
    return this.unsynced.length < SPOOL_GROUPS_UNSYNCED && !this.isFull;
  }

  private get isFull(): boolean {
    return this.stored.bytes + this.removedBytes + this.unsyncedBytes >= this.options.sizeBytes;
  }

  private get unsyncedBytes(): number {
    return this.unsynced.reduce((sum, { bytes }) => sum + bytes, this.filling?.bytes ?? 0);
  }

  get status(): SpoolStatus {
    const oldest = this.stored.oldest?.at;
    const now = Number(this.options.clock.wallNanos() / 1_000_000n);
    return {
      state: this.lastError !== undefined ? 'failing' : this.isFull ? 'full' : 'ok',
      ...(this.lastError === undefined ? {} : { lastError: this.lastError }),
      bytes: this.stored.bytes,
      sizeBytes: this.options.sizeBytes,
      entries: this.end - this.first,
      durableEntries: this.unsynced[0]?.first ?? this.filling?.first ?? this.end,
      unsyncedBytes: this.unsyncedBytes,
      oldestMs: oldest === undefined ? 0 : Math.max(0, now - oldest),
      syncs: this.syncs,
      syncMs: this.syncMs,
      reads: this.reads,
    };
  }

  get isClosed(): boolean {
    return this.closing !== undefined;
  }

  /** Waits until more may be appended, or the spool is closed. */
  async room(): Promise<void> {
    while (!this.hasRoom && !this.isClosed) await this.change();
  }

  /** Begins a source: its messages follow. @returns its number. */
  begin(source: SpoolSource): number {
    const number = this.end;
    this.append((group) => group.begin(number, source));
    return number;
  }

  message(
    source: number,
    received: bigint,
    topic: string,
    payload: Uint8Array,
    format?: PayloadFormat,
  ): void {
    this.append((group) => group.message(source, received, topic, payload, format));
  }

  /** Ends a source: no messages of it follow. */
  endSource(source: number): void {
    this.append((group) => group.endSource(source));
  }

  /** Waits until all that was appended is durable. */
  async flush(): Promise<void> {
    this.seal();
    while (this.unsynced.length > 0) await this.change();
  }

  /** Nothing more is appended: `groups` ends when all were taken. */
  finish(): void {
    this.seal();
    this.isFinished = true;
    this.changed();
  }

  /** The groups, each once it is durable, to one reader. The content of one that is not there any more is empty. */
  async *groups(): AsyncGenerator<Group, void> {
    for (;;) {
      const group = this.stored.next;
      if (group === undefined) {
        if (this.stop.signal.aborted || (this.isFinished && this.unsynced.length === 0)) return;
        await this.change();
        continue;
      }
      const content = group.content ?? (await this.readAgain(group.key));
      if (content === undefined) return;
      this.stored.take(content);
      const { first, end } = group.key;
      yield { first, end, content };
    }
  }

  /**
   * Gives up all groups before an entry: they are stored elsewhere.
   * @param stateAt the changes of the state up to the entry at which the first group that stays begins; called only
   * where a group is given up.
   */
  release(entry: number, stateAt: (first: number) => readonly StateChange[]): void {
    const released = this.stored.release(entry);
    if (released.length === 0) return;
    this.removed.push(...released);
    this.removedBytes += sizeOf(released);
    this.stateChanges.push(...stateAt(this.stored.oldest?.first ?? entry));
    if (this.isFull) this.work();
    else this.releaseTimer ??= setTimeout(() => this.work(), SPOOL_RELEASE_MS);
  }

  /** Stops and leaves what is there for the next opening. What is not durable by then is given up. */
  close(): Promise<void> {
    this.closing ??= this.closeOnce();
    return this.closing;
  }

  private async closeOnce(): Promise<void> {
    this.seal();
    this.isFinished = true;
    clearTimeout(this.syncTimer);
    clearTimeout(this.releaseTimer);
    if (this.removed.length > 0 && this.lastError === undefined) this.work();
    this.stop.abort();
    this.changed();
    await this.working;
    const lost = this.unsynced.reduce((sum, { first, end }) => sum + end - first, 0);
    if (lost > 0) this.options.logger.error({ entries: lost }, `${lost} entries are lost: ${this.lastError}`);
    await this.store.close();
    this.unlock();
  }

  private append(write: (group: GroupBuilder) => void): void {
    if (this.isFinished) throw new ZeekwayError('internal', 'an entry came after the spool was finished');
    const { syncBytes, syncIntervalMs } = this.options;
    if (this.filling === undefined) {
      this.filling = new GroupBuilder(this.end, this.buffers.take());
      this.syncTimer = setTimeout(() => this.sealOld(), syncIntervalMs);
    }
    write(this.filling);
    this.end += 1;
    if (this.filling.bytes >= syncBytes) this.seal();
  }

  /** A group that is old goes out, but on a slow disk it may as well grow while another is being written. */
  private sealOld(): void {
    this.isOld = true;
    if (this.unsynced.length === 0) this.seal();
  }

  private seal(): void {
    clearTimeout(this.syncTimer);
    this.isOld = false;
    if (this.filling === undefined) return;
    this.unsynced.push(this.sealed(this.filling));
    this.filling = undefined;
    this.work();
  }

  /** A small group does not keep a large buffer. */
  private sealed(group: GroupBuilder): SealedGroup {
    const { first, end, bytes } = group;
    const whole = group.content();
    if (bytes >= this.buffers.bytes * SMALL_PART) return { first, end, bytes, content: whole };
    const content = sharedBuffer(bytes);
    content.set(whole);
    this.buffers.give(whole);
    return { first, end, bytes, content };
  }

  private work(): void {
    this.working ??= this.writeAll().finally(() => {
      this.working = undefined;
    });
  }

  /** Writes what waits: groups, and the removal of others in the same stroke. */
  private async writeAll(): Promise<void> {
    for (let wait = SPOOL_RETRY_FIRST_MS; this.unsynced.length > 0 || this.removed.length > 0; ) {
      clearTimeout(this.releaseTimer);
      this.releaseTimer = undefined;
      try {
        await this.writeOne();
        this.recovered();
        wait = SPOOL_RETRY_FIRST_MS;
        if (this.isOld && this.unsynced.length === 0) this.seal();
      } catch (error) {
        this.failed(error);
        if (this.stop.signal.aborted) return;
        await this.pause(wait);
        wait = Math.min(wait * 2, SPOOL_RETRY_LONGEST_MS);
      }
      this.changed();
    }
  }

  private async writeOne(): Promise<void> {
    // On a disk that is full there is room for a group only when others are gone.
    const isRemovalFirst = this.lastError !== undefined && this.removed.length > 0;
    const sealed = isRemovalFirst ? undefined : this.unsynced[0];
    const removed = this.removed.splice(0);
    const state = this.stateChanges.splice(0);
    const begin = performance.now();
    try {
      if (sealed === undefined) {
        await this.store.apply({ removed, state });
      } else {
        const { first, end, bytes, content } = sealed;
        const at = Number(this.options.clock.wallNanos() / 1_000_000n);
        const key = { first, end, bytes, at };
        // Where the entries end is known also when all groups are gone.
        const ended = { name: END, text: String(key.end) };
        await this.store.apply({ group: { ...key, content }, removed, state: [...state, ended] });
        this.unsynced.shift();
        this.stored.add(key, content);
        this.syncs += 1;
        this.syncMs += performance.now() - begin;
      }
    } catch (error) {
      this.removed.unshift(...removed);
      this.stateChanges.unshift(...state);
      throw error;
    }
    this.removedBytes -= sizeOf(removed);
  }

  /** Reads a group from the disk, and tries again until that works or the spool is closed. */
  private async readAgain(key: GroupKey): Promise<Uint8Array | undefined> {
    const buffer = key.bytes <= this.buffers.bytes ? this.buffers.take() : sharedBuffer(key.bytes);
    for (let wait = SPOOL_RETRY_FIRST_MS; !this.stop.signal.aborted; ) {
      try {
        const size = await this.store.read(key, buffer);
        this.reads += 1;
        return buffer.subarray(0, size);
      } catch (error) {
        this.failed(error);
        await this.pause(wait);
        wait = Math.min(wait * 2, SPOOL_RETRY_LONGEST_MS);
      }
    }
    return undefined;
  }

  private async pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.stop.signal }).catch(() => {
      // Closed: whoever waits looks at the signal.
    });
  }

  private failed(error: unknown): void {
    if (this.lastError === undefined) this.options.logger.error({}, `${errorLine(error)}: trying again`);
    this.lastError = errorLine(error);
  }

  private recovered(): void {
    if (this.lastError !== undefined) this.options.logger.info({}, 'the spool is written again');
    this.lastError = undefined;
  }

  /** Waits for anything that happens. */
  private change(): Promise<void> {
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  private changed(): void {
    for (const wake of this.waiters.splice(0)) wake();
  }
}

const sizeOf = (keys: readonly GroupKey[]): number => keys.reduce((sum, { bytes }) => sum + bytes, 0);

/** The name of the state that says where the entries end. */
const END = 'end';

function storedEnd({ content }: SpoolStore): number {
  return Number(content.state.find(({ name }) => name === END)?.text ?? 0);
}
