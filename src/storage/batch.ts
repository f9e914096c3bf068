import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { ZeekwayError } from '../core/errors.js';
import type { Database } from './database.js';
import { inTransaction } from './transaction.js';

/** Rows for one table. */
export interface CopyPart {
  /** The table, quoted and qualified: `logs."conn"`, `zeekway.events`. */
  readonly target: string;
  /** Unquoted, in the order of the rows' values. */
  readonly columns: readonly string[];
  readonly rows: number;
  /** Rows in PostgreSQL's binary COPY format, without its header and trailer, cut anywhere. */
  readonly chunks: readonly Buffer[];
}

/** What is committed together. */
export interface Batch {
  /** A UUID of the writing process. */
  readonly writer: string;
  /** Counts the writer's batches upwards. A batch that is tried again keeps its number. */
  readonly seq: bigint;
  readonly parts: readonly CopyPart[];
}

/**
 * The header and trailer of binary COPY: signature, no flags, no extension; -1 instead of a field count
 * (https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format").
 */
const COPY_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const COPY_TRAILER = Buffer.from([0xff, 0xff]);

export async function copyPart(client: pg.ClientBase, part: CopyPart): Promise<void> {
  const columns = part.columns.map((column) => pg.escapeIdentifier(column)).join(', ');
  const copy = client.query(copyFrom(`COPY ${part.target} (${columns}) FROM STDIN (FORMAT binary)`));
  await pipeline(Readable.from([COPY_HEADER, ...part.chunks, COPY_TRAILER]), copy);
  if (copy.rowCount !== part.rows) {
    const text = `${part.target} took ${copy.rowCount} rows of a batch that has ${part.rows}`;
    throw new ZeekwayError('internal', text);
  }
}

/**
 * Writes a batch in one transaction. `already` says that it had been written before: a commit whose answer
 * was lost. The writer's row is taken first, so that a second try waits for a first one which the server is
 * still working at.
 * Throws the database's error; nothing of the batch is stored then, unless the connection broke while the
 * answer to COMMIT was due: try it again with the same number.
 * @param signal gives up, as when the connection is lost
 */
export async function commitBatch(
  db: Database,
  { writer, seq, parts }: Batch,
  signal?: AbortSignal,
): Promise<'written' | 'already'> {
  const write = async (client: pg.PoolClient): Promise<'written' | 'already'> => {
    const { rowCount } = await client.query(
      `INSERT INTO zeekway.writers (id, seq) VALUES ($1, $2)
       ON CONFLICT (id) DO UPDATE SET seq = EXCLUDED.seq, updated = now() WHERE writers.seq < EXCLUDED.seq`,
      [writer, String(seq)],
    );
    if (rowCount === 0) return 'already';
    for (const part of parts) await copyPart(client, part);
    return 'written';
  };
  return inTransaction(db, 'write a batch', write, signal);
}
