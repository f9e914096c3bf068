import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../core/clock.js';
import { errorLine } from '../core/errors.js';
import { DATABASE_RETRY_FIRST_MS, DATABASE_RETRY_LONGEST_MS } from '../core/limits.js';
import type { Logger } from '../core/logger.js';
import { isDataError } from '../storage/database-error.js';

/** Whether the database takes what it is given. */
export type DatabaseStatus =
  | { readonly state: 'ok' }
  | { readonly state: 'retrying'; readonly since: Date; readonly lastError: string };

/**
 * Tries again until the database takes it, and knows whether it does. `retrying` begins with the first
 * failed try of any task and ends when no task is left that has failed. Each change is logged once.
 */
export class DatabaseState {
  private readonly failing = new Set<symbol>();
  private since = new Date(0);
  private lastError = '';

  constructor(
    private readonly logger: Logger,
    private readonly clock: Clock,
    /** Ends all tries; the tasks then throw its reason. */
    private readonly signal: AbortSignal,
  ) {}

  get status(): DatabaseStatus {
    if (this.failing.size === 0) return { state: 'ok' };
    return { state: 'retrying', since: this.since, lastError: this.lastError };
  }

  /**
   * Runs a task until it succeeds. Throws at once what `isFinal` says trying again cannot help against.
   * @param doing completes "cannot ...": `write a batch`.
   */
  async persist<T>(
    doing: string,
    task: () => Promise<T>,
    isFinal: (error: unknown) => boolean = isDataError,
  ): Promise<T> {
    const self = Symbol(doing);
    for (let wait = DATABASE_RETRY_FIRST_MS; ; wait = Math.min(wait * 2, DATABASE_RETRY_LONGEST_MS)) {
      this.signal.throwIfAborted();
      try {
        const result = await task();
        this.answered(self);
        return result;
      } catch (error) {
        if (isFinal(error)) {
          this.answered(self);
          throw error;
        }
        this.signal.throwIfAborted();
        this.failed(self, doing, error);
      }
      await this.pause(wait);
    }
  }

  private async pause(milliseconds: number): Promise<void> {
    try {
      await sleep(milliseconds, undefined, { signal: this.signal });
    } catch {
      this.signal.throwIfAborted();
    }
  }

  private failed(self: symbol, doing: string, error: unknown): void {
    this.lastError = errorLine(error);
    if (this.failing.size === 0) {
      this.since = new Date(Number(this.clock.wallNanos() / 1_000_000n));
      this.logger.warn({ err: error }, `database: cannot ${doing}, trying again: ${this.lastError}`);
    }
    this.failing.add(self);
  }

  private answered(self: symbol): void {
    if (!this.failing.delete(self) || this.failing.size > 0) return;
    this.logger.info({ since: this.since.toISOString() }, 'database: writing again');
  }
}
