import { Type } from 'typebox';
import { ZeekwayError } from '../../core/errors.js';
import { API_ROWS_DEFAULT, API_ROWS_MAX, SORT_TEXT_CHARS } from '../../core/limits.js';
import type { LogDescription } from '../../storage/queries/catalogue.js';
import { logRows } from '../../storage/queries/rows.js';
import { type App, readFor, type ServerDeps } from '../context.js';
import { Exports, exportOf } from '../exports.js';
import { parseFilters, parseFilterText } from '../filters.js';
import { chosenFormat, FORMAT_NAMES, FORMATS } from '../formats/choose.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { findLog, rowsJson, selectFields } from '../rows.js';
import { Cursor, Filter, From, Next, nextUrl, Order, Path, RowRef, To } from '../schemas.js';
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
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: `How many rows to give at most: ${API_ROWS_DEFAULT} by default and ${API_ROWS_MAX} at most in JSON, all by default in the other formats.`,
      }),
    ),
    sort: Type.Optional(
      Type.String({
        description: `The field by which the rows are sorted, smallest first; with \`-\` in front largest first. By time where it is left out, else \`order\` is that of rows with equal values. Where it is not set comes last. Texts are sorted by their first ${SORT_TEXT_CHARS} characters.`,
        examples: ['-orig_bytes'],
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
      config: { scope: 'read' },
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
        sort,
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
      });
      reply.header('vary', 'Accept');
      if (format === undefined) {
        const rowsLimit = pageLimit(limit);
        return readFor(deps, request, async (query) => {
          const log = await findLog(query, request.params.path);
          const selection = selectFields(log, fields);
          const sorting = parseSort(log, sort, order);
          const page = await logRows(query, log, {
            columns: selection.columns,
            ...wanted(log),
            ...sorting,
            limit: rowsLimit,
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
          ...parseSort(log, sort, order),
          limit: limit ?? Number.POSITIVE_INFINITY,
        });
      });
    },
  );
}
