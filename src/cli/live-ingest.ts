import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Commit } from '../bridge/batch-writer.js';
import { Bridge } from '../bridge/bridge.js';
import type { Clock } from '../core/clock.js';
import { ZeekwayError } from '../core/errors.js';
import { SHUTDOWN_DRAIN_MS } from '../core/limits.js';
import type { Logger } from '../core/logger.js';
import { type Incoming, takeIn } from '../spool/intake.js';
import { SpoolReader } from '../spool/reader.js';
import { Spool, type SpoolOptions } from '../spool/spool.js';
import type { Position } from '../storage/batch.js';
import type { Database } from '../storage/database.js';
import type { Item } from '../zeek/item.js';

/** What live peers send, on its way through the spool into the database. */
export interface LiveIngest {
  readonly spool: Spool;
  readonly bridge: Bridge;
  /** Goes on until the messages end and all are stored; rejects when something ended it. */
  readonly work: Promise<void>;
  /**
   * For when the messages have ended: waits until all are stored, but no longer than SHUTDOWN_DRAIN_MS, and not for a
   * database that is away. What is not stored by then stays in the spool.
   */
  close(): Promise<void>;
}

export interface LiveIngestOptions {
  readonly db: Database;
  /** What has to be done before anything is stored; tried again until the database can. */
  readonly prepare?: () => Promise<void>;
  /** The folder of what the gateway keeps. */
  readonly data: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly spool?: Pick<SpoolOptions, 'sizeBytes' | 'syncBytes' | 'syncIntervalMs'>;
  /** Told of each commit. */
  readonly onCommitted?: (commit: Commit) => void;
  /** Told of all items, in their order, as they are taken to be stored. */
  readonly onItems?: (items: readonly Item[]) => void;
}

/** Opens the spool and begins to take messages and to store them. Throws `spool_busy`, `spool_failed`. */
export async function startLiveIngest(
  messages: Incoming,
  { db, prepare, data, logger, clock, spool: sizes, onCommitted, onItems }: LiveIngestOptions,
): Promise<LiveIngest> {
  const spool = await Spool.open({ folder: join(data, 'spool'), logger, clock, ...sizes });
  try {
    const reader = new SpoolReader(spool, logger);
    const bridge = new Bridge({
      db,
      writerId: () => spool.id,
      logger,
      clock,
      onCommitted: (commit) => {
        onCommitted?.(commit);
        reader.release(commit.reached.entry);
      },
    });
    const taking = takeIn(messages, spool).finally(() => spool.finish());
    const storing = store(spool, shown(reader, onItems), bridge, logger, prepare);
    const work = Promise.all([taking, storing]).then(() => {});
    return { spool, bridge, work, close: () => close(spool, bridge, { taking, storing }, logger) };
  } catch (error) {
    await spool.close();
    throw error;
  }
}

type ItemsFrom = (entry: number) => AsyncIterable<readonly Item[]>;

/** Goes on where the database stands, once it can be asked. */
async function store(
  spool: Spool,
  itemsFrom: ItemsFrom,
  bridge: Bridge,
  logger: Logger,
  prepare: (() => Promise<void>) | undefined,
): Promise<void> {
  if (prepare) await bridge.prepare(prepare);
  const from = await begin(spool, bridge, logger);
  await bridge.run(itemsFrom(from.entry), from);
}

/** The items of a reader, each shown before it is taken. */
function shown(reader: SpoolReader, show: (items: readonly Item[]) => void = () => {}): ItemsFrom {
  return async function* (entry) {
    for await (const items of reader.items(entry)) {
      show(items);
      yield items;
    }
  };
}

/** Where the database stands in the entries of the spool. */
async function begin(spool: Spool, bridge: Bridge, logger: Logger): Promise<Position> {
  const stored = await bridge.storedPosition();
  if (stored.entry > spool.firstNew) {
    logger.warn(
      { stored: stored.entry, next: spool.firstNew },
      'the database has entries of this spool that it does not know (an older copy?): it goes on as a new one',
    );
    await spool.renew();
    // Of the new one nothing is stored, which the bridge has to know.
    await bridge.storedPosition();
    return { entry: spool.first, item: 0 };
  }
  const waiting = spool.firstNew - Math.max(spool.first, stored.entry);
  if (waiting > 0) {
    logger.info({ entries: waiting }, 'writing what the spool has from the last run');
  }
  return stored.entry >= spool.first ? stored : { entry: spool.first, item: 0 };
}

async function close(
  spool: Spool,
  bridge: Bridge,
  { taking, storing }: { taking: Promise<void>; storing: Promise<void> },
  logger: Logger,
): Promise<void> {
  const drained = taking.then(() => storing).then(() => bridge.flush());
  try {
    // A spool that takes nothing, and a database that is away, are not waited for.
    const isTaken = spool.status.state === 'ok' && (await within(SHUTDOWN_DRAIN_MS, taking));
    const isAway = bridge.status.database.state === 'retrying';
    if (isTaken && (await within(isAway ? 0 : SHUTDOWN_DRAIN_MS, drained))) {
      await bridge.close();
      return;
    }
    const entries = spool.next - spool.first;
    const what = `${entries} entries stay in the spool and are stored at the next start`;
    logger.warn({ entries }, what);
    const ended = drained.catch(() => {
      // The reason that is given here.
    });
    await bridge.abort(new ZeekwayError('items_not_written', what));
    await spool.close();
    await ended;
  } finally {
    await spool.close();
  }
}

/** @returns whether the work is done in time. Throws what it throws. */
async function within(milliseconds: number, work: Promise<void>): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(milliseconds, false, { signal: timer.signal });
  const isDone = await Promise.race([work.then(() => true), late]);
  timer.abort();
  return isDone;
}
