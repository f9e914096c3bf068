import { Type } from 'typebox';
import { logRows } from '../../storage/queries/rows.js';
import { type App, readFor, type ServerDeps } from '../context.js';
import { parseRowCursor, rowCursor } from '../cursor.js';
import { parseFilters, parseFilterText } from '../filters.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { findLog, rowsJson, selectFields } from '../rows.js';
import { Cursor, Filter, From, Limit, Next, nextUrl, Order, Path, RowRef, To } from '../schemas.js';
import { parseRange } from '../times.js';

const Query = Type.Object(
  {
    from: From,
    to: To,
    fields: Type.Optional(
      Type.String({
        description:
          'The fields to give, with commas between; also `_received` and `_source`. All by default.',
        examples: ['ts,uid,id.orig_h,service'],
      }),
    ),
    filter: Filter,
    limit: Limit,
    order: Order,
    cursor: Cursor,
  },
  { additionalProperties: true },
);

/** The rows of one log. */
export function rowRoutes(app: App, deps: ServerDeps): void {
  app.get(
    '/v1/logs/:path',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['logs'],
        operationId: 'listRows',
        summary: 'The rows of a log',
        description:
          "Filters are parameters named like the log's fields: `id.resp_p=443&service=ssl`. On a set or vector: contains. On an address: a subnet (`id.orig_h=10.0.0.0/8`) means that it lies inside. A filter given twice means either. A field that is named like a parameter (smtp's `from`) is filtered as `field.from`.",
        params: Type.Object({ path: Path }),
        querystring: Query,
        response: {
          200: Type.Object(
            { path: Path, rows: Type.Array(RowRef), next: Next },
            { description: 'A page of rows.' },
          ),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    (request) => {
      const { from: _from, to: _to, fields, filter, limit, order, cursor, ...filters } = request.query;
      const now = Date.now();
      const range = parseRange(request.query, now);
      const after = cursor === undefined ? undefined : parseRowCursor(cursor);
      return readFor(deps, request, async (query) => {
        const log = await findLog(query, request.params.path);
        const selection = selectFields(log, fields);
        const page = await logRows(query, log, {
          columns: selection.columns,
          conditions: parseFilters(log, filters, now),
          filter: parseFilterText(log, filter, now),
          ...range,
          order,
          limit,
          after,
        });
        const rows = await rowsJson(query, log, selection, page.rows);
        if (!page.next) return { path: log.path, rows };
        return { path: log.path, rows, next: nextUrl(request, { ...range, cursor: rowCursor(page.next) }) };
      });
    },
  );
}
