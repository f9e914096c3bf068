import type { ZeekwayError } from '../../core/errors.js';
import {
  PARTITION_CACHE_MS,
  PARTITION_DAYS_BACK,
  PARTITION_DAYS_PER_BATCH,
  PARTITION_DEFAULT_BYTES,
  PARTITION_MOVE_ROWS,
  PARTITION_RETRY_MS,
  PARTITIONS_PER_TRANSACTION,
} from '../../core/limits.js';
import type { Database } from '../database.js';
import { sqlState, toDatabaseError } from '../database-error.js';
import { inTransaction } from '../transaction.js';
import { createDays, isCovered } from './create-days.js';
import { dayOf, isPlausible } from './day.js';
import { partitionLimit } from './limit.js';
import { type PartitionedTable, readPartitions } from './list.js';

export interface EnsureDaysOptions {
  /** Of a replay: old days get their partitions at once. */
  readonly backfill?: boolean;
  /** Milliseconds since the Unix epoch; the time of this machine when not given. */
  readonly now?: number;
}

/** Days whose partitions were made, and those whose rows go to the default partition for now, with the reason. */
export interface EnsuredDays {
  readonly created: readonly number[];
  readonly postponed: readonly number[];
  readonly problem?: ZeekwayError;
}

/** What is known of a table, so that most batches cost no question. */
interface Known {
  /** Days that need nothing more. */
  readonly settled: Set<number>;
  /** On the monotonic clock: when it is to be read again, and before when nothing is to be tried. */
  readonly expires: number;
  retryAt: number;
}

const NOTHING: EnsuredDays = { created: [], postponed: [] };

const cache = new WeakMap<Database, Map<string, Known>>();

function knownTables(db: Database): Map<string, Known> {
  const tables = cache.get(db) ?? new Map<string, Known>();
  cache.set(db, tables);
  return tables;
}

/** To be called when a table was made: nothing that was known of it holds. */
export function forgetDays(db: Database, table: string): void {
  cache.get(db)?.delete(table);
}

function knownOf(db: Database, table: string): Known {
  const tables = knownTables(db);
  const now = performance.now();
  let known = tables.get(table);
  if (known === undefined || known.expires < now) {
    known = { settled: new Set(), expires: now + PARTITION_CACHE_MS, retryAt: 0 };
    tables.set(table, known);
  }
  return known;
}

/**
 * Makes the partitions of the days that rows are for, before they are written. Rows whose day gets none go to the
 * default partition, and the maintenance moves them when it can: days that are not plausible, those of the distant past
 * (unless it is a replay), those that are too many, and those where somebody holds the default partition.
 * Costs nothing for days that it has seen.
 * Throws the catalogue's error where the server cannot be asked or the table is not there.
 * @param table quoted and qualified: `logs."conn"`.
 * @param days since the Unix epoch, in UTC.
 */
export async function ensureDays(
  db: Database,
  table: string,
  days: ReadonlySet<number>,
  options: EnsureDaysOptions = {},
): Promise<EnsuredDays> {
  const { settled, retryAt } = knownOf(db, table);
  const unknown = [...days].filter((day) => !settled.has(day));
  if (unknown.length === 0) return NOTHING;
  if (performance.now() < retryAt) return { created: [], postponed: unknown };
  return createUnknown(db, table, unknown, options);
}

async function createUnknown(
  db: Database,
  table: string,
  unknown: readonly number[],
  options: EnsureDaysOptions,
): Promise<EnsuredDays> {
  const known = knownOf(db, table);
  const found = await readTable(db, table);
  const { missing, settled } = await choose(db, found, unknown, options);
  for (const day of settled) known.settled.add(day);
  if (found === undefined || missing.length === 0) return NOTHING;
  const created: number[] = [];
  const postpone = (problem?: ZeekwayError): EnsuredDays => {
    known.retryAt = performance.now() + PARTITION_RETRY_MS;
    const postponed = missing.filter((day) => !known.settled.has(day));
    return problem === undefined ? { created, postponed } : { created, postponed, problem };
  };
  if (restBytes(found) > PARTITION_DEFAULT_BYTES) return postpone();
  for (let begin = 0; begin < missing.length; begin += PARTITIONS_PER_TRANSACTION) {
    const some = missing.slice(begin, begin + PARTITIONS_PER_TRANSACTION);
    try {
      const made = await inTransaction(db, `make partitions of ${table}`, (client) =>
        createDays(client, found, table, some, PARTITION_MOVE_ROWS),
      );
      created.push(...made.created);
      for (const day of some) if (!made.left.includes(day)) known.settled.add(day);
      if (made.left.length > 0) return postpone();
    } catch (error) {
      if (!isAnswer(error)) throw error;
      return postpone(toDatabaseError(error, `make partitions of ${table}`));
    }
  }
  return { created, postponed: [] };
}

async function readTable(db: Database, table: string): Promise<PartitionedTable | undefined> {
  try {
    return await readPartitions(db.pool, table);
  } catch (error) {
    throw toDatabaseError(error, `read the partitions of ${table}`);
  }
}

const restBytes = ({ partitions }: PartitionedTable): number =>
  partitions.find(({ isDefault }) => isDefault)?.bytes ?? 0;

/**
 * The days that get a partition now, and those that need none (any more): their rows go where they go.
 */
async function choose(
  db: Database,
  found: PartitionedTable | undefined,
  days: readonly number[],
  { backfill = false, now = Date.now() }: EnsureDaysOptions,
): Promise<{ missing: number[]; settled: number[] }> {
  if (found === undefined) return { missing: [], settled: [...days] };
  const today = dayOf(now);
  const open = days.filter((day) => !isCovered(found.partitions, day));
  const settled = days.filter((day) => !open.includes(day) || !isPlausible(day, now));
  const recent = open.filter((day) => day >= today - PARTITION_DAYS_BACK && isPlausible(day, now));
  const old = open.filter((day) => day < today - PARTITION_DAYS_BACK && isPlausible(day, now));
  if (!backfill || old.length === 0 || old.length > PARTITION_DAYS_PER_BATCH) {
    // Not settled where the next batch may bring fewer.
    return { missing: recent, settled: backfill ? settled : [...settled, ...old] };
  }
  const room = Math.max(0, (await partitionLimit(db.pool)) - found.partitions.length);
  return { missing: [...recent, ...old.slice(0, room)], settled: [...settled, ...old.slice(room)] };
}

/** Whether an error is the server's answer about the partition, which writing the rows need not fail for. */
function isAnswer(error: unknown): boolean {
  const state = sqlState(error);
  return state !== '' && state !== '42P01' && !/^(08|57P|25)/.test(state);
}
