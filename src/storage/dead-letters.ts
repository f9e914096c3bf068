import pg from 'pg';
import { DEAD_LETTER_BYTES, DEAD_LETTER_STEP, RETRY_BYTES, RETRY_STEP } from '../core/limits.js';
import { type CopyPart, copyPart } from './batch.js';
import type { Database } from './database.js';
import { toDatabaseError } from './database-error.js';
import { whereSql } from './queries/by-id.js';
import { conditions, type DeadLetterFilter } from './queries/dead-letters.js';
import { inTransaction } from './transaction.js';

/** Dead letters that go: dropped, or tried again. Reading them is in queries/dead-letters.ts. */

async function ask<R extends pg.QueryResultRow>(
  pool: pg.Pool,
  doing: string,
  text: string,
  values: readonly unknown[],
): Promise<R[]> {
  try {
    return (await pool.query<R>(text, [...values])).rows;
  } catch (error) {
    throw toDatabaseError(error, doing);
  }
}

/**
 * The newest dead letter there is: work in steps ends with it, so that what comes in meanwhile is neither dropped
 * unseen nor tried again at once.
 */
export async function newestDeadLetter(pool: pg.Pool): Promise<string> {
  const text = 'SELECT coalesce(max(id), 0) AS id FROM zeekway.dead_letters';
  const [row] = await ask<{ id: string }>(pool, 'look for dead letters', text, []);
  return row?.id ?? '0';
}

/** Where a step begins and where all of them end. */
export interface Steps {
  readonly after: string;
  /** Of `newestDeadLetter`. */
  readonly until: string;
}

/** The first IDs of a step, ascending, that are `most` letters, or so many bytes of them and one more letter. */
async function stepIds(
  pool: pg.Pool,
  filter: DeadLetterFilter,
  { after, until }: Steps,
  most: { readonly letters: number; readonly bytes: number },
): Promise<string[]> {
  const where = whereSql([...conditions(filter), ['id > ?::bigint', after], ['id <= ?::bigint', until]]);
  const rows = await ask<{ id: string }>(
    pool,
    'look for dead letters',
    `SELECT id FROM (
       SELECT id, sum(size) OVER (ORDER BY id) - size AS before FROM (
         SELECT id, octet_length(raw) AS size FROM zeekway.dead_letters ${where.sql} ORDER BY id LIMIT ${most.letters}
       ) AS letter
     ) AS step WHERE before < ${most.bytes} ORDER BY id`,
    where.values,
  );
  return rows.map(({ id }) => id);
}

/**
 * Drops the dead letters of a filter in steps of DEAD_LETTER_STEP, each a transaction of its own, and says after
 * each how many these were. Stopping in the middle leaves the others. Throws the database's error.
 */
export async function* dropDeadLetters(pool: pg.Pool, filter: DeadLetterFilter): AsyncGenerator<number> {
  const most = { letters: DEAD_LETTER_STEP, bytes: Number.MAX_SAFE_INTEGER };
  const until = await newestDeadLetter(pool);
  for (let after = '0'; ; ) {
    const ids = await stepIds(pool, filter, { after, until }, most);
    const last = ids.at(-1);
    if (last === undefined) return;
    // In the order in which a retry locks them, so that the two cannot wait for each other.
    const dropped = await ask(
      pool,
      'drop dead letters',
      `WITH locked AS (
         SELECT id FROM zeekway.dead_letters WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE
       ) DELETE FROM zeekway.dead_letters WHERE id IN (SELECT id FROM locked) RETURNING id`,
      [ids],
    );
    yield dropped.length;
    after = last;
  }
}

/** A dead letter as it is tried again. */
export interface RetryLetter {
  readonly id: string;
  readonly code: string;
  readonly topic: string;
  /** Nanoseconds since the Unix epoch. */
  readonly received: bigint;
  /** `zeekway.sources.id`. */
  readonly source: number;
  /** `null` where it has been cut at DEAD_LETTER_BYTES. */
  readonly raw: Buffer | null;
  /** What the bytes are: a `PayloadFormat`. */
  readonly format: string;
}

