import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { LoadLog } from '../../load/plan.js';

/** How often the database is asked: a time is found so much too late, and the time of the query itself. */
export const PROBE_MS = 20;
/** Rows may stand still so long, while a checkpoint runs, say, before they are taken for lost. */
const STALLED_MS = 30_000;

/** A message whose last record has this UID. */
export interface Awaited {
  readonly log: LoadLog;
  readonly uid: string;
  readonly records: number;
  /** When it was handed to the socket: milliseconds since the Unix epoch. */
  readonly at: number;
}

/** Milliseconds from the socket to SQL, over all records. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const now = (): number => performance.timeOrigin + performance.now();

/** Finds out when records become visible in SQL, by their UIDs, for which the log tables have an index. */
export class Probe {
  private waiting: Awaited[] = [];
  private readonly seen: { readonly ms: number; readonly records: number }[] = [];
  private isLast = false;

  constructor(
    private readonly client: pg.Client,
    private readonly logs: readonly LoadLog[],
  ) {}

  add(awaited: Awaited): void {
    this.waiting.push(awaited);
  }

  /** Nothing more will be added. */
  last(): void {
    this.isLast = true;
  }

  /**
   * Asks until all that was added is visible and so many rows are there, or nothing comes any more.
   * @returns when it saw the last of them.
   */
  async run(rows: number): Promise<number> {
    let progress = now();
    let stored = 0;
    for (;;) {
      const begin = performance.now();
      const visible = await this.visible();
      const at = now();
      if (visible.size > 0) progress = at;
      for (const { uid, at: handed, records } of this.waiting)
        if (visible.has(uid)) this.seen.push({ ms: at - handed, records });
      this.waiting = this.waiting.filter(({ uid }) => !visible.has(uid));
      const isDone = this.isLast && this.waiting.length === 0;
      // Counting reads all rows: only at the end, and when it seems to have come to nothing.
      if (isDone || (this.isLast && at - progress > STALLED_MS)) {
        const before = stored;
        stored = await this.count();
        if (isDone && stored >= rows) return at;
        if (stored > before) progress = now();
        else if (now() - progress > STALLED_MS) return at;
      }
      await sleep(Math.max(0, PROBE_MS - (performance.now() - begin)));
    }
  }

  /** `undefined` where nothing was seen. */
  latency(): Latency | undefined {
    const sorted = this.seen.toSorted((a, b) => a.ms - b.ms);
    const all = sorted.reduce((sum, { records }) => sum + records, 0);
    const quantile = (part: number): number => {
      let records = 0;
      for (const message of sorted) {
        records += message.records;
        if (records >= all * part) return message.ms;
      }
      return 0;
    };
    const max = sorted.at(-1)?.ms;
    return max === undefined ? undefined : { p50: quantile(0.5), p99: quantile(0.99), max };
  }

  private async visible(): Promise<Set<string>> {
    const uids = this.logs.map((log) =>
      this.waiting.filter((awaited) => awaited.log === log).map(({ uid }) => uid),
    );
    const selects = this.logs.map(
      (log, index) => `SELECT uid FROM logs.${log} WHERE uid = ANY($${index + 1}::text[])`,
    );
    const { rows } = await this.client.query<{ uid: string }>(selects.join(' UNION ALL '), uids);
    return new Set(rows.map(({ uid }) => uid));
  }

  private async count(): Promise<number> {
    const counts = this.logs.map((log) => `(SELECT count(*) FROM logs.${log})`);
    const { rows } = await this.client.query<{ count: string }>(`SELECT ${counts.join(' + ')} AS count`);
    return Number(rows[0]?.count);
  }
}
