import { setImmediate as nextTurn } from 'node:timers/promises';
import { DecodeError } from '../codec/bytes.js';
import type { Clock } from '../core/clock.js';
import { errorLine, ZeekwayError } from '../core/errors.js';
import { BATCH_AGE_MS, BATCH_BYTES, BATCH_SLICE_BYTES, BATCHES_IN_FLIGHT } from '../core/limits.js';
import type { Logger } from '../core/logger.js';
import type { Position } from '../storage/batch.js';
import { type Database, isTransient } from '../storage/database.js';
import { ensureDays } from '../storage/partitions/ensure-days.js';
import type { DeadLetterItem, EventItem, IdentifierItem, Item, LogItem, SchemaItem } from '../zeek/item.js';
import type { LogSchema } from '../zeek/log-schema.js';
import { Batch, type RowSet } from './batch.js';
import { BatchWriter, type Commit } from './batch-writer.js';
import { chunkPool, LARGEST_CHUNK_BYTES } from './copy-buffer.js';
import { DatabaseState, type DatabaseStatus } from './database-state.js';
import { type DeadLetterKind, DeadLetterLog } from './dead-letter-log.js';
import { Destinations, type LogDestination } from './destinations.js';
import { type IngestCount, IngestCounter } from './ingest-counter.js';
import {
  DEAD_LETTERS,
  deadLetter,
  EVENTS,
  IDENTIFIERS,
  type RowTarget,
  type RowWriter,
  writeDeadLetter,
  writeEvent,
  writeIdentifier,
} from './rows.js';
import { type BridgeStatistics, StatisticsCounter } from './statistics.js';

export interface BridgeOptions {
  readonly db: Database;
  /** A UUID that no other running process uses (`zeekway.writers.id`); a function where it may change. */
  readonly writerId: string | (() => string);
  /** `zeekway.replays.id` of the replay that this is. */
  readonly replayId?: number;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Told of each commit. */
  readonly onCommitted?: (commit: Commit) => void;
}

/** The chunks of all batches that there are at the same time: one that fills, and those that wait. */
const CHUNKS_KEPT = ((BATCHES_IN_FLIGHT + 1) * BATCH_BYTES) / LARGEST_CHUNK_BYTES;

/** Where a stream of entries begins. */
const START: Position = { entry: 0, item: 0 };

export interface BridgeStatus {
  readonly database: DatabaseStatus;
  readonly written: BridgeStatistics;
  readonly deadLetterKinds: readonly DeadLetterKind[];
  /** What was taken and is not committed. */
  readonly waiting: { readonly batches: number; readonly rows: number; readonly bytes: number };
}

/**
 * Writes a stream of items to the database, wherever it comes from.
 *
 * The stream comes in entries (a message each), which are numbered. Their rows are collected in a batch. A batch that
 * is full (BATCH_BYTES) or old (BATCH_AGE_MS) is handed to the writer, which commits it together with the position
 * that it reaches in the stream, while the next one fills. When BATCHES_IN_FLIGHT wait for the database, `run` takes
 * nothing more from its source: that is the back-pressure. While the database is away nothing is lost and nothing
 * more is taken.
 */
export class Bridge {
  private readonly chunks = chunkPool(CHUNKS_KEPT);
  private batch = new Batch(this.chunks);
  private ageTimer: NodeJS.Timeout | undefined;
  private bytesThisTurn = 0;
  /** Items that were taken from a source and are in no batch yet. */
  private taken = 0;
  /** Behind the last item that is in a batch, and the same of the last batch that was handed over. */
  private position = START;
  private sealed = START;
  private accepting: Promise<void> | undefined;
  private isClosed = false;
  private readonly end = new AbortController();
  private readonly state: DatabaseState;
  private readonly destinations: Destinations;
  private readonly writer: BatchWriter;
  private readonly counter = new StatisticsCounter();
  private readonly ingested = new IngestCounter();
  private readonly deadLetterLog: DeadLetterLog;

