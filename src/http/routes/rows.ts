import { Type } from 'typebox';
import { SORT_TEXT_CHARS } from '../../core/limits.js';
import { logRows } from '../../storage/queries/rows.js';
import { type App, readFor, type ServerDeps } from '../context.js';
import { parseFilters, parseFilterText } from '../filters.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { findLog, rowsJson, selectFields } from '../rows.js';
import { Cursor, Filter, From, Limit, Next, nextUrl, Order, Path, RowRef, To } from '../schemas.js';
import { cursorAt, parseCursor, parseSort } from '../sort.js';
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
    sort: Type.Optional(
      Type.String({
        description: `The field by which the rows are sorted, smallest first; with \`-\` in front largest first. By time where it is left out, else \`order\` is that of rows with equal values. Where it is not set comes last. Texts are sorted by their first ${SORT_TEXT_CHARS} characters.`,
        examples: ['-orig_bytes'],
      }),
    ),
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
      const { from: _from, to: _to, fields, filter, limit, sort, order, cursor, ...filters } = request.query;
      const now = Date.now();
      const range = parseRange(request.query, now);
      return readFor(deps, request, async (query) => {
        const log = await findLog(query, request.params.path);
        const selection = selectFields(log, fields);
        const sorting = parseSort(log, sort, order);
        const page = await logRows(query, log, {
          columns: selection.columns,
          conditions: parseFilters(log, filters, now),
          filter: parseFilterText(log, filter, now),
          ...range,
          ...sorting,
          limit,
          after: cursor === undefined ? undefined : parseCursor(cursor, sorting),
        });
        const rows = await rowsJson(query, log, selection, page.rows);
        if (!page.next) return { path: log.path, rows };
        return {
          path: log.path,
          rows,
          next: nextUrl(request, { ...range, cursor: cursorAt(page.next, sorting) }),
        };
      });
    },
  );
}
