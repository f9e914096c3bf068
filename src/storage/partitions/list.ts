import type pg from 'pg';

/** A partition of a log's table. */
export interface Partition {
  readonly oid: number;
  /** Quoted and qualified: `log_partitions.conn_20261124`. */
  readonly table: string;
  /** Begin (inclusive) and end (exclusive), milliseconds since the Unix epoch; both are NaN for the default partition. */
  readonly from: number;
  readonly to: number;
  readonly isDefault: boolean;
  /** Of the rows themselves, in bytes. */
  readonly bytes: number;
  readonly isSealed: boolean;
}

/** A log's table that is partitioned by a time. */
export interface PartitionedTable {
  readonly oid: number;
  /** The column by which it is partitioned, unquoted. */
  readonly key: string;
  /** The default partition, then the others by time. */
  readonly partitions: readonly Partition[];
}

/** The comment of a partition that is sealed: it goes where the partition goes. */
export const SEALED_COMMENT = 'sealed by zeekway: its day is over, and its indexes are complete';

/**
 * Partitions of a table in SQL: `oid`, `name` (quoted and qualified), `low`, `high` (timestamptz; NULL for the default
 * partition, infinities for MINVALUE and MAXVALUE), `is_default`, `is_sealed`, and what pg_class tells of them.
 * @param parent an expression of type regclass.
 */
export const partitionsSql = (parent: string): string => `
  SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, c.relpages, c.reltuples,
         bounds.text = 'DEFAULT' AS is_default,
         CASE WHEN bounds.text LIKE 'FOR VALUES FROM (MINVALUE)%' THEN '-infinity'
              ELSE (regexp_match(bounds.text, $re$FROM \\('([^']*)'\\)$re$))[1] END::timestamptz AS low,
         CASE WHEN bounds.text LIKE '%TO (MAXVALUE)' THEN 'infinity'
              ELSE (regexp_match(bounds.text, $re$TO \\('([^']*)'\\)$re$))[1] END::timestamptz AS high,
         coalesce(obj_description(c.oid, 'pg_class') = '${SEALED_COMMENT}', false) AS is_sealed
    FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL pg_get_expr(c.relpartbound, c.oid) AS bounds (text)
   WHERE i.inhparent = ${parent}`;

/** Tables that are partitioned by ranges of one timestamptz, in SQL: `oid`, and the column as `key`, unquoted. */
export const KEYS_SQL = `
  SELECT a.attrelid AS oid, a.attname::text AS key
    FROM pg_partitioned_table t
    JOIN pg_attribute a ON a.attrelid = t.partrelid AND a.attnum = t.partattrs[0]
   WHERE t.partstrat = 'r' AND t.partnatts = 1 AND a.atttypid = 'timestamptz'::regtype`;

interface PartitionRow {
  oid: number;
  name: string;
  from: number;
  to: number;
  isDefault: boolean;
  isSealed: boolean;
  bytes: string;
}

/**
 * The partitions of a log's table; `undefined` for a table that has none (somebody made it anew as a plain one).
 * Throws the server's error, "undefined_table" where the table is not there.
 * @param table quoted and qualified.
 */
export async function readPartitions(
  client: Pick<pg.ClientBase, 'query'>,
  table: string,
): Promise<PartitionedTable | undefined> {
  const keys = await client.query<{ oid: number; key: string }>(
    `SELECT oid, key FROM (${KEYS_SQL}) AS keys WHERE oid = $1::regclass`,
    [table],
  );
  const [found] = keys.rows;
  if (found === undefined) return undefined;
  const { rows } = await client.query<PartitionRow>(
    `SELECT oid, name, extract(epoch FROM low)::float8 * 1000 AS from, extract(epoch FROM high)::float8 * 1000 AS to,
            is_default AS "isDefault", is_sealed AS "isSealed", pg_relation_size(oid) AS bytes
       FROM (${partitionsSql('$1::regclass')}) AS partitions
      ORDER BY is_default DESC, low`,
    [table],
  );
  const partitions = rows.map(({ name, from, to, bytes, ...row }) => ({
    ...row,
    table: name,
    from: from ?? Number.NaN,
    to: to ?? Number.NaN,
    bytes: Number(bytes),
  }));
  return { ...found, partitions };
}
