import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../core/clock.js';
import { errorLine } from '../../core/errors.js';
import { MAINTENANCE_INTERVAL_MS } from '../../core/limits.js';
import type { Logger } from '../../core/logger.js';
import type { Database } from '../database.js';
import { describePass } from './describe.js';
import { type MaintenanceOptions, sealDays, upkeep } from './maintenance.js';
import { PassMemory, type PassReport, type Retention } from './pass.js';

/** Passes in a row in which somebody was in the way of something, after which it is told. */
const UNLUCKY_PASSES = 10;

export interface MaintenanceRunnerOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly retention?: Retention;
  /** Between two passes. */
  readonly intervalMs?: number;
}

type Work = (db: Database, options: MaintenanceOptions) => Promise<PassReport | 'busy'>;

/**
 * Looks after the partitions as long as a gateway runs. What is done soon and what takes its time go on beside each
 * other, each pass a while after the one before. A failure is told when it begins, not at every pass.
 */
export class MaintenanceRunner {
  private readonly end = new AbortController();
  private readonly memory = new PassMemory();
  private loops: Promise<void>[] = [];

  constructor(private readonly options: MaintenanceRunnerOptions) {}

  start(): void {
    this.loops = [this.loop(upkeep), this.loop(sealDays)];
  }

  /** Stops, also in the middle of the build of an index; resolves when nothing is done any more. */
  async stop(): Promise<void> {
    this.end.abort();
    await Promise.all(this.loops);
  }

  private async loop(work: Work): Promise<void> {
    const { intervalMs = MAINTENANCE_INTERVAL_MS } = this.options;
    const { signal } = this.end;
    const failing = new Failing(this.options.logger);
    while (!signal.aborted) {
      await this.pass(work, failing);
      await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
    }
  }

  private async pass(work: Work, failing: Failing): Promise<void> {
    const { db, clock, logger, retention } = this.options;
    const { memory, end } = this;
    const now = Number(clock.wallNanos() / 1_000_000n);
    try {
      const report = await work(db, { now, retention, memory, signal: end.signal });
      if (report === 'busy') return;
      for (const [path, line] of describePass(report)) logger.info({ path }, line);
      failing.told(
        report.failures.map(({ path, step, error, isUnlucky }) => ({
          key: `${path} ${step}`,
          error,
          isUnlucky,
        })),
      );
    } catch (error) {
      if (!end.signal.aborted) failing.told([{ key: 'all', error, isUnlucky: false }]);
    }
  }
}

interface Trouble {
  readonly key: string;
  readonly error: unknown;
  readonly isUnlucky: boolean;
}

/** What failed at the last pass, and at how many before it without a break. */
class Failing {
  private counts = new Map<string, number>();

  constructor(private readonly logger: Logger) {}

  told(troubles: readonly Trouble[]): void {
    const before = this.counts;
    this.counts = new Map();
    for (const { key, error, isUnlucky } of troubles) {
      const count = (before.get(key) ?? 0) + 1;
      this.counts.set(key, count);
      if (count === (isUnlucky ? UNLUCKY_PASSES : 1)) this.logger.warn({ err: error }, errorLine(error));
    }
  }
}
