import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { errorLine } from '../../core/errors.js';
import { STORE_MIRROR_BATCH, STORE_MIRROR_CHANGES, STORE_RETRY_LONGEST_MS } from '../../core/limits.js';
import type { Logger } from '../../core/logger.js';
import type { Database } from '../../storage/database.js';
import { currentHistory, type HistoryChanges, writeHistory } from '../../storage/store-history.js';
import type { StoreEntry } from '../../store/backend.js';
import { untilItWorks } from '../../store/retry.js';
import { historyOf, historyOfContent, type MirroredChange } from './history-batch.js';

/** The whole content of a store, of now. */
type ContentOf = () => readonly StoreEntry[];

interface Reset {
  readonly store: string;
  readonly content: ContentOf;
}

/**
 * Writes what stores hold into `zeekway.store_history`, in the order in which it comes, as fast as the database takes it. It
 * is behind the stores and never holds them up: while the database is away changes wait, and where they become too many the
 * whole content is compared with the history when it is back, so that only what lay between is unknown.
 */
export class StoreMirror {
  private readonly writer = randomUUID();
  private number = 0;
  private changes: MirroredChange[] = [];
  /** Stores whose whole content is to be compared, before their changes are written. */
  private readonly resets = new Map<string, ContentOf>();
  private readonly contents = new Map<string, ContentOf>();
  private working: Promise<void> | undefined;
  private readonly stopping = new AbortController();

  constructor(
    private readonly options: {
      readonly db: Database;
      readonly logger: Logger;
      /** Nanoseconds since the Unix epoch. */
      readonly now: () => bigint;
    },
  ) {}

  /** Changes that wait. */
  get waiting(): number {
    return this.changes.length;
  }

  /** A store has a content that may be another one than it had. @param content asked when the database takes it. */
  reset(store: string, content: ContentOf): void {
    this.contents.set(store, content);
    this.forget(store);
    this.work();
  }

  /** A store changed; it was `reset` before. */
  change(change: MirroredChange): void {
    // It will be in the content that is compared.
    if (this.resets.has(change.store)) return;
    if (this.changes.length >= STORE_MIRROR_CHANGES) {
      this.options.logger.warn(
        { changes: this.changes.length },
        'too many changes of stores wait for the database: what they were in between will not be in the history',
      );
      for (const store of new Set(this.changes.map((one) => one.store))) this.forget(store);
      this.forget(change.store);
    } else this.changes.push(change);
    this.work();
  }

  /** Resolves when all is written, but for a database that is away. */
  async close(): Promise<void> {
    const grace = pause(STORE_RETRY_LONGEST_MS, undefined, { ref: false });
    await Promise.race([this.working, grace]);
    this.stopping.abort();
    await this.working;
  }

  private forget(store: string): void {
    const content = this.contents.get(store);
    if (content) this.resets.set(store, content);
    this.changes = this.changes.filter((change) => change.store !== store);
  }

  private work(): void {
    this.working ??= this.write().finally(() => {
      this.working = undefined;
    });
  }

  private async write(): Promise<void> {
    while (this.resets.size > 0 || this.changes.length > 0) {
      const [reset] = this.resets;
      const isDone = reset
        ? await this.writeContent({ store: reset[0], content: reset[1] })
        : await this.writeChanges();
      if (!isDone) return;
    }
  }

  private async writeContent({ store, content }: Reset): Promise<boolean> {
    const current = await this.persist(() => currentHistory(this.options.db, store));
    if (current === undefined) return false;
    // From here on changes are written again: the content has what came before.
    this.resets.delete(store);
    const changes = historyOfContent(content(), this.options.now(), current.value);
    return this.commit([{ store, ...changes }]);
  }

  private writeChanges(): Promise<boolean> {
    return this.commit(historyOf(this.changes.splice(0, STORE_MIRROR_BATCH)));
  }

  private async commit(changes: readonly HistoryChanges[]): Promise<boolean> {
    this.number += 1;
    const batch = { writer: this.writer, number: this.number };
    const done = await this.persist(() => writeHistory(this.options.db, batch, changes));
    return done !== undefined;
  }

  /** Until it works. @returns undefined where the mirror is closed before. */
  private persist<T>(work: () => Promise<T>): Promise<{ readonly value: T } | undefined> {
    return untilItWorks(work, {
      signal: this.stopping.signal,
      failed: (error, isFirst) => {
        if (isFirst)
          this.options.logger.warn({}, `the history of stores waits for the database: ${errorLine(error)}`);
      },
    });
  }
}
