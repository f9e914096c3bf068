import pg from 'pg';
import { ZeekwayError } from '../core/errors.js';
import { SCHEMA_LOCK_TIMEOUT_MS } from '../core/limits.js';
import type { Database } from './database.js';
import { freeColumnName, freeTableName } from './log-names.js';
import { createDefault, parentOf } from './partitions/create.js';
import { forgetDays } from './partitions/ensure-days.js';
import { inTransaction, LOCKS, lockKey } from './transaction.js';

type ScalarSqlType =
  | 'boolean'
  | 'bigint'
  | 'numeric(20,0)'
  | 'double precision'
  | 'timestamptz'
  | 'text'
  | 'integer'
  | 'inet';

/** The types that columns of log tables have; docs/schema.md says which Zeek type becomes which. */
export type SqlType = ScalarSqlType | `${ScalarSqlType}[]`;

/** A field of a log as it was announced. */
export interface ColumnSpec {
  /** Zeek's name of the field. */
  readonly field: string;
  /** Zeek's type: `count`, `set[addr]`, `vector[string]`. */
  readonly zeekType: string;
  readonly sqlType: SqlType;
}

/** Where the records of one announcement go. */
export interface LogTable {
  readonly path: string;
  /** Quoted and qualified: `logs."conn"`. */
  readonly table: string;
  /** The column of each field, unquoted, in the order of the fields. */
  readonly columns: string[];
  /**
   * The column whose UTC day says to which partition a row goes: that of `ts` where the table was made with one that
   * is a time, else `_received`. `undefined` where somebody made the table anew as a plain one.
   */
  readonly key: string | undefined;
}

/** A field that has a column: the catalogue's row. */
interface KnownField {
  readonly field: string;
  readonly sqlType: string;
  readonly zeekType: string;
  readonly columnName: string;
}

/** What the catalogue and PostgreSQL know about a log. */
interface LogState {
  readonly tableName: string;
  /** Empty as long as the log is known from files only. */
  readonly stream: string;
  readonly fields: readonly KnownField[];
  /** The columns that the table has; empty where it was dropped or never made. */
  readonly columns: ReadonlySet<string>;
  readonly key: string | undefined;
}

const keyOf = ({ field, sqlType }: { field: string; sqlType: string }): string => `${sqlType} ${field}`;

function checkSpecs(path: string, specs: readonly ColumnSpec[]): void {
  const invalid = (problem: string): ZeekwayError =>
    new ZeekwayError('log_schema_invalid', `log "${path}" cannot become a table: ${problem}`);
  const seen = new Set<string>();
  for (const { field } of specs) {
    if (field.includes('\0') || !field.isWellFormed()) throw invalid('a field name is not text');
    if (seen.has(field)) throw invalid(`two fields are named "${field}"`);
    seen.add(field);
  }
  if (path.includes('\0') || !path.isWellFormed()) throw invalid('its path is not text');
}

async function readState(client: pg.ClientBase, path: string): Promise<LogState | undefined> {
  const logs = await client.query<Pick<LogState, 'tableName' | 'stream'>>(
    'SELECT table_name AS "tableName", stream FROM zeekway.logs WHERE path = $1',
    [path],
  );
  const [log] = logs.rows;
  if (log === undefined) return undefined;
  const fields = await client.query<KnownField>(
    `SELECT field, sql_type AS "sqlType", zeek_type AS "zeekType", column_name AS "columnName"
       FROM zeekway.log_fields WHERE path = $1 ORDER BY position`,
    [path],
  );
  const columns = await client.query<{ name: string; isKey: boolean | null }>(
    `SELECT a.attname::text AS name, a.attnum = t.partattrs[0] AS "isKey"
       FROM pg_attribute a
       LEFT JOIN pg_partitioned_table t ON t.partrelid = a.attrelid AND t.partstrat = 'r' AND t.partnatts = 1
      WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped`,
    [parentOf(log.tableName)],
  );
  const key = columns.rows.find(({ isKey }) => isKey)?.name;
  return { ...log, fields: fields.rows, columns: new Set(columns.rows.map(({ name }) => name)), key };
}