interface RetryRow extends Omit<RetryLetter, 'received'> {
  readonly micros: string;
}

/**
 * The next dead letters of a filter, ascending: RETRY_STEP of them, or RETRY_BYTES; and the last ID of the step,
 * `undefined` where there is no further one. Throws the database's error.
 */
export async function nextRetryLetters(
  pool: pg.Pool,
  filter: DeadLetterFilter,
  steps: Steps,
): Promise<{ readonly letters: readonly RetryLetter[]; readonly last: string | undefined }> {
  const ids = await stepIds(pool, filter, steps, { letters: RETRY_STEP, bytes: RETRY_BYTES });
  const rows = await ask<RetryRow>(
    pool,
    'read dead letters',
    `SELECT id, code, topic, source, format, (extract(epoch FROM received) * 1000000)::bigint AS micros,
            CASE WHEN octet_length(raw) < ${DEAD_LETTER_BYTES} THEN raw END AS raw
       FROM zeekway.dead_letters WHERE id = ANY($1::bigint[]) ORDER BY id`,
    [ids],
  );
  return {
    letters: rows.map(({ micros, ...row }) => ({ ...row, received: BigInt(micros) * 1000n })),
    last: ids.at(-1),
  };
}

/** Why a dead letter stays one. */
export interface NewReason {
  readonly id: string;
  readonly code: string;
  readonly reason: string;
  /** What it belongs to; left as it was where this is empty. */
  readonly subject: string;
}

/** One transaction in which dead letters become rows. */
export interface RetryTransaction {
  /** Which of the letters are still there: they are locked. */
  readonly present: ReadonlySet<string>;
  /** Writes rows. When it throws the server's error, none of them is written and the transaction goes on. */
  readonly copy: (parts: readonly CopyPart[]) => Promise<void>;
  readonly remove: (ids: readonly string[]) => Promise<void>;
  readonly keep: (reasons: readonly NewReason[]) => Promise<void>;
}

/**
 * Runs `work` in a transaction that has the letters locked: whoever else drops or tries one of them again waits,
 * and then finds that it is gone. Throws what `work` throws, or the database's error; nothing is changed then.
 */
export async function retryTransaction<T>(
  db: Database,
  ids: readonly string[],
  work: (transaction: RetryTransaction) => Promise<T>,
): Promise<T> {
  return inTransaction(db, 'try dead letters again', async (client) => {
    const { rows } = await client.query<{ id: string }>(
      'SELECT id FROM zeekway.dead_letters WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE',
      [ids],
    );
    return work({
      present: new Set(rows.map(({ id }) => id)),
      copy: (parts) => copyOrNothing(client, parts),
      remove: async (gone) => {
        await client.query('DELETE FROM zeekway.dead_letters WHERE id = ANY($1::bigint[])', [gone]);
      },
      keep: (reasons) => keep(client, reasons),
    });
  });
}

async function copyOrNothing(client: pg.ClientBase, parts: readonly CopyPart[]): Promise<void> {
  await client.query('SAVEPOINT letters');
  try {
    for (const part of parts) await copyPart(client, part);
    // Else a deferred constraint would fail the COMMIT, where nobody can tell which letter it was.
    await client.query('SET CONSTRAINTS ALL IMMEDIATE');
  } catch (error) {
    if (error instanceof pg.DatabaseError) {
      await client.query('ROLLBACK TO SAVEPOINT letters; RELEASE SAVEPOINT letters');
    }
    throw error;
  }
  await client.query('RELEASE SAVEPOINT letters');
}

async function keep(client: pg.ClientBase, reasons: readonly NewReason[]): Promise<void> {
  await client.query(
    `UPDATE zeekway.dead_letters AS d
        SET code = n.code, reason = n.reason, subject = coalesce(nullif(n.subject, ''), d.subject)
       FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS n (id, code, reason, subject)
      WHERE d.id = n.id`,
    [
      reasons.map(({ id }) => id),
      reasons.map(({ code }) => code),
      reasons.map(({ reason }) => reason),
      reasons.map(({ subject }) => subject),
    ],
  );
}
