import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { LoadLog } from '../../load/plan.js';

/** How often the database is asked: a time is found so much too late, and the time of the query itself. */
export const PROBE_MS = 20;
/** Rows may stand still so long, while a checkpoint runs, say, before they are taken for lost... */
const STALLED_MS = 30_000;
/** ...and nothing must have been committed for so long before they are looked for in the whole table. */
const LOOK_EVERYWHERE_MS = 1_000;
/** How long nothing must have been committed before a patient probe looks: a few batches' time. */
const PATIENCE_MS = 300;
/** PostgreSQL makes a table longer by up to 64 pages at once and fills them later. */
const PAGES_AHEAD = 128;

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

/** A table that holds rows, and how long it was, in pages, at the last look and at the one before. */
interface Length {
  readonly last: number;
  readonly before: number;
}

/**
 * Finds out when records become visible in SQL, by their UIDs. It asks often and must not take the processors from
 * what is measured: it looks when a gateway has committed, and then at the end of the tables only.
 */
export class Probe {
  private waiting: Awaited[] = [];
  private readonly seen: { readonly ms: number; readonly records: number }[] = [];
  private isLast = false;
  private position = '';
  /** When something was committed that was not there before, and whether it was looked at. */
  private committed = now();
  private isNew = false;
  private lengths = new Map<string, Length>();

  /** @param isPatient to look only when nothing was committed for a moment: where just the last records count. */
  constructor(
    private readonly client: pg.Client,
    private readonly logs: readonly LoadLog[],
    private readonly isPatient: boolean,
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
   * @returns when the last of them was committed.
   */
  async run(rows: number): Promise<number> {
    // Parallel workers would count as the server's own.
    await this.client.query('SET max_parallel_workers_per_gather = 0');
    for (;;) {
      const begin = performance.now();
      const visible = await this.visible();
      for (const { uid, at, records } of this.waiting)
        if (visible.has(uid)) this.seen.push({ ms: this.committed - at, records });
      this.waiting = this.waiting.filter(({ uid }) => !visible.has(uid));
      const isStalled = this.isLast && now() - this.committed > STALLED_MS;
      // Counting reads all rows: only at the end.
      const isDone = this.isLast && this.waiting.length === 0 && (await this.count()) >= rows;
      if (isDone || isStalled) return this.committed;
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

  /** Those that are waited for and visible. */
  private async visible(): Promise<Set<string>> {
    if (this.waiting.length === 0) return new Set();
    if (await this.hasCommitted()) {
      this.committed = now();
      this.isNew = true;
    }
    const quiet = now() - this.committed;
    const everywhere = this.isLast && quiet > LOOK_EVERYWHERE_MS;
    if (!everywhere && (!this.isNew || (this.isPatient && quiet < PATIENCE_MS))) return new Set();
    this.isNew = false;
    const selects = (await this.tables()).map(({ table, pages }) => {
      const { last = 0, before = 0 } = this.lengths.get(table) ?? {};
      this.lengths.set(table, { last: pages, before: last });
      // What was being written at the last look, and could not be seen, lies behind the end of the look before.
      const from = everywhere ? 0 : Math.max(0, before - PAGES_AHEAD);
      return `SELECT uid FROM ${table} WHERE ctid >= '(${from},0)' AND uid = ANY($1::text[])`;
    });
    const uids = this.waiting.map(({ uid }) => uid);
    const { rows } = await this.client.query<{ uid: string }>(selects.join(' UNION ALL '), [uids]);
    return new Set(rows.map(({ uid }) => uid));
  }

  /** Whether a gateway has stored something since the last time. */
  private async hasCommitted(): Promise<boolean> {
    const { rows } = await this.client.query('SELECT id, entry, item FROM zeekway.writers ORDER BY id');
    const before = this.position;
    this.position = JSON.stringify(rows);
    return this.position !== before;
  }

  /** The partitions of the logs, and how many pages they have. */
  private async tables(): Promise<{ table: string; pages: number }[]> {
    const { rows } = await this.client.query<{ table: string; pages: number }>(
      `SELECT relid::regclass::text AS table,
              (pg_relation_size(relid) / current_setting('block_size')::int)::int AS pages
       FROM unnest($1::regclass[]) AS log, pg_partition_tree(log)
       WHERE isleaf`,
      [this.logs.map((log) => `logs.${log}`)],
    );
    return rows;
  }

  private async count(): Promise<number> {
    const counts = this.logs.map((log) => `(SELECT count(*) FROM logs.${log})`);
    const { rows } = await this.client.query<{ count: string }>(`SELECT ${counts.join(' + ')} AS count`);
    return Number(rows[0]?.count);
  }
}
