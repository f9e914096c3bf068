import { ZeekwayError } from '../core/errors.js';

/** The logs that are generated: what most records of a real site are. */
export const LOAD_LOGS = ['conn', 'dns', 'http'] as const;
export type LoadLog = (typeof LOAD_LOGS)[number];

/** What is sent. Plain data: it goes to another process. */
export interface LoadPlan {
  /** Four letters or digits that are in each UID: they tell the records of one run from those of others. */
  readonly run: string;
  readonly seed: number;
  readonly workers: number;
  /** Of all workers and logs together; without end where it is left out. */
  readonly records?: number;
  /** Parts of each log in the whole: `{ conn: 70, dns: 20, http: 10 }`. */
  readonly mix: Readonly<Record<LoadLog, number>>;
  /** The network time at which the records begin, in microseconds since the Unix epoch. */
  readonly startMicros: number;
  /** Records in a second of network time, of all workers and logs together. */
  readonly pace: number;
}

/** Digits of a number in a UID; so many records one log of one worker can have. */
export const NUMBER_DIGITS = 9;
export const MOST_RECORDS = 10 ** NUMBER_DIGITS;
const MOST_WORKERS = 10_000;

/** Throws `config_invalid` for a plan that cannot be. */
export function checkPlan({ run, workers, records = 1, mix, pace }: LoadPlan): void {
  const invalid = (what: string): ZeekwayError => new ZeekwayError('config_invalid', `the load's ${what}`);
  if (!/^[0-9A-Za-z]{4}$/.test(run)) throw invalid(`run is four letters or digits, not "${run}"`);
  if (!(workers >= 1 && workers <= MOST_WORKERS))
    throw invalid(`workers are 1 to ${MOST_WORKERS}, not ${workers}`);
  if (!(records >= 1 && records <= workers * MOST_RECORDS))
    throw invalid(`records are 1 to ${MOST_RECORDS} a worker, not ${records}`);
  if (!(pace > 0)) throw invalid(`pace is above 0, not ${pace}`);
  const parts = LOAD_LOGS.map((log) => mix[log]);
  if (!parts.every((part) => part >= 0) || !parts.some((part) => part > 0))
    throw invalid(`mix has no part above 0`);
}
