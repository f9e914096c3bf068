import pg from 'pg';
import {
  DEFAULT_LOOK_MS,
  RETENTION_PARTITIONS,
  RETENTION_STEP_ROWS,
  RETENTION_STEPS,
  SEAL_GRACE_MS,
} from '../../core/limits.js';
import { LOCKS, lockKey } from '../transaction.js';
import { DAY_MS, dayOf } from './day.js';
import { type Partition, readPartitions } from './list.js';
import { daysKept, type LogInPass, type Pass } from './pass.js';

/** Drops the partitions, and deletes the rows of the default partition, that are older than a log keeps them. */
export async function expire(pass: Pass, log: LogInPass): Promise<void> {
  const { path } = log;
  const days = daysKept(pass.retention, path);
  const cutoff = days === undefined ? undefined : pass.now - days * DAY_MS;
  const isDue = (partition: Partition): boolean =>
    (cutoff !== undefined && partition.to <= cutoff) || isLeftEmpty(pass, partition);
  if (log.state.partitions.some(isDue)) await pass.attempt(path, 'drop', () => drop(pass, log, isDue));
  if (cutoff !== undefined) await pass.attempt(path, 'delete', () => deleteOld(pass, log, cutoff));
}

/** A day that is over and had nothing, for so long that nobody is about to write it: there are more for nothing. */
function isLeftEmpty({ memory, now }: Pass, { oid, from, to, bytes, isDefault }: Partition): boolean {
  const isOver = !isDefault && to - from === DAY_MS && to + SEAL_GRACE_MS <= now;
  if (!isOver || bytes > 0) {
    memory.emptySince.delete(oid);
    return false;
  }
  const since = memory.emptySince.get(oid) ?? now;
  memory.emptySince.set(oid, since);
  return now - since >= SEAL_GRACE_MS;
}

/**
 * Some at a time: the log is locked against everybody while they are dropped. Only what is a partition of the table
 * then: one may have been detached to be kept.
 */
async function drop(
  { session, done }: Pass,
  { path, table, state: { oid } }: LogInPass,
  isDue: (partition: Partition) => boolean,
): Promise<void> {
  for (let isMore = true; isMore; ) {
    await session.transaction(async (client) => {
      await client.query('SELECT pg_advisory_xact_lock($1, $2)', [LOCKS.partitions, lockKey(oid)]);
      await client.query(`LOCK TABLE ONLY ${table} IN ACCESS EXCLUSIVE MODE`);
      const found = await readPartitions(client, table);
      const due = found?.partitions.filter(isDue) ?? [];
      const some = due.slice(0, RETENTION_PARTITIONS);
      isMore = due.length > some.length;
      if (some.length === 0) return;
      await client.query(`DROP TABLE ${some.map((partition) => partition.table).join(', ')}`);
      const days = some.map(({ from }) => dayOf(from));
      done.push({ path, step: 'drop', days, partition: some.map((partition) => partition.table).join(', ') });
    });
  }
}

/**
 * In steps, so that no transaction is long. A row without a time, or with one in the future, is as old as its
 * reception.
 */
async function deleteOld(pass: Pass, { path, log, state }: LogInPass, cutoff: number): Promise<void> {
  const { session, memory, done, now } = pass;
  const rest = state.partitions.find(({ isDefault }) => isDefault);
  if (rest === undefined || rest.bytes === 0) return;
  if (now - (memory.expiredAt.get(state.oid) ?? Number.NEGATIVE_INFINITY) < DEFAULT_LOOK_MS) return;
  const key = pg.escapeIdentifier(log.key);
  let [rows, last] = [0, RETENTION_STEP_ROWS];
  for (let step = 0; step < RETENTION_STEPS && last === RETENTION_STEP_ROWS; step++) {
    const deleted = await session.run<{ rows: string }>(
      `WITH deleted AS (
         DELETE FROM ONLY ${rest.table} WHERE ctid = ANY (ARRAY (
           SELECT ctid FROM ONLY ${rest.table} WHERE ${key} < to_timestamp($1) OR _received < to_timestamp($1)
            LIMIT ${RETENTION_STEP_ROWS})) RETURNING 1)
       SELECT count(*) AS rows FROM deleted`,
      [cutoff / 1000],
    );
    last = Number(deleted[0]?.rows ?? 0);
    rows += last;
  }
  if (last < RETENTION_STEP_ROWS) memory.expiredAt.set(state.oid, now);
  if (rows === 0) return;
  done.push({ path, step: 'delete', rows });
  await session.run(`VACUUM ${rest.table}`);
}
