import { afterSql, type ByIdRequest, type Page, page, whereSql } from './by-id.js';
import { type Cell, type Query, textOf } from './query.js';

/** One value that an identifier had, as a peer published it. */
export interface StoredIdentifier {
  readonly id: string;
  readonly name: string;
  /** The jsonb's text: Broker's JSON. */
  readonly value: string;
  readonly received: string;
  readonly sourceId: string;
}

const COLUMNS = 'id, name, value, received, source';

/**
 * The newest value of each identifier, in the order of their names.
 * @param request `at`: as it was then. `after`: the name that the page before ended with.
 */
export async function newestIdentifiers(
  query: Query,
  {
    at,
    after,
    limit,
  }: { readonly at?: string | undefined; readonly after?: string | undefined; readonly limit: number },
): Promise<StoredIdentifier[]> {
  // By the index of (name, received), one step a name: an identifier may have been published a million times.
  const rows = await query(
    `WITH RECURSIVE names AS (
       (SELECT name FROM zeekway.identifiers WHERE name > $1 ORDER BY name LIMIT 1)
       UNION ALL
       SELECT (SELECT i.name FROM zeekway.identifiers AS i WHERE i.name > n.name ORDER BY i.name LIMIT 1)
         FROM names AS n WHERE n.name IS NOT NULL)
     SELECT i.* FROM names AS n, LATERAL (
       SELECT ${COLUMNS} FROM zeekway.identifiers
        WHERE name = n.name AND received <= $2::timestamptz
        ORDER BY received DESC, id DESC LIMIT 1) AS i
      LIMIT ${limit}`,
    // No name is empty.
    [after ?? '', at ?? 'infinity'],
  );
  return rows.map(storedIdentifier);
}

/** The values of one identifier, in the order in which they were stored. */
export function identifierHistory(
  query: Query,
  request: ByIdRequest & { readonly name: string },
): Promise<Page<StoredIdentifier>> {
  const where = whereSql([
    ['name = ?', request.name],
    ['received >= ?::timestamptz', request.from],
    ['received < ?::timestamptz', request.to],
    [afterSql(request.order), request.after],
  ]);
  const select = `SELECT ${COLUMNS} FROM zeekway.identifiers ${where.sql}`;
  return page(query, select, where.values, request, storedIdentifier);
}

function storedIdentifier([id, name, value, received, source]: Cell[]): StoredIdentifier {
  return {
    id: textOf(id),
    name: textOf(name),
    value: textOf(value),
    received: textOf(received),
    sourceId: textOf(source),
  };
}
