import pg from 'pg';
import type { Expression, Scalar } from '../../filter/expression.js';
import { type LogColumn, type LogDescription, timeColumn } from './catalogue.js';
import { type Query, textOrNull } from './query.js';
import { type Condition, type RowSelection, selectionSql } from './rows.js';
import { Values } from './values.js';

/** From an identifier to its rows in all logs. */

export interface Identifier {
  /** The field that has an index; see log-indexes.ts. */
  readonly field: string;
  /** Fields by which other rows refer to it, single ones and lists. */
  readonly related: ReadonlySet<string>;
}

/** Of a connection. Rows refer to it: conn's tunnels, files' and dhcp's connections. */
export const UID: Identifier = {
  field: 'uid',
  related: new Set(['tunnel_parents', 'conn_uids', 'uids']),
};

/** Of a file: smtp's and http's, ssl's certificates, files in files; `id` is what pe, ocsp and older x509 call it. */
export const FUID: Identifier = {
  field: 'fuid',
  related: new Set([
    'fuids',
    'orig_fuids',
    'resp_fuids',
    'cert_chain_fuids',
    'client_cert_chain_fuids',
    'parent_fuid',
    'id',
  ]),
};

/** The conditions under which a row of the log belongs to an identifier; none: the log has no field for it. */
export function identifierConditions(
  log: LogDescription,
  { field, related }: Identifier,
  value: string,
  withRelated: boolean,
): Condition[] {
  return log.columns.flatMap((column): Condition[] => {
    const isOwn = column.field === field && column.sqlType === 'text';
    if (!isOwn && !(withRelated && related.has(column.field))) return [];
    if (column.sqlType === 'text') return [{ test: 'equals', column, value }];
    return column.sqlType === 'text[]' ? [{ test: 'contains', column, value }] : [];
  });
}

const textColumn = (log: LogDescription, field: string): LogColumn | undefined =>
  log.columns.find((column) => column.field === field && column.sqlType === 'text');

/** The connections of a community ID: any log may have the field, and Zeek's uid tells the rest. */
export interface Connections {
  readonly communityId: string;
  readonly uids: readonly string[];
}

/** The latest uids of the rows of a log that have the community ID, `most` of them. */
export async function uidsOfCommunityId(
  query: Query,
  log: LogDescription,
  communityId: string,
  range: Pick<RowSelection, 'from' | 'to'>,
  most: number,
): Promise<string[]> {
  const [column, uid] = [textColumn(log, 'community_id'), textColumn(log, 'uid')];
  if (column === undefined || uid === undefined) return [];
  const values = new Values();
  const name = pg.escapeIdentifier(uid.column);
  const selection = { ...range, conditions: [[{ test: 'equals', column, value: communityId } as const]] };
  const where = [...selectionSql(log, selection, values), `${name} IS NOT NULL`];
  const rows = await query(
    `SELECT ${name} FROM ${log.table} WHERE ${where.join(' AND ')}
      GROUP BY 1 ORDER BY max(${timeColumn(log).quoted}) DESC NULLS LAST, 1 LIMIT ${most}`,
    values.list,
  );
  return rows.map(([cell]) => textOrNull(cell)).filter((one) => one !== null);
}

/**
 * The rows of these connections: those with such a uid, and of a log without uids those of the range that have the
 * community ID itself. `undefined`: the log has neither.
 */
export function connectionRows(
  log: LogDescription,
  { communityId, uids }: Connections,
  range: Pick<RowSelection, 'from' | 'to'>,
): RowSelection | undefined {
  const uid = textColumn(log, 'uid');
  if (uid !== undefined) return uids.length > 0 ? { conditions: [], filter: oneOf(uid, uids) } : undefined;
  const column = textColumn(log, 'community_id');
  if (column === undefined) return undefined;
  return { ...range, conditions: [[{ test: 'equals', column, value: communityId }]] };
}

function oneOf(column: LogColumn, texts: readonly string[]): Expression {
  const scalars = texts.map((text): Scalar => ({ text, sqlType: 'text', value: text }));
  return { kind: 'test', column, test: { kind: 'one-of', scalars } };
}
