import pg from 'pg';
import { ZeekwayError } from '../../core/errors.js';
import { conjuncts, timeBounds } from '../../filter/conjuncts.js';
import type { Expression } from '../../filter/expression.js';
import { type LogColumn, type LogDescription, timeColumn } from './catalogue.js';
import { timeWindows } from './extent.js';
import { filterSql } from './filter-sql.js';
import { type Cell, firstRows, type Query, textOrNull } from './query.js';
import { Values } from './values.js';

/** One test of a column. `value` is text in PostgreSQL's notation of the column's (or its elements') type. */
export interface Condition {
  /**
   * `equals`; `within`: the address lies in the subnet; `contains`: an element of the array equals;
   * `contains-within`: an element lies in the subnet.
   */
  readonly test: 'equals' | 'within' | 'contains' | 'contains-within';
  readonly column: LogColumn;
  readonly value: string;
}

export type Order = 'asc' | 'desc';

/**
 * The place behind a row in the order (time, partition, ctid). A ctid stays as it is because rows of logs are never
 * updated; only a rewrite of the partition (VACUUM FULL, CLUSTER, a restore) changes it, and the file node with it.
 */
export interface RowPosition {
  /** PostgreSQL's text of the time; `null` where the row has none. */
  readonly time: string | null;
  /** The OID of the partition. */
  readonly partition: string;
  readonly ctid: string;
  readonly fileNode: string;
}

export interface RowsRequest {
  readonly columns: readonly LogColumn[];
  /** Half-open, PostgreSQL's notation. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** All groups must hold, and of each group at least one condition. */
  readonly conditions: readonly (readonly Condition[])[];
  readonly filter?: Expression | undefined;
  readonly order: Order;
  /** Infinity: all of them. */
  readonly limit: number;
  readonly after?: RowPosition | undefined;
}

/** A row: the columns asked for, and where it came from. */
export interface StoredRow {
  readonly cells: readonly Cell[];
  readonly received: string;
  readonly sourceId: string;
}

export interface RowsPage {
  readonly rows: readonly StoredRow[];
  /** Where the next page begins; absent on the last one. */
  readonly next?: RowPosition;
}

interface Statement {
  readonly text: string;
  readonly values: readonly (string | readonly string[])[];
}

const quoted = (column: LogColumn): string => pg.escapeIdentifier(column.column);

function conditionSql({ test, column, value }: Condition, values: Values): string {
  const name = quoted(column);
  const placeholder = values.add(value, column.sqlType.replace(/\[\]$/, ''));
  switch (test) {
    case 'equals':
      return `${name} = ${placeholder}`;
    case 'contains':
      return `${placeholder} = ANY(${name})`;
    case 'contains-within':
      return `${placeholder} >>= ANY(${name})`;
    case 'within':
      return `${name} <<= ${placeholder}`;
  }
}

const isRanged = ({ from, to }: RowsRequest): boolean => from !== undefined || to !== undefined;

/** The rows behind `after`. Rows without a time come last in both orders. */
function afterSql(request: RowsRequest, time: string, values: Values): string | undefined {
  const { after, order } = request;
  if (!after) return undefined;
  const sign = order === 'asc' ? '>' : '<';
  const place = `(${values.add(after.partition, 'oid')}, ${values.add(after.ctid, 'tid')})`;
  if (after.time === null) return `(${time} IS NULL AND (tableoid, ctid) ${sign} ${place})`;
  const at = values.add(after.time, 'timestamptz');
  const behind = `${time} ${sign}= ${at} AND (${time} ${sign} ${at} OR (tableoid, ctid) ${sign} ${place})`;
  return isRanged(request) ? `(${behind})` : `((${behind}) OR ${time} IS NULL)`;
}

/** The SELECT for a page of a log: the columns asked for, then `_received`, `_source`, time, tableoid and ctid. */
export function rowsStatement(log: LogDescription, request: RowsRequest): Statement {
  const values = new Values();
  const time = timeColumn(log).quoted;
  const where = [
    request.from === undefined ? undefined : `${time} >= ${values.add(request.from, 'timestamptz')}`,
    request.to === undefined ? undefined : `${time} < ${values.add(request.to, 'timestamptz')}`,
    ...request.conditions.map((group) => `(${group.map((one) => conditionSql(one, values)).join(' OR ')})`),
    request.filter === undefined ? undefined : filterSql(request.filter, values),
    afterSql(request, time, values),
  ].filter((part) => part !== undefined);
  const columns = [...request.columns.map(quoted), '"_received"', '"_source"', time, 'tableoid', 'ctid'];
  return {
    text:
      `SELECT ${columns.join(', ')} FROM ${log.table}` +
      (where.length > 0 ? ` WHERE ${where.join(' AND ')}` : '') +
      // In a range there are no NULLs; without the words a B-tree that somebody made can give the order.
      ` ORDER BY ${time} ${request.order}${isRanged(request) ? '' : ' NULLS LAST'},` +
      ` tableoid ${request.order}, ctid ${request.order}` +
      (request.limit === Number.POSITIVE_INFINITY ? '' : ` LIMIT ${request.limit + 1}`),
    values: values.list,
  };
}

