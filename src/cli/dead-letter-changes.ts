import { type RetryOutcome, retryDeadLetters } from '../bridge/retry.js';
import { ZeekwayError } from '../core/errors.js';
import { deadLetterFilter } from '../http/dead-letters.js';
import { dropDeadLetters } from '../storage/dead-letters.js';
import type { DeadLetterFilter } from '../storage/queries/dead-letters.js';
import type { FilterOptions } from './dead-letter-views.js';
import type { Terminal } from './logger.js';
import { withStore } from './store.js';
import { shown } from './table.js';

export interface ChangeOptions extends FilterOptions {
  readonly all: boolean;
}

/** The commands of `zeekway dead-letters` that change something. Each returns the exit code. */

/** Letters that stay and are told one by one; the others are only counted. */
const TOLD = 100;

/** What is meant. Throws `config_invalid` where it is not said. */
function selected(ids: readonly string[] | undefined, options: ChangeOptions): DeadLetterFilter {
  const { all, code, subject, from, to } = options;
  const isFiltered = [code, subject, from, to].some((value) => value !== undefined);
  const isSaid = (ids?.length ?? 0) > 0 || isFiltered;
  if (isSaid === all) {
    const problem = all ? '--all is all of them: leave it out' : 'say which dead letters';
    throw new ZeekwayError('config_invalid', `${problem}: IDs, --code, --subject, --from or --to, or --all`);
  }
  const filter = deadLetterFilter(options, Date.now());
  return ids && ids.length > 0 ? { ...filter, ids: [...new Set(ids)] } : filter;
}

/** Says what is missing in the end. @param found how many of the letters that were meant were there. */
function isComplete(
  { ids }: DeadLetterFilter,
  found: number,
  signal: AbortSignal,
  { err }: Terminal,
): boolean {
  if (signal.aborted) {
    err('stopped in the middle: the others are as they were');
    return false;
  }
  if (ids === undefined || found === ids.length) return true;
  err(`${ids.length - found} of ${ids.length} are no such dead letters`);
  return false;
}

/** `zeekway dead-letters drop`: 1 where an ID is none of a dead letter, or it was stopped in the middle. */
export async function dropCommand(
  ids: readonly string[] | undefined,
  options: ChangeOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const filter = selected(ids, options);
  return withStore(options, terminal, async (db) => {
    let dropped = 0;
    try {
      for await (const step of dropDeadLetters(db.pool, filter)) {
        dropped += step;
        if (signal.aborted) break;
      }
    } finally {
      terminal.out(`dropped ${dropped}`);
    }
    return isComplete(filter, dropped, signal, terminal) ? 0 : 1;
  });
}

/**
 * `zeekway dead-letters retry`: 1 where one failed again, or one that was named by its ID is not stored, or it was
 * stopped in the middle.
 */
export async function retryCommand(
  ids: readonly string[] | undefined,
  options: ChangeOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const filter = selected(ids, options);
  return withStore(options, terminal, async (db) => {
    const tally = new Tally(terminal);
    try {
      for await (const { outcomes } of retryDeadLetters(db, filter)) {
        for (const outcome of outcomes) tally.add(outcome);
        if (signal.aborted) break;
      }
    } finally {
      tally.end();
    }
    const isStored = tally.failed === 0 && (filter.ids === undefined || tally.stored === filter.ids.length);
    return isComplete(filter, tally.all, signal, terminal) && isStored ? 0 : 1;
  });
}

/** Tells what became of dead letters: those that stay with their reasons, and the numbers of all at the end. */
class Tally {
  stored = 0;
  failed = 0;
  all = 0;
  private rows = 0;
  private skipped = 0;
  private told = 0;

  constructor(private readonly terminal: Terminal) {}

  add(one: RetryOutcome): void {
    this.all += 1;
    if (one.outcome === 'stored') {
      this.stored += 1;
      this.rows += one.rows;
      return;
    }
    if (one.outcome === 'failed') this.failed += 1;
    if (one.outcome === 'skipped') this.skipped += 1;
    if (this.told === TOLD) this.terminal.out(`... and more: zeekway dead-letters list`);
    this.told += 1;
    if (this.told <= TOLD) this.terminal.out(`${one.id}: ${shown(wordsOf(one))}`);
  }

  end(): void {
    const { stored, rows, failed, skipped } = this;
    this.terminal.out(`stored ${stored} (rows: ${rows}), failed again ${failed}, nothing to try ${skipped}`);
  }
}

function wordsOf(one: Exclude<RetryOutcome, { outcome: 'stored' }>): string {
  switch (one.outcome) {
    case 'failed':
      return `${one.reason} [${one.code}]`;
    case 'skipped':
      return `not tried: ${one.reason}`;
    case 'gone':
      return 'is gone';
  }
}
