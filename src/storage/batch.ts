import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { ZeekwayError } from '../core/errors.js';
import type { Database } from './database.js';
import { isDataError } from './database-error.js';
import { inTransaction } from './transaction.js';

/** A table to COPY into. */
export interface CopyTarget {
  /** Quoted and qualified: `logs."conn"`, `zeekway.events`. */
  readonly table: string;
  /** Unquoted, in the order of the rows' values. */
  readonly columns: readonly string[];
}

/** Rows for one table. */
export interface CopyPart {
  readonly target: CopyTarget;
  readonly rows: number;
  /** Rows in PostgreSQL's binary COPY format, without its header and trailer, cut anywhere. */
  readonly chunks: readonly Buffer[];
}

/** How far a writer's stream of entries is stored: all before item number `item` of entry number `entry`. */
export interface Position {
  readonly entry: number;
  readonly item: number;
}

/** What is committed together. */
export interface Batch<Part extends CopyPart> {
  /** A UUID of the writer. */
  readonly writer: string;
  /** The position that the database should have; `undefined` where the writer has stored nothing there. */
  readonly expected: Position | undefined;
  /** The position when this batch is stored. */
  readonly reached: Position;
  readonly parts: readonly Part[];
}

export type BatchOutcome<Part extends CopyPart> =
  | { readonly status: 'written'; readonly parts: readonly Part[] }
  /** The database has another position than was expected, and nothing was written. */
  | { readonly status: 'elsewhere'; readonly found: Position | undefined };

/**
 * The header and trailer of binary COPY: signature, no flags, no extension; -1 instead of a field count
 * (https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format").
 */
const COPY_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const COPY_TRAILER = Buffer.from([0xff, 0xff]);

/** Throws the server's error as it is. */
export async function copyPart(client: pg.ClientBase, { target, rows, chunks }: CopyPart): Promise<void> {
  const columns = target.columns.map((column) => pg.escapeIdentifier(column)).join(', ');
  const copy = client.query(copyFrom(`COPY ${target.table} (${columns}) FROM STDIN (FORMAT binary)`));
  await pipeline(Readable.from([COPY_HEADER, ...chunks, COPY_TRAILER]), copy);
  if (copy.rowCount !== rows) {
    const text = `${target.table} took ${copy.rowCount} rows of a batch that has ${rows}`;
    throw new ZeekwayError('internal', text);
  }
}

/** What to write instead of a part that the server refuses for what is in it. */
export type Replace<Part extends CopyPart> = (part: Part, error: unknown) => readonly Part[];

/** Writes a part, or what replaces it, and again for each of these; returns what was written in the end. */
async function copyOrReplace<Part extends CopyPart>(
  client: pg.ClientBase,
  part: Part,
  replace: Replace<Part>,
): Promise<Part[]> {
  await client.query('SAVEPOINT part');
  try {
    await copyPart(client, part);
    // Else a deferred constraint would fail the COMMIT, where nobody can tell which row it was.
    await client.query('SET CONSTRAINTS ALL IMMEDIATE');
    await client.query('RELEASE SAVEPOINT part');
    return [part];
  } catch (error) {
    if (!isDataError(error)) throw error;
    await client.query('ROLLBACK TO SAVEPOINT part');
    const written: Part[] = [];
    for (const other of replace(part, error)) written.push(...(await copyOrReplace(client, other, replace)));
    await client.query('RELEASE SAVEPOINT part');
    return written;
  }
}

/** The position that a writer has reached in this database. */
export async function storedPosition(
  client: Pick<pg.ClientBase, 'query'>,
  writer: string,
): Promise<Position | undefined> {
  const { rows } = await client.query<{ entry: string; item: number }>(
    'SELECT entry, item FROM zeekway.writers WHERE id = $1',
    [writer],
  );
  const [row] = rows;
  return row && { entry: Number(row.entry), item: row.item };
}

/**
 * Writes a batch and the writer's position in one transaction. The writer's row is taken first, so that a second
 * try waits for a first one which the server is still working at.
 * Throws the database's error; nothing of the batch is stored then, unless the connection broke while the
 * answer to COMMIT was due: a further try finds the position `reached` in that case.
 * @param replace with it, a part that is refused for its content does not fail the batch
 * @param signal gives up, as when the connection is lost
 */
export async function commitBatch<Part extends CopyPart>(
  db: Database,
  { writer, expected, reached, parts }: Batch<Part>,
  { replace, signal }: { readonly replace?: Replace<Part>; readonly signal?: AbortSignal } = {},
): Promise<BatchOutcome<Part>> {
  const write = async (client: pg.PoolClient): Promise<BatchOutcome<Part>> => {
    const { rowCount } = await client.query(
      `INSERT INTO zeekway.writers AS w (id, entry, item) VALUES ($1, $2, $3)
       ON CONFLICT (id) DO UPDATE SET entry = EXCLUDED.entry, item = EXCLUDED.item, updated = now()
       WHERE (w.entry, w.item) = ($4, $5)`,
      [writer, reached.entry, reached.item, expected?.entry, expected?.item],
    );
    if (rowCount === 0) return { status: 'elsewhere', found: await storedPosition(client, writer) };
    const written: Part[] = [];
    for (const part of parts) {
      if (replace) written.push(...(await copyOrReplace(client, part, replace)));
      else await copyPart(client, part);
    }
    return { status: 'written', parts: replace ? written : parts };
  };
  return inTransaction(db, 'write a batch', write, signal);
}
