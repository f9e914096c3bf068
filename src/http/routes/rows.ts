import { Type } from 'typebox';
import { ZeekwayError } from '../../core/errors.js';
import { API_ROWS_DEFAULT, API_ROWS_MAX } from '../../core/limits.js';
import type { LogDescription } from '../../storage/queries/catalogue.js';
import { logRows } from '../../storage/queries/rows.js';
import { type App, readFor, type ServerDeps } from '../context.js';
import { parseRowCursor, rowCursor } from '../cursor.js';
import { Exports, exportOf } from '../exports.js';
import { parseFilters, parseFilterText } from '../filters.js';
import { chosenFormat, FORMAT_NAMES, FORMATS } from '../formats/choose.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { findLog, rowsJson, selectFields } from '../rows.js';
import { Cursor, Filter, From, Next, nextUrl, Order, Path, RowRef, To } from '../schemas.js';
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
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: `How many rows to give at most: ${API_ROWS_DEFAULT} by default and ${API_ROWS_MAX} at most in JSON, all by default in the other formats.`,
      }),
    ),
    order: Order,
    cursor: Cursor,
    format: Type.Optional(
      Type.Unsafe<string>({
        type: 'string',
        enum: [...FORMAT_NAMES],
        description:
          'A page of JSON, or all rows as a stream in another format. Where it is left out, `Accept` says which.',
      }),
    ),
  },
  { additionalProperties: true },
);

const PAGE = Type.Object(
  { path: Path, rows: Type.Array(RowRef), next: Next },
  { description: 'A page of rows.' },
);

/** What is no JSON has no schema: OpenAPI is told the media types. */
const ANSWER = {
  description: 'A page of rows; in the other formats all rows.',
  content: {
    'application/json': { schema: PAGE },
    ...Object.fromEntries(FORMATS.map(({ mediaType }) => [mediaType, { schema: Type.String() }])),
  },
};

/** How many rows a page has. Throws `request_invalid`. */
function pageLimit(limit = API_ROWS_DEFAULT): number {
  if (limit <= API_ROWS_MAX) return limit;
  throw new ZeekwayError(
    'request_invalid',
    `"limit" is at most ${API_ROWS_MAX} in JSON; the other formats have no limit`,
  );
}

/** The rows of one log. */
export function rowRoutes(app: App, deps: ServerDeps): void {
  const exports = new Exports(deps);
  app.addHook('preClose', async () => exports.close());
  app.get(
    '/v1/logs/:path',
    {
      schema: {
        tags: ['logs'],
        operationId: 'listRows',
        summary: 'The rows of a log',
        description:
          "Filters are parameters named like the log's fields: `id.resp_p=443&service=ssl`. On a set or vector: contains. On an address: a subnet (`id.orig_h=10.0.0.0/8`) means that it lies inside. A filter given twice means either. A field that is named like a parameter (smtp's `from`) is filtered as `field.from`.",
        params: Type.Object({ path: Path }),
        querystring: Query,
        response: { 200: ANSWER, ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) => {
      const {
        from: _from,
        to: _to,
        fields,
        filter,
        limit,
        order,
        cursor,
        format: formatName,
        ...filters
      } = request.query;
      const now = Date.now();
      const range = parseRange(request.query, now);
      const format = chosenFormat(formatName, request.headers.accept);
      const wanted = (log: LogDescription) => ({
        conditions: parseFilters(log, filters, now),
        filter: parseFilterText(log, filter, now),
        ...range,
        order,
      });
      reply.header('vary', 'Accept');
      if (format === undefined) {
        const after = cursor === undefined ? undefined : parseRowCursor(cursor);
        const rowsLimit = pageLimit(limit);
        return readFor(deps, request, async (query) => {
          const log = await findLog(query, request.params.path);
          const selection = selectFields(log, fields);
          const page = await logRows(query, log, {
            columns: selection.columns,
            ...wanted(log),
            limit: rowsLimit,
            after,
          });
          const rows = await rowsJson(query, log, selection, page.rows);
          if (!page.next) return { path: log.path, rows };
          return { path: log.path, rows, next: nextUrl(request, { ...range, cursor: rowCursor(page.next) }) };
        });
      }
      if (cursor !== undefined) {
        throw new ZeekwayError(
          'request_invalid',
          `"cursor" is for pages: format=${format.name} gives all rows`,
        );
      }
      return exports.send(request, reply, format, async (query) => {
        const log = await findLog(query, request.params.path);
        const selection = selectFields(log, fields, format.hasOrigin);
        return exportOf(query, log, selection, {
          columns: selection.columns,
          ...wanted(log),
          limit: limit ?? Number.POSITIVE_INFINITY,
        });
      });
    },
  );
}
