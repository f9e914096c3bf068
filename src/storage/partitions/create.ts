import pg from 'pg';
import { ZeekwayError } from '../../core/errors.js';
import { type IndexedColumn, indexesFor, indexSql } from '../log-indexes.js';
import { partitionNames } from '../log-names.js';
import { dayBound, daySql, dayText } from './day.js';
import type { PartitionedTable } from './list.js';

/** A log whose table is partitioned, and what its partitions are made from. */
export interface PartitionedLog {
  /** Unquoted, in the schema logs. */
  readonly tableName: string;
  /** The column by which it is partitioned. */
  readonly key: string;
  readonly columns: readonly IndexedColumn[];
}

export const parentOf = (tableName: string): string => `logs.${pg.escapeIdentifier(tableName)}`;

/** A name that no other relation among the partitions has, quoted and qualified. */
async function freeName(client: pg.ClientBase, tableName: string, suffix: string): Promise<string> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT name FROM unnest($1::text[]) WITH ORDINALITY AS candidates (name, place)
      WHERE to_regclass(format('log_partitions.%I', name)) IS NULL ORDER BY place LIMIT 1`,
    [partitionNames(tableName, suffix)],
  );
  const [row] = rows;
  if (row === undefined) {
    throw new ZeekwayError('database_failed', `all names for partition ${suffix} of ${tableName} are taken`);
  }
  return `log_partitions.${pg.escapeIdentifier(row.name)}`;
}

async function createIndexes(
  client: pg.ClientBase,
  { columns, key }: PartitionedLog,
  partition: string,
): Promise<void> {
  for (const index of indexesFor(columns, key, 'open')) {
    await client.query(`CREATE INDEX ON ${partition} ${indexSql(index)}`);
  }
}

/** Makes the partition for what has no day or none that is plausible. The transaction has the table locked. */
export async function createDefault(client: pg.ClientBase, log: PartitionedLog): Promise<void> {
  const name = await freeName(client, log.tableName, 'default');
  await client.query(`CREATE TABLE ${name} PARTITION OF ${parentOf(log.tableName)} DEFAULT`);
  await createIndexes(client, log, name);
}

/** A table like the log's that is no partition of it yet. */
async function createLoose(client: pg.ClientBase, log: PartitionedLog, day: number): Promise<string> {
  const name = await freeName(client, log.tableName, dayText(day).replaceAll('-', ''));
  const like = 'INCLUDING ALL EXCLUDING INDEXES EXCLUDING IDENTITY';
  await client.query(`CREATE TABLE ${name} (LIKE ${parentOf(log.tableName)} ${like})`);
  return name;
}

/** Columns that can be written, quoted: somebody may have added one that is generated. */
async function writableColumns(client: pg.ClientBase, tableName: string): Promise<string> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT quote_ident(attname) AS name FROM pg_attribute
      WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`,
    [parentOf(tableName)],
  );
  return rows.map(({ name }) => name).join(', ');
}

/** The condition that a row is of a day. */
const inDay = (key: string, day: number): string => {
  const column = pg.escapeIdentifier(key);
  return `${column} >= ${daySql(day)} AND ${column} < ${daySql(day + 1)}`;
};

/** How many rows of each of the days are in the default partition. */
export async function rowsInDefault(
  client: Pick<pg.ClientBase, 'query'>,
  { key, partitions }: PartitionedTable,
  days: readonly number[],
): Promise<Map<number, number>> {
  const rest = partitions.find(({ isDefault }) => isDefault);
  if (rest === undefined || rest.bytes === 0 || days.length === 0) return new Map();
  const { rows } = await client.query<{ day: number; rows: string }>(
    `SELECT day, count(*) AS rows
       FROM (SELECT floor(extract(epoch FROM ${pg.escapeIdentifier(key)}) / 86400)::int AS day FROM ONLY ${rest.table}
              WHERE ${pg.escapeIdentifier(key)} >= ${daySql(Math.min(...days))}
                AND ${pg.escapeIdentifier(key)} < ${daySql(Math.max(...days) + 1)}) AS found
      WHERE day = ANY($1::int[]) GROUP BY day`,
    [days],
  );
  return new Map(rows.map((row) => [row.day, Number(row.rows)]));
}

/**
 * Makes the partition of a day, with the rows of that day that are in the default partition. Until the end of the
 * transaction the default partition is locked against everybody.
 * @param moving whether there may be such rows: it is then locked against writing while they are moved
 * @returns how many rows were moved
 */
export async function createDay(
  client: pg.ClientBase,
  log: PartitionedLog,
  rest: string | undefined,
  day: number,
  moving: boolean,
): Promise<number> {
  const name = await createLoose(client, log, day);
  let moved = 0;
  if (moving && rest !== undefined) {
    const columns = await writableColumns(client, log.tableName);
    await client.query(`LOCK TABLE ONLY ${rest} IN SHARE ROW EXCLUSIVE MODE`);
    const { rowCount } = await client.query(
      `WITH moved AS (DELETE FROM ONLY ${rest} WHERE ${inDay(log.key, day)} RETURNING ${columns})
       INSERT INTO ${name} (${columns}) SELECT ${columns} FROM moved`,
    );
    moved = rowCount ?? 0;
  }
  await createIndexes(client, log, name);
  const bounds = `FROM (${dayBound(day)}) TO (${dayBound(day + 1)})`;
  await client.query(`ALTER TABLE ${parentOf(log.tableName)} ATTACH PARTITION ${name} FOR VALUES ${bounds}`);
  return moved;
}