/** The table as it is, when all specs have a column in it already. */
function findTable(path: string, state: LogState, specs: readonly ColumnSpec[]): LogTable | undefined {
  const known = new Map(state.fields.map((field) => [keyOf(field), field]));
  const columns: string[] = [];
  for (const spec of specs) {
    const field = known.get(keyOf(spec));
    if (!field || field.zeekType !== spec.zeekType || !state.columns.has(field.columnName)) return undefined;
    columns.push(field.columnName);
  }
  if (state.columns.size === 0) return undefined;
  return { path, table: parentOf(state.tableName), columns, key: state.key };
}

/** Enters a new log; its name must not be that of another relation of the schema. */
async function addLog(client: pg.ClientBase, path: string, stream: string): Promise<LogState> {
  const relations = await client.query<{ name: string }>(
    `SELECT relname::text AS name FROM pg_class WHERE relnamespace = 'logs'::regnamespace
     UNION SELECT table_name FROM zeekway.logs`,
  );
  const tableName = freeTableName(path, new Set(relations.rows.map(({ name }) => name)));
  await client.query('INSERT INTO zeekway.logs (path, table_name, stream) VALUES ($1, $2, $3)', [
    path,
    tableName,
    stream,
  ]);
  return { tableName, stream, fields: [], columns: new Set(), key: undefined };
}

/** Log files do not tell their stream: the first announcement that does is entered. */
async function learnStream(client: pg.ClientBase, path: string, stream: string): Promise<void> {
  await client.query(`UPDATE zeekway.logs SET stream = $2 WHERE path = $1 AND stream = ''`, [path, stream]);
}

/** Gives each spec a column in the catalogue: the one it has, or a new one behind the others. */
async function assignColumns(
  client: pg.ClientBase,
  path: string,
  state: LogState,
  specs: readonly ColumnSpec[],
): Promise<KnownField[]> {
  const known = new Map(state.fields.map((field) => [keyOf(field), field]));
  const taken = new Set([...state.columns, ...state.fields.map(({ columnName }) => columnName)]);
  const assigned = specs.map(({ field, sqlType, zeekType }): KnownField => {
    const columnName =
      known.get(keyOf({ field, sqlType }))?.columnName ?? freeColumnName(field, sqlType, taken);
    taken.add(columnName);
    return { field, sqlType, zeekType, columnName };
  });
  await client.query(
    `INSERT INTO zeekway.log_fields (path, field, zeek_type, sql_type, column_name, position)
     SELECT $1, field, zeek_type, sql_type, column_name,
            (SELECT coalesce(max(position), -1) FROM zeekway.log_fields WHERE path = $1) + number
       FROM unnest($2::text[], $3::text[], $4::text[], $5::text[])
            WITH ORDINALITY AS new (field, zeek_type, sql_type, column_name, number)
     ON CONFLICT (path, field, sql_type) DO UPDATE SET zeek_type = EXCLUDED.zeek_type`,
    [
      path,
      assigned.map(({ field }) => field),
      assigned.map(({ zeekType }) => zeekType),
      assigned.map(({ sqlType }) => sqlType),
      assigned.map(({ columnName }) => columnName),
    ],
  );
  return assigned;
}

const definition = ({ columnName, sqlType }: KnownField): string =>
  `${pg.escapeIdentifier(columnName)} ${sqlType}`;

/** Makes the table with its default partition; those of days come when there are rows for them. Returns its key. */
async function createTable(
  client: pg.ClientBase,
  { tableName }: LogState,
  fields: readonly KnownField[],
): Promise<string> {
  const ts = fields.find(({ field, sqlType }) => field === 'ts' && sqlType === 'timestamptz');
  const key = ts?.columnName ?? '_received';
  const columns = [...fields.map(definition), '_received timestamptz NOT NULL', '_source int NOT NULL'];
  await client.query(
    `CREATE TABLE ${parentOf(tableName)} (${columns.join(', ')}) PARTITION BY RANGE (${pg.escapeIdentifier(key)})`,
  );
  await createDefault(client, { tableName, key, columns: fields });
  return key;
}

