import type pg from 'pg';
import { PARTITION_LOCKS, PARTITIONS_PER_LOG } from '../../core/limits.js';

/** Objects that the server can have locked at the same time, as SQL. */
export const SERVER_LOCKS_SQL = `current_setting('max_locks_per_transaction')::int
  * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int)`;

/** How many partitions a log may have on a server with so many locks: see PARTITIONS_PER_LOG and PARTITION_LOCKS. */
export const limitOf = (locks: number): number =>
  Math.min(PARTITIONS_PER_LOG, Math.floor(locks / 2 / PARTITION_LOCKS));

/** How many partitions a log may have on this server. */
export async function partitionLimit(client: Pick<pg.ClientBase, 'query'>): Promise<number> {
  const { rows } = await client.query<{ locks: number }>(`SELECT ${SERVER_LOCKS_SQL} AS locks`);
  return limitOf(rows[0]?.locks ?? 0);
}
