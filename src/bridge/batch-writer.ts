import { errorLine } from '../core/errors.js';
import { BATCHES_IN_FLIGHT } from '../core/limits.js';
import type { Logger } from '../core/logger.js';
import { commitBatch } from '../storage/batch.js';
import type { Database } from '../storage/database.js';
import type { Item } from '../zeek/item.js';
import { countBytes, countRows, halve, type RowSet } from './batch.js';
import { type DatabaseState, isDataError, isMissingError } from './database-state.js';
import { DEAD_LETTERS } from './rows.js';

export interface BatchWriterOptions {
  readonly db: Database;
  /** A UUID that no other running process uses. */
  readonly writerId: string;
  readonly state: DatabaseState;
  /** Gives up what is being written. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** Told of rows when they are committed. */
  readonly onCommitted: (sets: readonly RowSet[]) => void;
  /** Makes tables anew that somebody dropped. */
  readonly restore: (sets: readonly RowSet[]) => Promise<void>;
  /** The dead letter of an item whose row the server refused. */
  readonly rejected: (item: Item, error: unknown) => RowSet[];
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Commits batches, one transaction each and one after the other, in the order they came.
 *
 * A batch has a number. A COMMIT whose answer was lost is tried again with the same number, and storage says
 * `already` when it had come through: no row is written twice. When the server refuses the content of a row,
 * the batch is halved until the rows at fault stand alone; they become dead letters.
 */
export class BatchWriter {
  /** The first one is being written. */
  private readonly queue: (readonly RowSet[])[] = [];
  private waiters: Waiter[] = [];
  private lastBatch: bigint | undefined;
  /** The work on the queue, while there is any. */
  private running: Promise<void> | undefined;
  private failure: { readonly error: unknown } | undefined;

  constructor(private readonly options: BatchWriterOptions) {}

  /** What was handed over and is not committed. */
  get waiting(): { batches: number; rows: number; bytes: number } {
    return {
      batches: this.queue.length,
      rows: this.queue.reduce((sum, sets) => sum + countRows(sets), 0),
      bytes: this.queue.reduce((sum, sets) => sum + countBytes(sets), 0),
    };
  }

  get hasRoom(): boolean {
    return this.queue.length < BATCHES_IN_FLIGHT;
  }

  /** Hands a batch over. Throws what ended the writer. */
  enqueue(sets: readonly RowSet[]): void {
    this.throwIfFailed();
    this.queue.push(sets);
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

  private async nextCommit(): Promise<void> {
    this.throwIfFailed();
    await new Promise<void>((resolve, reject) => this.waiters.push({ resolve, reject }));
  }

  /** Throws what ended the writer, if something did. */
  throwIfFailed(): void {
    if (this.failure) throw this.failure.error;
  }

  private async work(): Promise<void> {
    try {
      for (let sets = this.queue[0]; sets !== undefined; sets = this.queue[0]) {
        this.queue.splice(0, 1, ...(await this.write(sets)));
        for (const { resolve } of this.waiters.splice(0)) resolve();
      }
      this.running = undefined;
    } catch (error) {
      this.failure = { error };
      for (const { reject } of this.waiters.splice(0)) reject(error);
    }
  }

  /** Writes a batch; returns what is to be written in its place. */
  private async write(sets: readonly RowSet[]): Promise<(readonly RowSet[])[]> {
    try {
      await this.commit(sets);
      this.options.onCommitted(sets);
      return [];
    } catch (error) {
      if (!isDataError(error)) throw error;
      return countRows(sets) > 1 ? halve(sets) : this.reject(sets, error);
    }
  }

  private async commit(sets: readonly RowSet[]): Promise<void> {
    const { db, writerId: writer, state, logger, restore, signal } = this.options;
    const parts = sets.map(({ target, items, chunks }) => ({
      target: target.table,
      columns: [...target.columns],
      rows: items.length,
      chunks: [...chunks],
    }));
    for (;;) {
      this.lastBatch ??= await this.readLastBatch();
      const seq: bigint = this.lastBatch + 1n;
      let tries = 0;
      const outcome = await state.persist('write a batch', async () => {
        tries += 1;
        try {
          return await commitBatch(db, { writer, seq, parts }, signal);
        } catch (error) {
          if (isMissingError(error)) await restore(sets);
          throw error;
        }
      });
      if (outcome === 'written' || tries > 1) {
        this.lastBatch = seq;
        return;
      }
      // Nothing of ours was in doubt, so the number was taken by somebody else.
      logger.error({ writer, seq: String(seq) }, 'another process writes with the same writer ID');
      this.lastBatch = undefined;
    }
  }

  private async readLastBatch(): Promise<bigint> {
    const { db, writerId, state } = this.options;
    return state.persist('read the number of the last batch', async () => {
      const { rows } = await db.pool.query<{ seq: string }>('SELECT seq FROM zeekway.writers WHERE id = $1', [
        writerId,
      ]);
      return BigInt(rows[0]?.seq ?? 0);
    });
  }

  private reject(sets: readonly RowSet[], error: unknown): RowSet[][] {
    const [set] = sets;
    const [item] = set?.items ?? [];
    if (set === undefined || item === undefined) return [];
    if (set.target !== DEAD_LETTERS) return [this.options.rejected(item, error)];
    this.options.logger.error({ err: error }, `a dead letter was refused and is lost: ${errorLine(error)}`);
    return [];
  }
}