/**
 * Keeps others from building indexes of a table until the end of the transaction: who does is cancelled, and begins
 * anew at its next pass. A build can take as long as it likes, and no column can be added meanwhile.
 */
async function stopBuilding(client: pg.ClientBase, table: string): Promise<void> {
  const { rows } = await client.query<{ oid: number }>(
    `SELECT c.oid, pg_cancel_backend(l.pid)
       FROM pg_class c
       LEFT JOIN pg_locks l ON l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
        AND l.classid = $2::bigint::oid AND l.objid = c.oid
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      WHERE c.oid = $1::regclass`,
    [table, LOCKS.building],
  );
  const [row] = rows;
  if (row) await client.query('SELECT pg_advisory_xact_lock($1, $2)', [LOCKS.building, lockKey(row.oid)]);
}

/**
 * Adds the columns that the table lacks; the maintenance makes their indexes. Nobody may read or write meanwhile, and
 * while this waits for those who do, others wait behind it: so it gives up soon, and is tried again.
 */
async function addColumns(
  client: pg.ClientBase,
  { tableName, columns }: LogState,
  fields: readonly KnownField[],
): Promise<void> {
  const missing = fields.filter(({ columnName }) => !columns.has(columnName));
  if (missing.length === 0) return;
  await client.query(`SET LOCAL lock_timeout = ${SCHEMA_LOCK_TIMEOUT_MS}`);
  await stopBuilding(client, parentOf(tableName));
  const added = missing.map((field) => `ADD COLUMN ${definition(field)}`);
  await client.query(`ALTER TABLE ${parentOf(tableName)} ${added.join(', ')}`);
}

/** PostgreSQL's limits of a table, as an error about the announcement. */
function asSchemaError(error: unknown, path: string): unknown {
  if (!(error instanceof pg.DatabaseError) || error.code !== '54011') return error;
  const text = `log "${path}" cannot become a table: ${error.message} (dropped columns count, too)`;
  return new ZeekwayError('log_schema_invalid', text, {}, { cause: error });
}

/**
 * The table for a log's announced fields: made when it is the first announcement, given further columns when
 * fields are new or have another type than before. Nothing is ever rewritten or removed. Any number of
 * gateways may announce different fields of one path at once.
 * @param specs in the order of the record's fields; names are text (no NUL)
 * Throws `log_schema_invalid` when the fields are more than a table can have or cannot be told apart.
 */
export async function ensureLogTable(
  db: Database,
  { path, stream }: { readonly path: string; readonly stream: string },
  specs: readonly ColumnSpec[],
): Promise<LogTable> {
  checkSpecs(path, specs);
  let isNew = false;
  const log = await inTransaction(db, `prepare the table of log "${path}"`, async (client) => {
    const before = await readState(client, path);
    if (before?.stream === '' && stream !== '') await learnStream(client, path, stream);
    const found = before && findTable(path, before, specs);
    if (found) return found;
    await client.query('SELECT pg_advisory_xact_lock($1, 0)', [LOCKS.logTables]);
    const state = (await readState(client, path)) ?? (await addLog(client, path, stream));
    isNew = state.columns.size === 0;
    let { key } = state;
    try {
      const fields = await assignColumns(client, path, state, specs);
      if (isNew) key = await createTable(client, state, fields);
      else await addColumns(client, state, fields);
      const columns = fields.map(({ columnName }) => columnName);
      return { path, table: parentOf(state.tableName), columns, key };
    } catch (error) {
      throw asSchemaError(error, path);
    }
  });
  if (isNew) forgetDays(db, log.table);
  return log;
}
