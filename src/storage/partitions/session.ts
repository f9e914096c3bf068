import pg from 'pg';
import { PARTITION_LOCK_TIMEOUT_MS } from '../../core/limits.js';
import type { Database } from '../database.js';
import { isTransient, sqlState, toDatabaseError } from '../database-error.js';

/** SQLSTATEs of what only had bad luck. */
const UNLUCKY = new Set([
  '55P03', // a lock was held
  '40P01', // a deadlock
  '57014', // cancelled in favour of a new column
  '42P01', // the partition was dropped in the meantime
  '42704', // or the index
]);

/** Whether something is to be tried again at the next pass without a word: somebody was in the way. */
export const isUnlucky = (error: unknown): boolean => UNLUCKY.has(sqlState(error));

/** Whether an error concerns the connection, so that nothing more can be done on it. */
export const isConnectionLost = (error: unknown): boolean => {
  const state = sqlState(error);
  return state === '' ? isTransient(error) : /^(08|57P)/.test(state);
};

/**
 * A connection of its own that holds an advisory lock as long as it lives: what it does, it does alone. Should the
 * process lose it, the server ends what it was doing before the lock is free.
 */
export class Session {
  private constructor(
    private readonly db: Database,
    readonly client: pg.Client,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /**
   * Runs `work` in a session, unless another one holds the lock. Throws the catalogue's error, and the signal's
   * reason when it ended.
   * @param doing completes "cannot ..." in errors.
   * @param signal cancels the statement that runs.
   */
  static async run<T>(
    db: Database,
    lock: number,
    doing: string,
    signal: AbortSignal | undefined,
    work: (session: Session) => Promise<T>,
  ): Promise<T | 'busy'> {
    signal?.throwIfAborted();
    const client = new pg.Client({ ...db.pool.options, application_name: 'zeekway maintenance' });
    // Told by the statement that runs.
    client.on('error', () => undefined);
    const session = new Session(db, client, signal);
    let cancelled: Promise<void> | undefined;
    const onAbort = (): void => {
      cancelled ??= session.cancel();
    };
    try {
      await client.connect();
      await client.query(`SET timezone = 'UTC'; SET max_parallel_maintenance_workers = 0`);
      await client.query(`SET lock_timeout = ${PARTITION_LOCK_TIMEOUT_MS}`);
      signal?.addEventListener('abort', onAbort);
      const { rows } = await client.query<{ ours: boolean }>('SELECT pg_try_advisory_lock($1, 0) AS ours', [
        lock,
      ]);
      return rows[0]?.ours ? await work(session) : 'busy';
    } catch (error) {
      signal?.throwIfAborted();
      throw toDatabaseError(error, doing);
    } finally {
      signal?.removeEventListener('abort', onAbort);
      await cancelled;
      await client.end().catch(() => undefined);
    }
  }

  /** Right before each statement, so that a cancel that came too early for it is not lost. */
  private checkSignal(): void {
    this.signal?.throwIfAborted();
  }

  /** Runs a statement that waits for locks as long as it takes: nobody has to wait behind it. */
  async patiently(text: string): Promise<void> {
    await this.run('SET lock_timeout = 0');
    try {
      await this.run(text);
    } finally {
      await this.client.query(`SET lock_timeout = ${PARTITION_LOCK_TIMEOUT_MS}`).catch(() => undefined);
    }
  }

  get isEnded(): boolean {
    return this.signal?.aborted ?? false;
  }

  /** Runs one statement outside of a transaction. Throws the server's error, and the signal's reason. */
  async run<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    this.checkSignal();
    const { rows } = await this.client.query<Row>(text, values);
    return rows;
  }

  /** Runs `work` in a transaction: all of it or nothing. Throws what it throws. */
  async transaction<T>(work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    this.checkSignal();
    await this.client.query('BEGIN');
    try {
      const result = await work(this.client);
      await this.client.query('COMMIT');
      return result;
    } catch (error) {
      await this.client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  /** On another connection: ours is busy. */
  private async cancel(): Promise<void> {
    const other = new pg.Client(this.db.pool.options);
    other.on('error', () => undefined);
    try {
      await other.connect();
      const pid = (this.client as unknown as { processID: number }).processID;
      await other.query('SELECT pg_cancel_backend($1)', [pid]);
    } catch {
      // The statement goes on to its end then.
    } finally {
      await other.end().catch(() => undefined);
    }
  }
}
