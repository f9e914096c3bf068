import { errorLine } from '../core/errors.js';
import type { CopyPart } from '../storage/batch.js';
import { type Database, toDatabaseError } from '../storage/database.js';
import { isDataError } from '../storage/database-error.js';
import {
  type NewReason,
  newestDeadLetter,
  nextRetryLetters,
  type RetryLetter,
  type RetryTransaction,
  retryTransaction,
  type Steps,
} from '../storage/dead-letters.js';
import type { DeadLetterFilter } from '../storage/queries/dead-letters.js';
import type { RowSet } from './batch.js';
import { type RetryPlan, RetryPlanner, reasonOf } from './retry-plan.js';
import { SchemaFinder } from './retry-schema.js';
import { DEAD_LETTERS, type RowTarget } from './rows.js';

/** What became of a dead letter that was to be tried again. */
export type RetryOutcome = {
  readonly id: string;
} /** It is none any more. `rows`: of logs, events and identifiers; of an announcement alone there are none. */ & (
  | { readonly outcome: 'stored'; readonly rows: number }
  /** It stays, with this reason. */
  | { readonly outcome: 'failed'; readonly code: string; readonly reason: string }
  /** It stays as it is: there is nothing to try. */
  | { readonly outcome: 'skipped'; readonly reason: string }
  /** Somebody else was faster. */
  | { readonly outcome: 'gone' }
);

export interface RetryStep {
  readonly outcomes: readonly RetryOutcome[];
  /** To go on behind this step in another run. */
  readonly next: Steps;
}

/**
 * Tries dead letters again, oldest first: interprets their bytes anew and stores what comes out, with the time,
 * topic and source of the letter. Steps of some hundred letters are one transaction each, in which the rows are
 * written and the letters deleted: whenever the process dies, each letter is either a letter or stored, once. A
 * letter that fails again stays, with the new reason. Those that come in meanwhile are not tried.
 * Throws the database's error; the steps before have come through.
 * @param from where an earlier run stopped
 */
export async function* retryDeadLetters(
  db: Database,
  filter: DeadLetterFilter,
  from?: Steps,
): AsyncGenerator<RetryStep> {
  const { until } = from ?? { until: await newestDeadLetter(db.pool) };
  const planner = new RetryPlanner(db);
  for (let after = from?.after ?? '0'; ; ) {
    const { letters, last } = await nextRetryLetters(db.pool, filter, { after, until });
    if (last === undefined) return;
    const outcomes = await retryStep(db, planner, letters);
    after = last;
    yield { outcomes, next: { after, until } };
  }
}

async function retryStep(
  db: Database,
  planner: RetryPlanner,
  letters: readonly RetryLetter[],
): Promise<RetryOutcome[]> {
  // What was announced is asked anew in each step: letters may announce logs, too.
  const finder = new SchemaFinder(db.pool);
  const plans: RetryPlan[] = [];
  for (const letter of letters) plans.push(await planner.plan(letter, finder));
  const tried = plans.filter((plan) => !('skipped' in plan));
  const outcomes = tried.length === 0 ? new Map<string, RetryOutcome>() : await settle(db, tried);
  return plans.map((plan): RetryOutcome => {
    const { id } = plan.letter;
    if ('skipped' in plan) return { id, outcome: 'skipped', reason: plan.skipped };
    return outcomes.get(id) ?? { id, outcome: 'gone' };
  });
}

type Writable = Extract<RetryPlan, { sets: unknown }>;

/** Writes, deletes and updates in one transaction. What is not in the result is gone. */
async function settle(db: Database, plans: readonly RetryPlan[]): Promise<Map<string, RetryOutcome>> {
  const ids = plans.map(({ letter }) => letter.id);
  return retryTransaction(db, ids, async (transaction) => {
    const present = plans.filter(({ letter }) => transaction.present.has(letter.id));
    const failed = present.flatMap((plan) => ('failed' in plan ? [plan.failed] : []));
    const stored = await write(
      transaction,
      present.filter((plan) => 'sets' in plan),
      failed,
    );
    await transaction.remove(stored.map(({ letter }) => letter.id));
    await transaction.keep(failed);
    return new Map<string, RetryOutcome>([
      ...failed.map(({ id, code, reason }) => [id, { id, outcome: 'failed', code, reason }] as const),
      ...stored.map(
        ({ letter: { id }, sets }) => [id, { id, outcome: 'stored', rows: rowsOf(sets) }] as const,
      ),
    ]);
  });
}

const rowsOf = (sets: readonly RowSet[]): number =>
  sets.reduce((sum, { target, items }) => sum + (target === DEAD_LETTERS ? 0 : items.length), 0);

/** Writes letters, halving them where the server refuses a row, until those at fault stand alone: these fail. */
async function write(
  transaction: RetryTransaction,
  plans: readonly Writable[],
  failed: NewReason[],
): Promise<readonly Writable[]> {
  if (plans.length === 0) return [];
  try {
    await transaction.copy(partsOf(plans.flatMap(({ sets }) => sets)));
    return plans;
  } catch (error) {
    if (!isDataError(error)) throw error;
    const [plan] = plans;
    if (plans.length === 1 && plan) {
      failed.push(
        reasonOf(plan.letter.id, {
          code: 'row_rejected',
          reason: errorLine(toDatabaseError(error, 'store it')),
          subject: '',
        }),
      );
      return [];
    }
    const half = Math.ceil(plans.length / 2);
    const first = await write(transaction, plans.slice(0, half), failed);
    return [...first, ...(await write(transaction, plans.slice(half), failed))];
  }
}

/** One COPY for each table, and not one for each letter. */
function partsOf(sets: readonly RowSet[]): CopyPart[] {
  const byTarget = new Map<RowTarget, RowSet[]>();
  for (const set of sets) byTarget.set(set.target, [...(byTarget.get(set.target) ?? []), set]);
  return [...byTarget].map(([target, parts]) => ({
    target,
    rows: parts.reduce((sum, { rows }) => sum + rows, 0),
    chunks: parts.flatMap(({ chunks }) => chunks),
  }));
}
