import pg from 'pg';

/**
 * Which indexes the partitions of a log have. docs/adr/0004-columns-and-indexes.md and 0007-partitions.md have the
 * measurements behind the choice.
 */

/** A column of a log table: the catalogue's row. */
export interface IndexedColumn {
  readonly field: string;
  readonly sqlType: string;
  readonly columnName: string;
}

/** An index of one column, told as PostgreSQL's catalogue does. */
export interface LogIndex {
  readonly column: string;
  readonly method: 'brin' | 'hash' | 'btree';
  readonly operators: string;
}

/** `open`: is being written, so that indexes must cost next to nothing; `sealed`: is complete but for late rows. */
export type IndexSet = 'open' | 'sealed';

const IDENTIFIER_FIELDS = new Set(['uid', 'fuid', 'community_id']);
const ENDPOINT_FIELDS = new Set(['id.orig_h', 'id.resp_h']);

const MINMAX = { method: 'brin', operators: 'timestamptz_minmax_ops' } as const;

/** Bloom filters of ranges of pages find equal values only; a B-tree finds those in a subnet, too. */
const KINDS = {
  identifier: {
    open: { method: 'brin', operators: 'text_bloom_ops' },
    sealed: { method: 'hash', operators: 'text_ops' },
  },
  endpoint: {
    open: { method: 'brin', operators: 'inet_bloom_ops' },
    sealed: { method: 'btree', operators: 'inet_ops' },
  },
} as const;

function kindOf({ field, sqlType }: IndexedColumn): keyof typeof KINDS | undefined {
  if (IDENTIFIER_FIELDS.has(field) && sqlType === 'text') return 'identifier';
  return ENDPOINT_FIELDS.has(field) && sqlType === 'inet' ? 'endpoint' : undefined;
}

/** The indexes of a partition. @param key the column by which the table is partitioned. */
export function indexesFor(columns: readonly IndexedColumn[], key: string, set: IndexSet): LogIndex[] {
  const times = new Set([key]);
  const others: LogIndex[] = [];
  for (const column of columns) {
    if (column.field === 'ts' && column.sqlType === 'timestamptz') times.add(column.columnName);
    const kind = kindOf(column);
    if (kind !== undefined) others.push({ column: column.columnName, ...KINDS[kind][set] });
  }
  return [...[...times].map((column): LogIndex => ({ column, ...MINMAX })), ...others];
}

export const isSameIndex = (a: LogIndex, b: LogIndex): boolean =>
  a.column === b.column && a.method === b.method && a.operators === b.operators;

/**
 * What follows `CREATE INDEX ON table`; names are left to PostgreSQL, which chooses free ones. 32 pages are some
 * 1,000 rows of a conn log; new ranges are summarized by the maintenance, not by the one who writes.
 */
export function indexSql({ column, method, operators }: LogIndex): string {
  const options = method === 'brin' ? ' WITH (pages_per_range = 32)' : '';
  return `USING ${method} (${pg.escapeIdentifier(column)} ${operators})${options}`;
}
