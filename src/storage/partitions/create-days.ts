import type pg from 'pg';
import { PARTITION_LOCK_TIMEOUT_MS, PARTITION_TURN_TIMEOUT_MS } from '../../core/limits.js';
import type { IndexedColumn } from '../log-indexes.js';
import { LOCKS, lockKey } from '../transaction.js';
import { createDay, createDefault, type PartitionedLog, rowsInDefault } from './create.js';
import { DAY_MS } from './day.js';
import { type Partition, type PartitionedTable, readPartitions } from './list.js';

/** What came of making partitions. */
export interface CreatedDays {
  readonly created: readonly number[];
  /** Rows that were moved out of the default partition. */
  readonly moved: number;
  /** Days that have too many rows in the default partition to move them now. */
  readonly left: readonly number[];
}

/** Whether a partition has rows of the day, or some of them: then there can be no other for it. */
export const isCovered = (partitions: readonly Partition[], day: number): boolean =>
  partitions.some(({ from, to }) => from < (day + 1) * DAY_MS && to > day * DAY_MS);

/** What partitions of a table are made from. Throws "undefined_table" where it is not there. */
export async function readLog(
  client: pg.ClientBase,
  { oid, key }: PartitionedTable,
): Promise<PartitionedLog> {
  const names = await client.query<{ name: string }>(
    'SELECT relname::text AS name FROM pg_class WHERE oid = $1',
    [oid],
  );
  const tableName = names.rows[0]?.name ?? '';
  const { rows } = await client.query<IndexedColumn>(
    `SELECT f.field, f.sql_type AS "sqlType", f.column_name AS "columnName"
       FROM zeekway.logs l JOIN zeekway.log_fields f USING (path)
       JOIN pg_attribute a ON a.attrelid = $2 AND a.attname = f.column_name AND NOT a.attisdropped
      WHERE l.table_name = $1 ORDER BY f.position`,
    [tableName, oid],
  );
  return { tableName, key, columns: rows };
}

/**
 * Takes the locks under which partitions of a table are made and dropped, in the order in which everybody takes them:
 * the advisory lock, the table, then partitions. Nobody who reads or writes the table waits for the first two.
 */
async function lockForPartitions(client: pg.ClientBase, oid: number, table: string): Promise<void> {
  await client.query(`SET LOCAL lock_timeout = ${PARTITION_TURN_TIMEOUT_MS}`);
  await client.query('SELECT pg_advisory_xact_lock($1, $2)', [LOCKS.partitions, lockKey(oid)]);
  await client.query(`LOCK TABLE ONLY ${table} IN SHARE UPDATE EXCLUSIVE MODE`);
  await client.query(`SET LOCAL lock_timeout = ${PARTITION_LOCK_TIMEOUT_MS}`);
}

/**
 * Makes those partitions of the days that are missing, in the transaction of `client`. Throws the server's error:
 * `lock_not_available` where somebody reads or writes the default partition for longer than we wait.
 * @param table quoted and qualified.
 * @param moveRows how many rows of a day to move out of the default partition at most.
 */
export async function createDays(
  client: pg.ClientBase,
  { oid }: PartitionedTable,
  table: string,
  days: readonly number[],
  moveRows: number,
): Promise<CreatedDays> {
  await lockForPartitions(client, oid, table);
  const found = await readPartitions(client, table);
  if (found === undefined) return { created: [], moved: 0, left: [] };
  const log = await readLog(client, found);
  const missing = days.filter((day) => !isCovered(found.partitions, day));
  const counts = await rowsInDefault(client, found, missing);
  const created: number[] = [];
  const left: number[] = [];
  let moved = 0;
  const rest = found.partitions.find(({ isDefault }) => isDefault);
  if (rest === undefined) await createDefault(client, log);
  for (const day of missing) {
    const rows = counts.get(day) ?? 0;
    if (rows > moveRows) {
      left.push(day);
    } else {
      moved += await createDay(client, log, rest?.table, day, rows > 0);
      created.push(day);
    }
  }
  return { created, moved, left };
}