  constructor(private readonly options: BridgeOptions) {
    const { db, writerId, replayId, logger, clock, onCommitted } = options;
    this.deadLetterLog = new DeadLetterLog(logger);
    this.state = new DatabaseState(logger, clock, this.end.signal);
    this.destinations = new Destinations(db, this.state, replayId);
    this.writer = new BatchWriter({
      db,
      writerId: typeof writerId === 'string' ? () => writerId : writerId,
      state: this.state,
      signal: this.end.signal,
      logger,
      chunks: this.chunks,
      onCommitted: (commit) => {
        this.counter.committed(commit.sets);
        this.ingested.committed(commit.sets);
        onCommitted?.(commit);
      },
      prepare: (sets) => this.makeDays(sets),
      restore: (sets) => this.destinations.restore(sets),
      rejected: (item, error) => this.rejected(item, error),
    });
  }

  get status(): BridgeStatus {
    const { batches, rows, bytes } = this.writer.waiting;
    return {
      database: this.state.status,
      written: this.counter.snapshot(),
      deadLetterKinds: this.deadLetterLog.snapshot(),
      waiting: { batches, rows: rows + this.batch.rows + this.taken, bytes: bytes + this.batch.bytes },
    };
  }

  /** What was stored, by peer and stream. */
  get ingest(): IngestCount[] {
    return this.ingested.snapshot();
  }

  /** Does what has to be done before anything is stored, again until the database can. Throws what is no lack of it. */
  async prepare(task: () => Promise<void>): Promise<void> {
    await this.state.persist('prepare the database', task, (error) => !isTransient(error));
  }

  /**
   * How far the entries of this writer are stored, `START` where nothing is. Waits until the database can tell.
   */
  async storedPosition(): Promise<Position> {
    return (await this.writer.readPosition()) ?? START;
  }

  /**
   * Takes all entries of a source, as fast as the database takes them; one source at a time. When it resolves all
   * items are in batches; `flush` or `close` waits until they are committed. Throws what the source throws,
   * `items_not_written` after `close`, and what ended the writer.
   * @param from the number of the source's first entry, and how many of its items are stored already; a further
   * source goes on behind the one before it.
   */
  async run(source: AsyncIterable<readonly Item[]>, from: Position = this.position): Promise<void> {
    this.position = from;
    this.sealed = from;
    for await (const items of source) {
      if (this.isClosed) throw this.notWritten(items.length, 'they came after the bridge was closed');
      this.accepting = this.accept(items);
      await this.accepting;
    }
  }

  /** Waits until everything that was taken so far is committed. Throws what ended the writer. */
  async flush(): Promise<void> {
    await this.accepting;
    this.seal();
    await this.writer.idle();
  }

  /**
   * Takes nothing more and resolves when everything taken is committed. End the sources first.
   * @param deadlineMs gives up after so many milliseconds and throws `items_not_written` with their number.
   */
  async close({ deadlineMs }: { deadlineMs?: number } = {}): Promise<void> {
    this.isClosed = true;
    const ended = new Promise<never>((_, reject) => {
      this.end.signal.addEventListener('abort', () => reject(this.end.signal.reason));
    });
    const timer =
      deadlineMs === undefined ? undefined : setTimeout(() => this.giveUp(deadlineMs), deadlineMs);
    try {
      await Promise.race([this.flush(), ended]);
    } finally {
      clearTimeout(timer);
      clearTimeout(this.ageTimer);
    }
  }

  /**
   * Gives up what is not committed: `run` and `flush` throw the reason. Resolves when nothing is being written any
   * more.
   */
  async abort(reason: ZeekwayError): Promise<void> {
    this.isClosed = true;
    this.end.abort(reason);
    clearTimeout(this.ageTimer);
    await this.writer.stopped();
  }

  private giveUp(afterMs: number): void {
    const { database, waiting } = this.status;
    const why = database.state === 'retrying' ? `: ${database.lastError}` : '';
    this.end.abort(this.notWritten(waiting.rows, `not within ${afterMs} ms${why}`));
  }

  private notWritten(items: number, why: string): ZeekwayError {
    return new ZeekwayError('items_not_written', `${items} items were not written: ${why}`);
  }

