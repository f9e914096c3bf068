import pg from 'pg';

interface IndexedColumn {
  readonly field: string;
  readonly sqlType: string;
  readonly columnName: string;
}

/**
 * Rows come about in the order of their time, so that a BRIN finds a range of it. 32 pages are some 1,000
 * rows of a conn log; new ranges are summarized by the autovacuum process, not by the one who writes.
 */
const brin = (column: string): string =>
  `USING brin (${column}) WITH (pages_per_range = 32, autosummarize = on)`;

const IDENTIFIER_FIELDS = new Set(['uid', 'fuid']);
/** PostgreSQL itself turns `address <<= subnet` into a range of a B-tree. */
const ENDPOINT_FIELDS = new Set(['id.orig_h', 'id.resp_h']);

/**
 * The index of a column of a log table, as what follows `CREATE INDEX ON table`; `undefined` where it gets
 * none. Names are left to PostgreSQL, which chooses free ones. docs/adr/0004-columns-and-indexes.md has the
 * measurements behind the choice.
 */
export function indexOf({ field, sqlType, columnName }: IndexedColumn): string | undefined {
  const column = pg.escapeIdentifier(columnName);
  if (field === 'ts' && sqlType === 'timestamptz') return brin(column);
  if (IDENTIFIER_FIELDS.has(field) && sqlType === 'text') return `USING hash (${column})`;
  if (ENDPOINT_FIELDS.has(field) && sqlType === 'inet') return `(${column})`;
  return undefined;
}

/** The index of the time at which rows came, for logs without a `ts`. */
export const RECEIVED_INDEX = brin('_received');
