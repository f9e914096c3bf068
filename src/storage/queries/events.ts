import { afterSql, type ByIdRequest, type Page, page, whereSql } from './by-id.js';
import { type Cell, type Query, textOf, textOrNull } from './query.js';

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
