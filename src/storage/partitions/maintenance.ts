import type { Database } from '../database.js';
import { LOCKS } from '../transaction.js';
import { checkNumber, makeAhead, moveFromDefault } from './arrange.js';
import { parentOf } from './create.js';
import { readLog } from './create-days.js';
import { expire } from './expire.js';
import { partitionLimit } from './limit.js';
import { type PartitionedTable, readPartitions } from './list.js';
import {
  type Done,
  type Failure,
  type Figures,
  KEEP_ALL,
  type LogInPass,
  Pass,
  PassMemory,
  type PassReport,
  type Retention,
} from './pass.js';
import { refresh } from './refresh.js';
import { completeIndexes } from './seal.js';
import { Session } from './session.js';

export interface MaintenanceOptions {
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  /** Without it nothing is ever dropped. */
  readonly retention?: Retention | undefined;
  /** Only these logs. */
  readonly paths?: readonly string[] | undefined;
  /** Of a process that does it again and again. */
  readonly memory?: PassMemory | undefined;
  /** Stops it, also in the middle of a statement. */
  readonly signal?: AbortSignal | undefined;
}

/** The logs whose tables are there and partitioned, one after the other as they are then. */
async function* logsOf(pass: Pass, paths: readonly string[] | undefined): AsyncGenerator<LogInPass> {
  const { session } = pass;
  const logs = await session.run<{ path: string; tableName: string }>(
    `SELECT path, table_name AS "tableName" FROM zeekway.logs
      WHERE to_regclass(format('logs.%I', table_name)) IS NOT NULL AND ($1::text[] IS NULL OR path = ANY($1))
      ORDER BY path COLLATE "C"`,
    [paths],
  );
  for (const { path, tableName } of logs) {
    const table = parentOf(tableName);
    const found: LogInPass[] = [];
    // It may have been dropped in the meantime, or be locked by somebody.
    await pass.attempt(path, 'read', async () => {
      const state = await readPartitions(session.client, table);
      if (state === undefined) return;
      const log = await readLog(session.client, state);
      found.push({ path, table, log, state, figures: await readFigures(session, state) });
    });
    yield* found;
  }
}

async function readFigures(
  session: Session,
  { partitions }: PartitionedTable,
): Promise<Map<number, Figures>> {
  const rows = await session.run<{ oid: number; inserted: string; changed: string; analyzed: number }>(
    `SELECT oid, pg_stat_get_tuples_inserted(oid) AS inserted, pg_stat_get_mod_since_analyze(oid) AS changed,
            reltuples AS analyzed
       FROM pg_class WHERE oid = ANY($1::oid[])`,
    [partitions.map(({ oid }) => oid)],
  );
  return new Map(
    rows.map(({ oid, inserted, changed, analyzed }) => [
      oid,
      { inserted: Number(inserted), changed: Number(changed), analyzed },
    ]),
  );
}

async function pass(
  db: Database,
  lock: number,
  options: MaintenanceOptions,
  work: (pass: Pass, log: LogInPass) => Promise<void>,
): Promise<PassReport | 'busy'> {
  const { now, retention = KEEP_ALL, memory = new PassMemory(), paths, signal } = options;
  return Session.run(db, lock, 'look after the partitions', signal, async (session) => {
    const running = new Pass(session, now, retention, memory, await partitionLimit(session.client));
    for await (const log of logsOf(running, paths)) await work(running, log);
    const { done, failures } = running;
    return { done, failures };
  });
}

/**
 * What is done soon: old partitions are dropped, the next ones made, waiting rows moved, indexes summarized. Of all
 * gateways on a database one does it at a time; the others get `busy`. Errors of one log are in the report; throws
 * the catalogue's error where the database is away, and the signal's reason.
 */
export function upkeep(db: Database, options: MaintenanceOptions): Promise<PassReport | 'busy'> {
  return pass(db, LOCKS.maintenance, options, async (running, log) => {
    await expire(running, log);
    await checkNumber(running, log);
    await makeAhead(running, log);
    await moveFromDefault(running, log);
    await refresh(running, log);
  });
}

/**
 * What takes its time: partitions whose day is over get their final indexes. As `upkeep`, and beside it.
 */
export function sealDays(db: Database, options: MaintenanceOptions): Promise<PassReport | 'busy'> {
  return pass(db, LOCKS.sealing, options, async (running, log) => {
    // The newest first: that is what people look at.
    for (const partition of log.state.partitions.toReversed()) await completeIndexes(running, log, partition);
  });
}

/** One after the other: after a replay, say. Where another gateway does it just now, nothing is done. */
export async function maintain(db: Database, options: MaintenanceOptions): Promise<PassReport> {
  const done: Done[] = [];
  const failures: Failure[] = [];
  for (const work of [upkeep, sealDays]) {
    const report = await work(db, options);
    if (report === 'busy') continue;
    done.push(...report.done);
    failures.push(...report.failures);
  }
  return { done, failures };
}
