import pg from 'pg';
import { type ErrorCode, ZeekwayError } from '../../core/errors.js';
import { API_PAGE_BYTES } from '../../core/limits.js';
import { toDatabaseError } from '../database-error.js';

/**
 * One value as PostgreSQL's text form writes it (all digits of a number are there); an array is split into
 * the text of its elements. `null` is SQL's NULL. The reader knows the column's type and converts.
 */
export type Cell = string | null | readonly (string | null)[];

/** The cell of a column that is no array and NOT NULL. */
export const textOf = (cell: Cell | undefined): string => String(cell ?? '');
/** The cell of a column that is no array. */
export const textOrNull = (cell: Cell | undefined): string | null => (typeof cell === 'string' ? cell : null);

/** Runs one statement and returns its rows, each an array of cells. All values are text: cast them in SQL. */
export type Query = (text: string, values?: readonly (string | readonly string[])[]) => Promise<Cell[][]>;

export interface ReadOptions {
  /** How long one statement, and the statements together, may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Cancels the running statement when aborted: nobody waits for the answer any more. */
  readonly signal?: AbortSignal | undefined;
}

/** OIDs of the array types that our columns have: bool, int4, text, inet, timestamptz, int8, float8, numeric. */
const ARRAY_OIDS: ReadonlySet<number> = new Set([1000, 1007, 1009, 1016, 1022, 1041, 1185, 1231]);
const TEXT_ARRAY_OID = 1009;

/** node-postgres' own parser of text[]; all arrays have the same text form. */
const parseArray: (text: string) => (string | null)[] = pg.types.getTypeParser(TEXT_ARRAY_OID as number);
const asText = (text: string): string => text;

/** The types of one query, not of the process: the defaults make numbers and dates that lose digits. */
const TEXT_TYPES = {
  getTypeParser: (oid: number) => (ARRAY_OIDS.has(oid) ? parseArray : asText),
} as unknown as pg.CustomTypesConfig;

const QUERY_CANCELED = '57014';
/** The class of SQLSTATEs about values: the statements are ours, the values are the client's. */
const DATA_EXCEPTION = '22';

/**
 * Runs the statements of `work` in one read-only transaction: one snapshot, times in UTC, and a time limit.
 * Throws `query_timeout` when the limit is reached or the signal aborts, else what `toDatabaseError` makes.
 */
export async function read<T>(
  pool: pg.Pool,
  options: ReadOptions,
  work: (query: Query) => Promise<T>,
): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw toDatabaseError(error, 'connect to the database');
  });
  const reader = new Reader(pool, client, options);
  client.on('error', ignoreConnectionEvent);
  try {
    return await reader.run(work);
  } finally {
    const broken = await reader.end();
    client.off('error', ignoreConnectionEvent);
    client.release(broken);
  }
}

/** A connection may be lost between two statements: the next one tells. Without a listener the process would end. */
const ignoreConnectionEvent = (): void => {};

/** Rows that are fetched at once, before the size of the page is looked at. */
const FETCH_ROWS = 200;
/** What a cell costs beyond its text: its key in the answer. */
const CELL_BYTES = 16;

/** What a row costs in memory, about. */
export const sizeOf = (cells: readonly Cell[]): number =>
  cells.reduce((sum, cell) => sum + CELL_BYTES + (cell === null ? 0 : textSize(cell)), 0);

const textSize = (cell: string | readonly (string | null)[]): number =>
  typeof cell === 'string'
    ? cell.length
    : cell.reduce((sum, item) => sum + CELL_BYTES + (item?.length ?? 0), 0);

/**
 * The first rows of a SELECT that has a LIMIT of one more: `limit` of them, or those that make a page large enough
 * (API_PAGE_BYTES), and whether there are more.
 */
export async function firstRows(
  query: Query,
  select: string,
  values: readonly (string | readonly string[])[],
  limit: number,
): Promise<{ rows: Cell[][]; hasMore: boolean }> {
  const rows: Cell[][] = [];
  let bytes = 0;
  for await (const fetched of batches(query, select, values, limit)) {
    for (const row of fetched) {
      if (rows.length === limit || bytes > API_PAGE_BYTES) return { rows, hasMore: true };
      rows.push(row);
      bytes += sizeOf(row);
    }
  }
  return { rows, hasMore: false };
}

