import pg from 'pg';
import { ZeekwayError } from '../../core/errors.js';
import { conjuncts, timeBounds } from '../../filter/conjuncts.js';
import { type Expression, scalarSqlType } from '../../filter/expression.js';
import { type LogColumn, type LogDescription, timeColumn } from './catalogue.js';
import { timeWindows } from './extent.js';
import { filterSql } from './filter-sql.js';
import { planOf } from './plan.js';
import { type Cell, firstRows, type Query, textOrNull } from './query.js';
import { behindSql, type RowSort, sortSql, sortValuesSql } from './sort.js';
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
  /** Of rows that are sorted by a field: PostgreSQL's texts of its columns, of which all or all but one are `null`. */
  readonly values?: readonly (string | null)[];
}

/** Which rows of a log a question is about. */
export interface RowSelection {
  /** Half-open, PostgreSQL's notation. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** All groups must hold, and of each group at least one condition. */
  readonly conditions: readonly (readonly Condition[])[];
  readonly filter?: Expression | undefined;
}

export interface RowsRequest extends RowSelection {
  readonly columns: readonly LogColumn[];
  /** By a field; by time where it is left out. */
  readonly sort?: RowSort | undefined;
  /** Of the time: where the rows are sorted by a field, among equal ones. */
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
  const placeholder = values.add(value, scalarSqlType(column));
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
  const { after, order, sort } = request;
  if (!after) return undefined;
  if (sort) return behindSql(sort, time, order, { values: [], ...after }, values);
  const sign = order === 'asc' ? '>' : '<';
  const place = `(${values.add(after.partition, 'oid')}, ${values.add(after.ctid, 'tid')})`;
  if (after.time === null) return `(${time} IS NULL AND (tableoid, ctid) ${sign} ${place})`;
  const at = values.add(after.time, 'timestamptz');
  const behind = `${time} ${sign}= ${at} AND (${time} ${sign} ${at} OR (tableoid, ctid) ${sign} ${place})`;
  return isRanged(request) ? `(${behind})` : `((${behind}) OR ${time} IS NULL)`;
}

/** What holds for the rows of a selection, each part in parentheses where it needs them. */
export function selectionSql(log: LogDescription, selection: RowSelection, values: Values): string[] {
  const { from, to, conditions, filter } = selection;
  const time = timeColumn(log).quoted;
  return [
    ...(from === undefined ? [] : [`${time} >= ${values.add(from, 'timestamptz')}`]),
    ...(to === undefined ? [] : [`${time} < ${values.add(to, 'timestamptz')}`]),
    ...conditions.map((group) => `(${group.map((one) => conditionSql(one, values)).join(' OR ')})`),
    ...(filter === undefined ? [] : [filterSql(filter, values)]),
  ];
}

/**
 * The SELECT for a page of a log: the columns asked for, those that it is sorted by, then `_received`, `_source`, time,
 * tableoid and ctid.
 */
export function rowsStatement(log: LogDescription, request: RowsRequest): Statement {
  const values = new Values();
  const time = timeColumn(log).quoted;
  const where = selectionSql(log, request, values);
  const after = afterSql(request, time, values);
  if (after !== undefined) where.push(after);
  const { sort, order } = request;
  const columns = [
    ...request.columns.map(quoted),
    ...(sort ? sortValuesSql(sort) : []),
    ...['"_received"', '"_source"', time, 'tableoid', 'ctid'],
  ];
  // In a range there are no NULLs; without the words a B-tree that somebody made can give the order.
  const byTime = `${time} ${order}${isRanged(request) ? '' : ' NULLS LAST'}, tableoid ${order}, ctid ${order}`;
  return {
    text:
      `SELECT ${columns.join(', ')} FROM ${log.table}` +
      (where.length > 0 ? ` WHERE ${where.join(' AND ')}` : '') +
      ` ORDER BY ${sort ? sortSql(sort, time, order) : byTime}` +
      (request.limit === Number.POSITIVE_INFINITY ? '' : ` LIMIT ${request.limit + 1}`),
    values: values.list,
  };
}

/**
 * One page of a log's rows, ordered by time or by a field. Throws `request_invalid` where the partition of `after` was rewritten
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
  const columns = request.columns.length;
  const stored = rows.map((row) => storedRow(row, columns));
  if (!hasMore || !last) return { rows: stored };
  const [time, partition, ctid] = last.slice(-3) as [string | null, string, string];
  const fileNode = String(await fileNodeOf(query, partition));
  const position = { time, partition, ctid, fileNode };
  if (!request.sort) return { rows: stored, next: position };
  return { rows: stored, next: { ...position, values: last.slice(columns, -5).map(textOrNull) } };
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
  // Behind a row without a time there are only such, and a uid has an index of its own. The order of a field does not
  // begin at one end of the log.
  const windows =
    request.sort || after?.time === null || namesUid(request) || (await isCheap(query, log, request))
      ? []
      : await timeWindows(query, log, { ...request, after: after?.time });
  for (const window of windows) {
    const found = await select({ ...request, ...window });
    if (found.hasMore) return found;
  }
  return select(request);
}

/** Ranges that are no longer are planned as a whole before windows are tried: they have few partitions. */
const PLANNED_MS = 8 * 86_400_000;
/** In the planner's units, about what reading 8 MiB costs: some milliseconds, as windows cost that find nothing. */
const CHEAP_COST = 1_500;

/**
 * Whether the planner finds all rows of a short range as quickly as windows would: those that an index gives of a host, a
 * port, an hour. Without a condition the first windows have enough rows, and the planner need not be asked.
 */
async function isCheap(query: Query, log: LogDescription, request: RowsRequest): Promise<boolean> {
  const { from, to, conditions, filter } = request;
  if (from === undefined || (filter === undefined && conditions.length === 0)) return false;
  const length = (to === undefined ? Date.now() : Date.parse(to)) - Date.parse(from);
  if (!(length <= PLANNED_MS)) return false;
  const { text, values } = rowsStatement(log, request);
  return (await planOf(query, text, values)).cost < CHEAP_COST;
}

const namesUid = ({ conditions, filter }: RowsRequest): boolean =>
  conditions.some((group) =>
    group.some(({ test, column }) => test === 'equals' && UID_FIELDS.has(column.field)),
  ) ||
  (filter !== undefined &&
    conjuncts(filter).some(
      ({ column, test }) =>
        UID_FIELDS.has(column.field) &&
        ((test.kind === 'order' && test.order === '==') || test.kind === 'one-of'),
    ));

/** A row of `rowsStatement`, with so many columns asked for. */
export function storedRow(cells: readonly Cell[], columns: number): StoredRow {
  const [received, sourceId] = cells.slice(-5);
  return { cells: cells.slice(0, columns), received: String(received), sourceId: String(sourceId) };
}

/** Fields with an index of their own; see log-indexes.ts. */
const UID_FIELDS: ReadonlySet<string> = new Set(['uid', 'fuid', 'community_id']);
