import { Type } from 'typebox';
import { ZeekwayError } from '../../core/errors.js';
import {
  HISTOGRAM_BUCKETS_DEFAULT,
  HISTOGRAM_BUCKETS_MAX,
  HISTOGRAM_SERIES_DEFAULT,
  HISTOGRAM_SERIES_MAX,
  HISTOGRAM_WIDTH_BUCKETS,
} from '../../core/limits.js';
import type { LogDescription } from '../../storage/queries/catalogue.js';
import type { GroupKey } from '../../storage/queries/group-key.js';
import { parseWidth } from '../buckets.js';
import { type App, readFor, type ServerDeps } from '../context.js';
import { parseFilters, parseFilterText } from '../filters.js';
import { parseKey } from '../group-keys.js';
import { histogramOf } from '../histogram.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { findLog } from '../rows.js';
import { Filter, From, Path, Time, To } from '../schemas.js';
import { parseRange } from '../times.js';

const Query = Type.Object(
  {
    from: From,
    to: To,
    filter: Filter,
    buckets: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: HISTOGRAM_BUCKETS_MAX,
        description: `How many buckets there may be: the narrowest round width that needs no more is taken. ${HISTOGRAM_BUCKETS_DEFAULT} where \`width\` is not given either.`,
      }),
    ),
    width: Type.Optional(
      Type.String({
        description: `How wide the buckets are, instead of how many: \`30s\`, \`5min\`, \`1h\`, \`1d\`. At most ${HISTOGRAM_WIDTH_BUCKETS} buckets.`,
        examples: ['5min'],
      }),
    ),
    by: Type.Optional(
      Type.String({
        description: 'A field, or the subnet of an address (`id.resp_h/24`), whose values are counted apart.',
        examples: ['service'],
      }),
    ),
    top: Type.Integer({
      minimum: 1,
      maximum: HISTOGRAM_SERIES_MAX,
      default: HISTOGRAM_SERIES_DEFAULT,
      description: 'How many values of `by` are counted apart: the most frequent ones.',
    }),
  },
  { additionalProperties: true },
);

const Counts = Type.Array(Type.Integer(), {
  description: 'The rows in each bucket, in the order of `buckets`.',
});

const Answer = Type.Object(
  {
    path: Path,
    from: Type.Optional(Time('Where the range begins. Absent where the log has no rows.')),
    to: Type.Optional(Time('Where it ends, exclusive.')),
    width: Type.Number({ description: 'The width of a bucket in seconds.' }),
    buckets: Type.Array(
      Type.Object({
        time: Time('Where the bucket begins: of the first one that may be before `from`.'),
        count: Type.Integer({ description: 'How many rows it has.' }),
      }),
      { description: 'All buckets of the range, earliest first.' },
    ),
    series: Type.Optional(
      Type.Array(
        Type.Object({
          value: Type.Optional(Type.Unknown({ description: 'As in rows. Absent: the field is not set.' })),
          counts: Counts,
        }),
        { description: 'With `by`: the most frequent values, most frequent first.' },
      ),
    ),
    other: Type.Optional(Counts),
  },
  { description: 'How many rows there are over time.' },
);

/** How many rows a log has over time. */
export function histogramRoutes(app: App, deps: ServerDeps): void {
  app.get(
    '/v1/logs/:path/histogram',
    {
      schema: {
        tags: ['logs'],
        operationId: 'getHistogram',
        summary: 'How many rows a log has over time',
        description:
          'Filters are as for the rows of a log. The buckets are of UTC: days begin at midnight, weeks on Mondays. Without `from` and `to` the range is from the first to the last row of the log.',
        params: Type.Object({ path: Path }),
        querystring: Query,
        response: { 200: Answer, ...PROBLEM_RESPONSES },
      },
    },
    (request) => {
      const { from: _from, to: _to, filter, buckets, width, by, top, ...filters } = request.query;
      if (buckets !== undefined && width !== undefined) {
        throw new ZeekwayError('request_invalid', '"buckets" and "width" cannot both be given');
      }
      const now = Date.now();
      const range = parseRange(request.query, now);
      const micros = width === undefined ? undefined : parseWidth(width, '"width"');
      return readFor(deps, request, async (query) => {
        const log = await findLog(query, request.params.path);
        const selection = {
          ...range,
          conditions: parseFilters(log, filters, now),
          filter: parseFilterText(log, filter, now),
        };
        const key = by === undefined ? undefined : seriesKey(log, by);
        const histogram = await histogramOf(query, log, selection, { buckets, width: micros, by: key, top });
        return { path: log.path, ...histogram };
      });
    },
  );
}

/** A row is in one series only, and series are no times. */
function seriesKey(log: LogDescription, by: string): GroupKey {
  const key = parseKey(log, by);
  if (key.kind === 'value' || key.kind === 'subnet') return key;
  throw new ZeekwayError('request_invalid', `"by" is a field or a subnet like "id.resp_h/24", not "${by}"`);
}
