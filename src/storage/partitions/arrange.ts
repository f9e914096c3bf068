import pg from 'pg';
import { ZeekwayError } from '../../core/errors.js';
import {
  DEFAULT_LOOK_MS,
  EARLIEST_PARTITION_DAY,
  PARTITION_DAYS_AHEAD,
  PARTITION_DAYS_BACK,
  PARTITION_MIN_ROWS,
  PARTITION_MOVE_ROWS,
} from '../../core/limits.js';
import { createDays, isCovered } from './create-days.js';
import { DAY_MS, dayOf, daySql, lastDay } from './day.js';
import { daysKept, type LogInPass, type Pass } from './pass.js';

/** Tells where a log has more partitions than the server has locks for. The next days get theirs all the same. */
export async function checkNumber(pass: Pass, { path, state }: LogInPass): Promise<void> {
  const { length } = state.partitions;
  if (length <= pass.limit) return;
  await pass.attempt(path, 'make', async () => {
    const problem = `log "${path}" has ${length} partitions, and this server has locks for ${pass.limit}`;
    throw new ZeekwayError('too_many_partitions', problem);
  });
}

/** Makes the partitions of the next days of a log that is being written. */
export async function makeAhead(pass: Pass, { path, table, state }: LogInPass): Promise<void> {
  const today = dayOf(pass.now);
  const isWritten = state.partitions.some(
    ({ from, to, bytes }) => bytes > 0 && from <= pass.now && to > pass.now,
  );
  if (!isWritten) return;
  const ahead = Array.from({ length: PARTITION_DAYS_AHEAD }, (_, index) => today + 1 + index);
  const days = ahead.filter((day) => !isCovered(state.partitions, day));
  if (days.length === 0) return;
  await pass.attempt(path, 'make', async () => {
    const { created } = await pass.session.transaction((client) =>
      createDays(client, state, table, days, Number.POSITIVE_INFINITY),
    );
    if (created.length > 0) pass.done.push({ path, step: 'make', days: created });
  });
}

/** Moves rows that wait in the default partition to partitions of their days. */
export async function moveFromDefault(pass: Pass, log: LogInPass): Promise<void> {
  const { path, state } = log;
  const rest = state.partitions.find(({ isDefault }) => isDefault);
  if (rest === undefined || rest.bytes === 0 || isLookedAt(pass, log, rest.oid)) return;
  const isDone = await pass.attempt(path, 'move', async () => {
    const waiting = await waitingDays(pass, log, rest.table);
    let moved = 0;
    for (const { day, rows } of waiting) moved += await moveDay(pass, log, rest.table, day, rows);
    if (moved > 0) await pass.session.run(`VACUUM ${rest.table}`);
  });
  const inserted = log.figures.get(rest.oid)?.inserted;
  if (isDone && inserted !== undefined) pass.memory.lookedAt.set(rest.oid, { inserted, at: pass.now });
}

/** Whether nothing came since the last look. After a while it is looked at all the same: what was future is now. */
function isLookedAt({ memory, now }: Pass, { figures }: LogInPass, rest: number): boolean {
  const last = memory.lookedAt.get(rest);
  return (
    last !== undefined && now - last.at < DEFAULT_LOOK_MS && last.inserted === figures.get(rest)?.inserted
  );
}

interface WaitingDay {
  readonly day: number;
  readonly rows: number;
}

/** Days that are to get a partition, with the rows that wait for it. */
async function waitingDays(pass: Pass, { path, log, state }: LogInPass, rest: string): Promise<WaitingDay[]> {
  const { session, now } = pass;
  const key = pg.escapeIdentifier(log.key);
  const kept = daysKept(pass.retention, path);
  // What retention drops at once is not worth a partition.
  const first = kept === undefined ? EARLIEST_PARTITION_DAY : Math.ceil((now - kept * DAY_MS) / DAY_MS);
  const found = await session.run<{ day: number; rows: string }>(
    `SELECT floor(extract(epoch FROM ${key}) / 86400)::int AS day, count(*) AS rows FROM ONLY ${rest}
      WHERE ${key} >= ${daySql(Math.max(first, EARLIEST_PARTITION_DAY))} AND ${key} < ${daySql(lastDay(now) + 1)}
      GROUP BY 1 ORDER BY 2 DESC`,
  );
  const isRecent = ({ day }: WaitingDay): boolean => day >= dayOf(now) - PARTITION_DAYS_BACK;
  const days = found
    .map(({ day, rows }) => ({ day, rows: Number(rows) }))
    .filter(({ day }) => !isCovered(state.partitions, day));
  const old = days.filter((each) => !isRecent(each) && each.rows >= PARTITION_MIN_ROWS);
  const room = Math.max(0, pass.limit - state.partitions.length);
  const chosen = [...days.filter(isRecent), ...old.slice(0, room)];
  return chosen.toSorted((a, b) => b.day - a.day);
}

/** Moves the rows of one day. @returns how many. */
async function moveDay(
  { session, done }: Pass,
  { path, table, state }: LogInPass,
  rest: string,
  day: number,
  rows: number,
): Promise<number> {
  if (rows > PARTITION_MOVE_ROWS) {
    // Many rows are not moved in vain: the lock that the end of it needs must be to be had.
    await session.transaction((client) => client.query(`LOCK TABLE ONLY ${rest} IN ACCESS EXCLUSIVE MODE`));
  }
  const made = await session.transaction((client) =>
    createDays(client, state, table, [day], Number.POSITIVE_INFINITY),
  );
  if (made.created.length > 0) done.push({ path, step: 'move', days: made.created, rows: made.moved });
  return made.moved;
}
