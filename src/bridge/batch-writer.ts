import type { BufferPool } from '../core/buffer-pool.js';
import { errorLine } from '../core/errors.js';
import { BATCHES_IN_FLIGHT } from '../core/limits.js';
import type { Logger } from '../core/logger.js';
import { commitBatch, type Position, storedPosition } from '../storage/batch.js';
import type { Database } from '../storage/database.js';
import { isDataError, isMissingError } from '../storage/database-error.js';
import type { Item } from '../zeek/item.js';
import { countBytes, countRows, halve, type RowSet } from './batch.js';
import type { DatabaseState } from './database-state.js';
import { DEAD_LETTERS } from './rows.js';

export interface BatchWriterOptions {
  readonly db: Database;
  /** A UUID that no other running process uses. */
  readonly writerId: () => string;
  readonly state: DatabaseState;
  /** Gives up what is being written. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** Gets the memory of rows that are committed. */
  readonly chunks: BufferPool;
  /** Told of what is committed: the rows, and how far the stream of entries is stored with them. */
  readonly onCommitted: (commit: Commit) => void;
  /** Called before each try: makes what the rows need in the database. */
  readonly prepare: (sets: readonly RowSet[]) => Promise<void>;
  /** Makes tables anew that somebody dropped. */
  readonly restore: (sets: readonly RowSet[]) => Promise<void>;
  /** The dead letter of an item whose row the server refused. */
  readonly rejected: (item: Item, error: unknown) => RowSet[];
}

/** A batch that is stored. */
export interface Commit {
  readonly sets: readonly RowSet[];
  readonly reached: Position;
  /** How long its last try took, in milliseconds. */
  readonly milliseconds: number;
}

interface PendingBatch {
  readonly sets: readonly RowSet[];
  readonly reached: Position;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Commits batches, one transaction each and one after the other, in the order they came.
 *
 * With its rows each batch stores the position that the stream of entries has reached. A COMMIT whose answer was
 * lost is tried again, and the position says whether it had come through: no row is written twice. When the
 * server refuses the content of a row, the rows are halved until those at fault stand alone; they become dead
 * letters in the same transaction.
 */
export class BatchWriter {
  /** The first one is being written. */
  private readonly queue: PendingBatch[] = [];
  private waiters: Waiter[] = [];
  /** What the database has; `unread` until it was asked. */
  private stored: Position | undefined | 'unread' = 'unread';
  /** The work on the queue, while there is any. */
  private running: Promise<void> | undefined;
  private failure: { readonly error: unknown } | undefined;

  constructor(private readonly options: BatchWriterOptions) {}

  /** What was handed over and is not committed. */
  get waiting(): { batches: number; rows: number; bytes: number } {
    return {
      batches: this.queue.length,
      rows: this.queue.reduce((sum, { sets }) => sum + countRows(sets), 0),
      bytes: this.queue.reduce((sum, { sets }) => sum + countBytes(sets), 0),
    };
  }

  get hasRoom(): boolean {
    return this.queue.length < BATCHES_IN_FLIGHT;
  }

  /** Hands a batch over. @param reached the position when it is stored. Throws what ended the writer. */
  enqueue(sets: readonly RowSet[], reached: Position): void {
    this.throwIfFailed();
    this.queue.push({ sets, reached });
    this.running ??= this.work();
  }

  /** Waits until another batch may be handed over. Throws what ended the writer. */
  async room(): Promise<void> {
    while (!this.hasRoom) await this.nextCommit();
  }

  /** Waits until all that was handed over is committed. Throws what ended the writer. */
  async idle(): Promise<void> {
    while (this.queue.length > 0) await this.nextCommit();
  }

  /** Waits until nothing is written any more: all is committed, or something ended the writer. */
  async stopped(): Promise<void> {
    await this.running;
  }

  /** Throws what ended the writer, if something did. */
  throwIfFailed(): void {
    if (this.failure) throw this.failure.error;
  }

  /** The position that the database has for this writer, asked anew. */
  async readPosition(): Promise<Position | undefined> {
    const { db, writerId, state } = this.options;
    this.stored = await state.persist('read how far the entries are stored', () =>
      storedPosition(db.pool, writerId()),
    );
    return this.stored;
  }

  private async nextCommit(): Promise<void> {
    this.throwIfFailed();
    await new Promise<void>((resolve, reject) => this.waiters.push({ resolve, reject }));
  }

  private async work(): Promise<void> {
    try {
      for (let batch = this.queue[0]; batch !== undefined; batch = this.queue[0]) {
        const commit = await this.write(batch);
        this.options.onCommitted(commit);
        for (const { chunks } of batch.sets) for (const chunk of chunks) this.options.chunks.give(chunk);
        this.queue.shift();
        for (const { resolve } of this.waiters.splice(0)) resolve();
      }
      this.running = undefined;
    } catch (error) {
      this.failure = { error };
      for (const { reject } of this.waiters.splice(0)) reject(error);
    }
  }

  private async write(batch: PendingBatch): Promise<Commit> {
    try {
      return await this.commit(batch, false);
    } catch (error) {
      if (!isDataError(error)) throw error;
      return this.commit(batch, true);
    }
  }

  /** @param replacing rows that the server refuses by dead letters. */
  private async commit({ sets, reached }: PendingBatch, replacing: boolean): Promise<Commit> {
    const { db, writerId, state, logger, prepare, restore, signal } = this.options;
    const writer = writerId();
    for (;;) {
      const expected = this.stored === 'unread' ? await this.readPosition() : this.stored;
      const batch = { writer, expected, reached, parts: sets };
      const replace = (set: RowSet, error: unknown): RowSet[] => this.replace(set, error);
      const options = replacing ? { replace, signal } : { signal };
      let tries = 0;
      let begin = 0;
      const outcome = await state.persist('write a batch', async () => {
        tries += 1;
        begin = performance.now();
        try {
          await prepare(sets);
          return await commitBatch(db, batch, options);
        } catch (error) {
          if (isMissingError(error)) await restore(sets);
          throw error;
        }
      });
      const milliseconds = performance.now() - begin;
      // Only where an earlier try of ours was in doubt: a position alone does not tell whose it is.
      const isOurs = outcome.status === 'elsewhere' && tries > 1 && isSame(outcome.found, reached);
      if (outcome.status === 'written' || isOurs) {
        this.stored = reached;
        return { sets: outcome.status === 'written' ? outcome.parts : sets, reached, milliseconds };
      }
      logger.error(
        { writer, expected, found: outcome.found },
        'another process writes with the same writer ID, or the database was restored from a backup',
      );
      this.stored = outcome.found;
    }
  }

  private replace(set: RowSet, error: unknown): RowSet[] {
    if (set.rows > 1) return halve(set);
    const item = set.items.at(0);
    if (item === undefined) return [];
    if (set.target !== DEAD_LETTERS) return this.options.rejected(item, error);
    this.options.logger.error({ err: error }, `a dead letter was refused and is lost: ${errorLine(error)}`);
    return [];
  }
}

const isSame = (a: Position | undefined, b: Position): boolean => a?.entry === b.entry && a.item === b.item;
