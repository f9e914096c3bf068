import { EARLIEST_PARTITION_DAY, PARTITION_DAYS_AHEAD } from '../../core/limits.js';

/** Days are numbers since the Unix epoch, in UTC. */

export const DAY_MS = 86_400_000;

/** @param ms since the Unix epoch. */
export const dayOf = (ms: number): number => Math.floor(ms / DAY_MS);

/** `2026-11-24`. */
export const dayText = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);

/** The last day that may have a partition. @param now in milliseconds since the Unix epoch. */
export const lastDay = (now: number): number => dayOf(now) + PARTITION_DAYS_AHEAD;

/** Whether records can be of that day: clocks that were never set and those that are wrong tell others. */
export const isPlausible = (day: number, now: number): boolean =>
  day >= EARLIEST_PARTITION_DAY && day <= lastDay(now);

/** When a day begins, as SQL. */
export const daySql = (day: number): string => `timestamptz '${dayText(day)} 00:00:00+00'`;

/** The bound of a partition, which must be a literal. */
export const dayBound = (day: number): string => `'${dayText(day)} 00:00:00+00'`;
