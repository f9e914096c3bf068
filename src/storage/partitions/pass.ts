import type { ZeekwayError } from '../../core/errors.js';
import { toDatabaseError } from '../database-error.js';
import type { PartitionedLog } from './create.js';
import type { PartitionedTable } from './list.js';
import { isConnectionLost, isUnlucky, type Session } from './session.js';

/** How long the rows of each log are kept, in days; `undefined`: for ever. */
export interface Retention {
  /** For logs that are not in `days`. */
  readonly defaultDays: number | undefined;
  /** By the log's path. */
  readonly days: ReadonlyMap<string, number | undefined>;
}

export const KEEP_ALL: Retention = { defaultDays: undefined, days: new Map() };

/** How many days the rows of a log are kept; `undefined`: for ever. */
export const daysKept = ({ days, defaultDays }: Retention, path: string): number | undefined =>
  days.has(path) ? days.get(path) : defaultDays;

/** Something that a pass did to a log. */
export interface Done {
  readonly path: string;
  readonly step: Step;
  /** The partition, quoted and qualified; left out where its day says it. */
  readonly partition?: string;
  /** Days of partitions that were made or that rows were moved to. */
  readonly days?: readonly number[];
  readonly rows?: number;
}

export type Step = 'read' | 'drop' | 'delete' | 'make' | 'move' | 'summarize' | 'analyze' | 'index' | 'seal';

export interface Failure {
  readonly path: string;
  readonly step: Step;
  /** Whether somebody was only in the way: a lock, a deadlock, a change of the columns. */
  readonly isUnlucky: boolean;
  readonly error: ZeekwayError;
}

export interface PassReport {
  readonly done: readonly Done[];
  readonly failures: readonly Failure[];
}

/** What a pass knows from the one before it. */
export class PassMemory {
  /** Rows that were ever inserted into a partition, by its OID, as the server's statistics tell. */
  readonly inserted = new Map<number, number>();
  /** Partitions that got many rows between the last two passes, as in a replay of old files. */
  readonly busy = new Set<number>();
  /** Since when a partition is known to be empty, in milliseconds since the Unix epoch. */
  readonly emptySince = new Map<number, number>();
  /** How many rows were ever inserted into a default partition when it was last read for rows that wait. */
  readonly lookedAt = new Map<number, { readonly inserted: number; readonly at: number }>();
  /** When a default partition was last read for old rows, by the log's OID. */
  readonly expiredAt = new Map<number, number>();
}

/** A log in a pass. */
export interface LogInPass {
  readonly path: string;
  /** Quoted and qualified. */
  readonly table: string;
  readonly log: PartitionedLog;
  readonly state: PartitionedTable;
  /** By the OID of the partition. */
  readonly figures: ReadonlyMap<number, Figures>;
}

/** What the server counts for a partition. */
export interface Figures {
  /** Rows that were ever inserted; starts anew when the server crashed. */
  readonly inserted: number;
  /** Rows that came or went since the last ANALYZE, and how many there were then (-1: there was none). */
  readonly changed: number;
  readonly analyzed: number;
}

/** One pass over the partitions of all logs: what is done in it, and what came of it. */
export class Pass implements PassReport {
  readonly done: Done[] = [];
  readonly failures: Failure[] = [];

  constructor(
    readonly session: Session,
    /** Milliseconds since the Unix epoch. */
    readonly now: number,
    readonly retention: Retention,
    readonly memory: PassMemory,
    /** How many partitions a log may have on this server. */
    readonly limit: number,
  ) {}

  /** Runs a step; when it fails the others go on, but without a connection. Returns whether it did not fail. */
  async attempt(path: string, step: Step, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (this.session.isEnded || isConnectionLost(error)) throw error;
      const told = toDatabaseError(error, `${DOING[step]} log "${path}"`);
      this.failures.push({ path, step, isUnlucky: isUnlucky(error), error: told });
      return false;
    }
  }
}

/** Each completes "cannot ... log "conn"". */
const DOING: Record<Step, string> = {
  read: 'read the partitions of',
  drop: 'drop old partitions of',
  delete: 'delete old rows of',
  make: 'make partitions for',
  move: 'move rows to their partitions of',
  summarize: 'summarize indexes of',
  analyze: 'analyze a partition of',
  index: 'build an index of',
  seal: 'seal a partition of',
};
