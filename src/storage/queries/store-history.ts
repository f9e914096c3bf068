import { afterSql, type ByIdRequest, type Page, page, whereSql } from './by-id.js';
import { type Cell, type Query, textOf, textOrNull } from './query.js';

/** A value that a key of a data store had; keys and values in Zeek's notation. */
export interface StoredVersion {
  readonly id: string;
  readonly key: string;
  readonly value: string;
  readonly since: string;
  /** `infinity` where it is the value of now. */
  readonly until: string;
  readonly ended: string | null;
  readonly publisher: string | null;
}

export interface VersionsRequest extends ByIdRequest {
  readonly store: string;
  /** `zeekway.store_history.key_id` in hex. */
  readonly keyId?: string | undefined;
  /** Only what the store held then. */
  readonly at?: string | undefined;
}

/** What a store held, in the order in which it was stored. A range is of the times at which values were there. */
export function storedVersions(query: Query, request: VersionsRequest): Promise<Page<StoredVersion>> {
  const where = whereSql([
    ['store = ?', request.store],
    [`key_id = decode(?, 'hex')`, request.keyId],
    ['since <= ?::timestamptz AND until > ?::timestamptz', request.at],
    ['until > ?::timestamptz', request.from],
    ['since < ?::timestamptz', request.to],
    [afterSql(request.order), request.after],
  ]);
  const select = `SELECT id, key_text, value_text, since, until, ended, publisher FROM zeekway.store_history ${where.sql}`;
  return page(query, select, where.values, request, storedVersion);
}

function storedVersion([id, key, value, since, until, ended, publisher]: Cell[]): StoredVersion {
  return {
    id: textOf(id),
    key: textOf(key),
    value: textOf(value),
    since: textOf(since),
    until: textOf(until),
    ended: textOrNull(ended),
    publisher: textOrNull(publisher),
  };
}