async function* batches(
  query: Query,
  select: string,
  values: readonly (string | readonly string[])[],
  limit: number,
): AsyncGenerator<Cell[][]> {
  if (limit < FETCH_ROWS) {
    // All are fetched at once in any case, without the statements of a cursor.
    yield await query(select, values);
    return;
  }
  await query(`DECLARE page NO SCROLL CURSOR FOR ${select}`, values);
  try {
    let fetched: Cell[][];
    do {
      fetched = await query(`FETCH ${FETCH_ROWS} FROM page`);
      yield fetched;
    } while (fetched.length === FETCH_ROWS);
  } finally {
    await query('CLOSE page');
  }
}

function queryError(error: unknown, { timeoutMs }: ReadOptions): ZeekwayError {
  const code = error instanceof pg.DatabaseError ? (error.code ?? '') : '';
  const fail = (ours: ErrorCode, what: string): ZeekwayError =>
    new ZeekwayError(ours, what, {}, { cause: error });
  if (code === QUERY_CANCELED) return fail('query_timeout', `the query took longer than ${timeoutMs} ms`);
  if (code.startsWith(DATA_EXCEPTION))
    return fail('request_invalid', 'a value is none that the database knows');
  return toDatabaseError(error, 'run a query');
}

/** The transaction of one `read`. */
class Reader {
  private readonly deadline: number;
  private backend = '';
  private cancelled: Promise<void> | undefined;

  constructor(
    private readonly pool: pg.Pool,
    private readonly client: pg.PoolClient,
    private readonly options: ReadOptions,
  ) {
    this.deadline = performance.now() + options.timeoutMs;
  }

  async run<T>(work: (query: Query) => Promise<T>): Promise<T> {
    const { signal, timeoutMs } = this.options;
    const onAbort = (): void => {
      this.cancelled ??= this.cancel();
    };
    const answers: unknown = await this.send(
      `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
       SET LOCAL statement_timeout = ${Math.ceil(timeoutMs)};
       SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'; SET LOCAL extra_float_digits = 1;
       SET LOCAL bytea_output = 'hex'; SET LOCAL cursor_tuple_fraction = 1;
       SELECT pg_backend_pid() AS pid`,
    );
    this.backend = String((answers as pg.QueryResult<{ pid: number }>[]).at(-1)?.rows[0]?.pid);
    signal?.addEventListener('abort', onAbort);
    try {
      return await work((text, values) => this.query(text, values));
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  private async query(text: string, values: readonly (string | readonly string[])[] = []): Promise<Cell[][]> {
    if (this.options.signal?.aborted || performance.now() > this.deadline) {
      throw new ZeekwayError('query_timeout', `the queries took longer than ${this.options.timeoutMs} ms`);
    }
    const { rows } = await this.send({ text, values: [...values], rowMode: 'array', types: TEXT_TYPES });
    return rows;
  }

  private async send(query: string | pg.QueryArrayConfig): Promise<pg.QueryArrayResult<Cell[]>> {
    try {
      return await this.client.query<Cell[]>(query as pg.QueryArrayConfig);
    } catch (error) {
      throw queryError(error, this.options);
    }
  }

  /** On a connection of its own: those of the pool may all be busy, and one of them is ours. */
  private async cancel(): Promise<void> {
    const client = new pg.Client(this.pool.options);
    try {
      await client.connect();
      await client.query('SELECT pg_cancel_backend($1)', [this.backend]);
    } catch {
      // The statement ends by its time limit then.
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /**
   * Ends the transaction, after a cancel has gone out: it must not hit the next user of the connection.
   * Returns an error where the connection is not usable any more.
   */
  async end(): Promise<Error | undefined> {
    await this.cancelled;
    try {
      await this.client.query('ROLLBACK');
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }
}
