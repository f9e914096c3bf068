import { type Cell, firstRows, type Query, textOf, textOrNull } from './query.js';
import type { Order } from './rows.js';

/** What the tables that are read by their ascending `id` have in common. */
interface ByIdRequest {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly order: Order;
  readonly limit: number;
  /** The `id` of the last row of the page before. */
  readonly after?: string | undefined;
}

export interface Page<T> {
  readonly rows: readonly T[];
  /** The `id` behind which the next page begins; absent on the last one. */
  readonly next?: string;
}

export interface StoredEvent {
  readonly id: string;
  readonly name: string;
  readonly topic: string;
  /** The network time that the event carried, if any. */
  readonly time: string | null;
  readonly received: string;
  readonly sourceId: string;
  /** The jsonb's text. */
  readonly args: string;
}

export interface EventsRequest extends ByIdRequest {
  readonly name?: string | undefined;
  readonly topicPrefix?: string | undefined;
}

export interface StoredDeadLetter {
  readonly id: string;
  readonly code: string;
  readonly reason: string;
  readonly subject: string;
  readonly topic: string;
  readonly received: string;
  readonly sourceId: string;
  /** All bytes of the message that were kept, of which `raw` may hold the first only. */
  readonly size: number;
  readonly raw: Buffer;
}

export interface DeadLettersRequest extends ByIdRequest {
  readonly code?: string | undefined;
  /** How many bytes of each message to give. */
  readonly rawBytes: number;
}

/** Conditions joined by AND, `?` being the place of a value. Those whose value is `undefined` fall away. */
function whereSql(parts: readonly (readonly [sql: string, value: string | undefined])[]): {
  sql: string;
  values: string[];
} {
  const values: string[] = [];
  const conditions: string[] = [];
  for (const [sql, value] of parts) {
    if (value === undefined) continue;
    values.push(value);
    conditions.push(sql.replaceAll('?', `$${values.length}`));
  }
  return { sql: conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '', values };
}

const afterSql = (order: Order): string => `id ${order === 'asc' ? '>' : '<'} ?::bigint`;
const tailSql = ({ order, limit }: ByIdRequest): string => `ORDER BY id ${order} LIMIT ${limit + 1}`;

async function page<T extends { readonly id: string }>(
  query: Query,
  select: string,
  values: readonly string[],
  request: ByIdRequest,
  row: (cells: Cell[]) => T,
): Promise<Page<T>> {
  const found = await firstRows(query, `${select} ${tailSql(request)}`, values, request.limit);
  const rows = found.rows.map(row);
  const last = rows.at(-1);
  return found.hasMore && last ? { rows, next: last.id } : { rows };
}

/**
 * Events in the order in which they were stored. A range applies to the network time, and to the time of
 * receipt of an event that has none (Zeek before 6.0 sends none).
 */
export async function storedEvents(query: Query, request: EventsRequest): Promise<Page<StoredEvent>> {
  const where = whereSql([
    ['name = ?', request.name],
    ['starts_with(topic, ?)', request.topicPrefix],
    ['(ts >= ?::timestamptz OR (ts IS NULL AND received >= ?::timestamptz))', request.from],
    ['(ts < ?::timestamptz OR (ts IS NULL AND received < ?::timestamptz))', request.to],
    [afterSql(request.order), request.after],
  ]);
  const select = `SELECT id, name, topic, ts, received, source, args FROM zeekway.events ${where.sql}`;
  return page(query, select, where.values, request, storedEvent);
}

function storedEvent([id, name, topic, time, received, source, args]: Cell[]): StoredEvent {
  return {
    id: textOf(id),
    name: textOf(name),
    topic: textOf(topic),
    time: textOrNull(time),
    received: textOf(received),
    sourceId: textOf(source),
    args: textOf(args),
  };
}

const DEAD_LETTER_COLUMNS = 'id, code, reason, subject, topic, received, source, octet_length(raw)';

function deadLetter([
  id,
  code,
  reason,
  subject,
  topic,
  received,
  source,
  size,
  raw,
]: Cell[]): StoredDeadLetter {
  return {
    id: textOf(id),
    code: textOf(code),
    reason: textOf(reason),
    subject: textOf(subject),
    topic: textOf(topic),
    received: textOf(received),
    sourceId: textOf(source),
    size: Number(size),
    raw: Buffer.from(textOf(raw).replace(/^\\x/, ''), 'hex'),
  };
}

/** Dead letters in the order in which they were stored. A range applies to the time of receipt. */
export async function deadLetters(
  query: Query,
  request: DeadLettersRequest,
): Promise<Page<StoredDeadLetter>> {
  const where = whereSql([
    ['code = ?', request.code],
    ['received >= ?::timestamptz', request.from],
    ['received < ?::timestamptz', request.to],
    [afterSql(request.order), request.after],
  ]);
  const columns = `${DEAD_LETTER_COLUMNS}, substring(raw for ${request.rawBytes})`;
  const select = `SELECT ${columns} FROM zeekway.dead_letters ${where.sql}`;
  return page(query, select, where.values, request, deadLetter);
}

/** One dead letter with all its bytes. */
export async function deadLetterById(query: Query, id: string): Promise<StoredDeadLetter | undefined> {
  const [row] = await query(
    `SELECT ${DEAD_LETTER_COLUMNS}, raw FROM zeekway.dead_letters WHERE id = $1::bigint`,
    [id],
  );
  return row && deadLetter(row);
}