  /** Puts the items of the entry at `position` into batches, but for those that were stored before. */
  private async accept(items: readonly Item[]): Promise<void> {
    this.writer.throwIfFailed();
    const { entry, item: first } = this.position;
    this.taken = items.length - first;
    for (let index = first; index < items.length; index++) {
      const item = items[index] as Item;
      while (this.batch.bytes >= BATCH_BYTES) {
        if (this.writer.hasRoom) this.seal();
        else await this.writer.room();
      }
      if (this.bytesThisTurn >= BATCH_SLICE_BYTES) {
        this.bytesThisTurn = 0;
        await nextTurn();
      }
      const { origin } = item;
      const source = this.destinations.knownSource(origin) ?? (await this.destinations.source(origin));
      if (item.kind === 'log' || item.kind === 'schema') {
        const { schema } = item;
        const log = this.destinations.knownLog(schema) ?? (await this.newLog(schema));
        this.putLog(item, log, source);
      } else {
        this.put(item, source);
      }
      this.position = { entry, item: index + 1 };
      this.taken -= 1;
    }
    this.position = { entry: entry + 1, item: 0 };
    // An entry without rows has to be passed, too.
    this.sealLater();
  }

  /**
   * Where the records of a log go that is new here. While others use its table that can take long: what is in the
   * batch does not wait for it.
   */
  private newLog(schema: LogSchema): Promise<LogDestination> {
    this.sealLater();
    return this.destinations.log(schema);
  }

  private putLog(item: LogItem | SchemaItem, log: LogDestination, source: number): void {
    if ('invalid' in log) {
      this.put(deadLetter(item, 'log_schema_invalid', log.invalid), source);
      return;
    }
    if (item.kind === 'schema') return;
    try {
      const isExact = this.add(log.target, item, source, log.write);
      if (!isExact) this.put(deadLetter(item, 'value_out_of_range', OUT_OF_RANGE), source);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.put(deadLetter(item, 'log_record_malformed', error.message), source);
    }
  }

  private put(item: EventItem | IdentifierItem | DeadLetterItem, source: number): void {
    switch (item.kind) {
      case 'event':
        this.add(EVENTS, item, source, writeEvent);
        break;
      case 'identifier':
        this.add(IDENTIFIERS, item, source, writeIdentifier);
        break;
      case 'dead-letter':
        this.deadLetterLog.add(item);
        this.add(DEAD_LETTERS, item, source, writeDeadLetter);
        break;
    }
  }

  private add<I extends Item, T>(target: RowTarget, item: I, source: number, write: RowWriter<I, T>): T {
    const { batch } = this;
    const before = batch.bytes;
    const result = batch.add(target, item, source, write);
    this.bytesThisTurn += batch.bytes - before;
    return result;
  }

  private sealLater(): void {
    const { batch } = this;
    this.ageTimer ??= setTimeout(() => void this.sealWhenIdle(batch), BATCH_AGE_MS);
  }

  /** An old batch goes out when the database has nothing else to do; else it may as well grow. */
  private async sealWhenIdle(batch: Batch): Promise<void> {
    try {
      await this.writer.idle();
      if (this.batch === batch) this.seal();
    } catch {
      // What ended the writer is thrown to everybody who waits for it: run, flush and close.
    }
  }

  private seal(): void {
    clearTimeout(this.ageTimer);
    this.ageTimer = undefined;
    if (this.position === this.sealed) return;
    const sets = this.batch.rowSets();
    this.batch = new Batch(this.chunks);
    this.sealed = this.position;
    this.writer.enqueue(sets, this.position);
  }

  /** Makes the partitions that rows are for; where that cannot be now, the rows go to the default partition. */
  private async makeDays(sets: readonly RowSet[]): Promise<void> {
    const { db, replayId, clock, logger } = this.options;
    const now = Number(clock.wallNanos() / 1_000_000n);
    for (const { target, days } of sets) {
      if (days.size === 0) continue;
      const options = { backfill: replayId !== undefined, now };
      const { problem } = await ensureDays(db, target.table, days, options);
      if (problem) {
        logger.warn(
          { table: target.table, code: problem.code },
          `rows go to the default partition for now: ${errorLine(problem)}`,
        );
      }
    }
  }

  private rejected(item: Item, error: unknown): RowSet[] {
    const source = this.destinations.knownSource(item.origin);
    if (source === undefined) throw new Error('a row was written for an unknown source');
    const letter = deadLetter(item, 'row_rejected', errorLine(error));
    this.deadLetterLog.add(letter);
    const batch = new Batch();
    batch.add(DEAD_LETTERS, letter, source, writeDeadLetter);
    return batch.rowSets();
  }
}

const OUT_OF_RANGE =
  'a time is none that PostgreSQL can hold: the row has infinity, -infinity or NULL in its place';
