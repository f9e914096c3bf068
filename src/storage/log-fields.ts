import type pg from 'pg';
import { toDatabaseError } from './database-error.js';
import type { ColumnSpec } from './log-tables.js';

interface FieldRow extends ColumnSpec {
  /** The place of its column in the table; `null` where it has none. */
  readonly attnum: number | null;
  /** The place of `_received`. */
  readonly received: number | null;
}

/** What is known of the order of a log's fields: the fields, or in words why it is not known. */
export type FieldOrder = { readonly fields: readonly ColumnSpec[] } | { readonly unknown: string };

/**
 * The fields of a log in the order in which they were announced, where that can be known: the catalogue's
 * positions tell in which order fields became known, which is another one where a later announcement had a new
 * field between two others. A table, however, is made with the fields of one announcement in their order, then
 * `_received` and `_source`; columns of later ones are behind these. So the order is that of the columns as long
 * as none is behind. Throws the database's error.
 */
export async function announcedOrder(
  pool: pg.Pool,
  { path, stream }: { readonly path: string; readonly stream: string },
): Promise<FieldOrder> {
  const rows = await fieldRows(pool, path, stream);
  if (rows.length === 0) return { unknown: `no log "${path}" of ${stream} was announced since` };
  const isFirst = rows.every(
    ({ attnum, received }, index) => attnum === index + 1 && received === rows.length + 1,
  );
  if (isFirst) return { fields: rows.map(({ field, zeekType, sqlType }) => ({ field, zeekType, sqlType })) };
  return {
    unknown: `log "${path}" was announced with different fields: which of them the record has cannot be known`,
  };
}

async function fieldRows(pool: pg.Pool, path: string, stream: string): Promise<FieldRow[]> {
  try {
    const { rows } = await pool.query<FieldRow>(
      `SELECT f.field, f.zeek_type AS "zeekType", f.sql_type AS "sqlType", a.attnum, r.attnum AS received
         FROM zeekway.logs AS l
         JOIN zeekway.log_fields AS f USING (path)
         CROSS JOIN LATERAL (SELECT to_regclass(format('logs.%I', l.table_name)) AS oid) AS t
         LEFT JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attname = f.column_name
         LEFT JOIN pg_attribute AS r ON r.attrelid = t.oid AND r.attname = '_received'
        WHERE l.path = $1 AND l.stream = $2 ORDER BY a.attnum`,
      [path, stream],
    );
    return rows;
  } catch (error) {
    throw toDatabaseError(error, 'read the fields of a log');
  }
}