/**
 * One page of a log's rows, ordered by time. Throws `request_invalid` where the partition of `after` was rewritten
 * since. One that is gone does no harm: the time says where to go on.
 */
export async function logRows(query: Query, log: LogDescription, asked: RowsRequest): Promise<RowsPage> {
  const request = narrowed(log, asked);
  const { after } = request;
  const { rows, hasMore } = await newestWindow(query, log, request);
  // After the rows: from there on the transaction's lock keeps the partition from being rewritten.
  if (after !== undefined) {
    const found = await fileNodeOf(query, after.partition);
    if (found !== null && found !== after.fileNode) {
      throw new ZeekwayError(
        'request_invalid',
        'the cursor is too old: the table was rewritten; begin again',
      );
    }
  }
  const last = rows.at(-1);
  if (!hasMore || !last) return { rows: rows.map(storedRow) };
  const [time, partition, ctid] = last.slice(-3) as [string | null, string, string];
  const fileNode = String(await fileNodeOf(query, partition));
  return { rows: rows.map(storedRow), next: { time, partition, ctid, fileNode } };
}

/** With the range that the filter has anyway: the rows of other times need not be looked at. */
export function narrowed<R extends Pick<RowsRequest, 'filter' | 'from' | 'to'>>(
  log: LogDescription,
  request: R,
): R {
  if (request.filter === undefined) return request;
  const time = timeColumn(log).name;
  const { from, to } = timeBounds(request.filter, ({ column }) => column === time);
  // Both are written alike, so that they sort as texts.
  const later = [request.from, from]
    .filter((one) => one !== undefined)
    .toSorted()
    .at(-1);
  const earlier = [request.to, to].filter((one) => one !== undefined).toSorted()[0];
  return { ...request, from: later, to: earlier };
}

async function fileNodeOf(query: Query, oid: string): Promise<string | null> {
  const [[fileNode] = []] = await query('SELECT pg_relation_filenode($1::oid)', [oid]);
  return textOrNull(fileNode);
}

type FirstRows = Awaited<ReturnType<typeof firstRows>>;

/** The first rows of the order; see `timeWindows`. */
async function newestWindow(query: Query, log: LogDescription, request: RowsRequest): Promise<FirstRows> {
  const { after } = request;
  const select = async (narrowed: RowsRequest): Promise<FirstRows> => {
    const { text, values } = rowsStatement(log, narrowed);
    return firstRows(query, text, values, request.limit);
  };
  // Behind a row without a time there are only such, and a uid has an index of its own.
  const windows =
    after?.time === null || namesUid(request)
      ? []
      : await timeWindows(query, log, { ...request, after: after?.time });
  for (const window of windows) {
    const found = await select({ ...request, ...window });
    if (found.hasMore) return found;
  }
  return select(request);
}

const namesUid = ({ conditions, filter }: RowsRequest): boolean =>
  conditions.some((group) =>
    group.some(({ test, column }) => test === 'equals' && UID_FIELDS.has(column.field)),
  ) ||
  (filter !== undefined &&
    conjuncts(filter).some(
      ({ column, test }) => test.kind === 'order' && test.order === '==' && UID_FIELDS.has(column.field),
    ));

/** A row of `rowsStatement`. */
export function storedRow(cells: readonly Cell[]): StoredRow {
  const [received, sourceId] = cells.slice(-5);
  return { cells: cells.slice(0, -5), received: String(received), sourceId: String(sourceId) };
}

/** Fields with an index of their own; see log-indexes.ts. */
const UID_FIELDS: ReadonlySet<string> = new Set(['uid', 'fuid']);
/** Fields that hold the uids of other rows: conn's tunnels, files' and dhcp's connections. */
const RELATED_FIELDS: ReadonlySet<string> = new Set(['tunnel_parents', 'conn_uids', 'uids']);

/** The conditions under which a row of the log belongs to a connection; none: the log knows no uid. */
export function uidConditions(log: LogDescription, uid: string, withRelated: boolean): Condition[] {
  return log.columns.flatMap((column): Condition[] => {
    if (column.field === 'uid' && column.sqlType === 'text') return [{ test: 'equals', column, value: uid }];
    if (!withRelated || !RELATED_FIELDS.has(column.field)) return [];
    return column.sqlType === 'text[]' ? [{ test: 'contains', column, value: uid }] : [];
  });
}
