import type { ErrorCode } from '../core/errors.js';
import { countBytes, type RowSet } from './batch.js';
import { DEAD_LETTERS, EVENTS, IDENTIFIERS } from './rows.js';

/** What was committed since the bridge began. */
export interface BridgeStatistics {
  /** Rows of each log path. */
  readonly logs: Readonly<Record<string, number>>;
  readonly events: number;
  readonly identifiers: number;
  readonly deadLetters: Readonly<Partial<Record<ErrorCode, number>>>;
  /** Transactions, and the bytes of their rows in COPY's binary format. */
  readonly batches: number;
  readonly bytes: number;
}

export class StatisticsCounter {
  private readonly logs = new Map<string, number>();
  private readonly deadLetters = new Map<ErrorCode, number>();
  private events = 0;
  private identifiers = 0;
  private batches = 0;
  private bytes = 0;

  committed(sets: readonly RowSet[]): void {
    if (sets.length > 0) this.batches += 1;
    this.bytes += countBytes(sets);
    for (const { target, items } of sets) {
      if (target.path !== undefined) increase(this.logs, target.path, items.length);
      else if (target === EVENTS) this.events += items.length;
      else if (target === IDENTIFIERS) this.identifiers += items.length;
      else if (target === DEAD_LETTERS) {
        for (const { item, count } of items.runs())
          if (item.kind === 'dead-letter') increase(this.deadLetters, item.code, count);
      }
    }
  }

  snapshot(): BridgeStatistics {
    return {
      logs: Object.fromEntries(this.logs),
      events: this.events,
      identifiers: this.identifiers,
      deadLetters: Object.fromEntries(this.deadLetters),
      batches: this.batches,
      bytes: this.bytes,
    };
  }
}

function increase<K>(counts: Map<K, number>, key: K, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
