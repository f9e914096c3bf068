import { Type } from 'typebox';
import { ZeekwayError } from '../../core/errors.js';
import { AGGREGATE_KEYS, AGGREGATE_METRICS, API_ROWS_DEFAULT, API_ROWS_MAX } from '../../core/limits.js';
import { didYouMean } from '../../core/nearest.js';
import { type AggregateRequest, aggregateRows, type Group } from '../../storage/queries/aggregate.js';
import type { LogDescription } from '../../storage/queries/catalogue.js';
import type { GroupKey } from '../../storage/queries/group-key.js';
import { metricType } from '../../storage/queries/metric.js';
import { type App, readFor, type ServerDeps } from '../context.js';
import { parseFilters, parseFilterText } from '../filters.js';
import { keyReader, parseKey } from '../group-keys.js';
import { metricName, type NamedMetric, parseMetric } from '../metrics.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { findLog } from '../rows.js';
import { Filter, From, Path, To } from '../schemas.js';
import { parseRange } from '../times.js';
import { cellReader, type JsonValue } from '../values.js';

const Query = Type.Object(
  {
    from: From,
    to: To,
    filter: Filter,
    by: Type.Optional(
      Type.String({
        description: `By what rows are grouped, with commas between, at most ${AGGREGATE_KEYS}: a field; the subnet of an address (\`id.resp_h/24\`, for IPv4 and IPv6 \`id.resp_h/24/48\`); buckets of time in UTC (\`ts:5min\`); each element of a set or vector (\`tags[]\`). All rows are one group where it is left out.`,
        examples: ['id.orig_h,service'],
      }),
    ),
    metrics: Type.String({
      default: 'count',
      description: `What is reckoned of each group, with commas between, at most ${AGGREGATE_METRICS}: \`count\`; \`sum\`, \`avg\`, \`min\`, \`max\` and percentiles (\`p50\`, \`p99.9\`) of a field or of the sum of several (\`sum:orig_bytes+resp_bytes\`); \`distinct:id.resp_h\`, the number of values.`,
      examples: ['count,sum:orig_bytes+resp_bytes,p95:duration'],
    }),
    sort: Type.Optional(
      Type.String({
        description:
          'By which key or metric the groups are sorted, named as in `by` or `metrics`; with `-` in front the largest first. The largest of the first metric by default.',
        examples: ['-sum:orig_bytes'],
      }),
    ),
    limit: Type.Integer({
      minimum: 1,
      maximum: API_ROWS_MAX,
      default: API_ROWS_DEFAULT,
      description: 'How many groups to give at most.',
    }),
  },
  { additionalProperties: true },
);

const Answer = Type.Object(
  {
    path: Path,
    groups: Type.Array(
      Type.Object(
        {},
        {
          additionalProperties: true,
          description:
            'Keys and metrics by their names in the request. What is not set is left out; values are as in rows.',
        },
      ),
    ),
    more: Type.Optional(Type.Boolean({ description: 'True where there are more groups than these.' })),
  },
  { description: 'The groups.' },
);

interface NamedKey {
  readonly name: string;
  readonly key: GroupKey;
}

/** Groups of the rows of a log. */
export function aggregateRoutes(app: App, deps: ServerDeps): void {
  app.get(
    '/v1/logs/:path/aggregate',
    {
      schema: {
        tags: ['logs'],
        operationId: 'aggregateRows',
        summary: 'Counts, sums and percentiles of groups of rows',
        description: 'Filters are as for the rows of a log.',
        params: Type.Object({ path: Path }),
        querystring: Query,
        response: { 200: Answer, ...PROBLEM_RESPONSES },
      },
    },
    (request) => {
      const { from: _from, to: _to, filter, by, metrics, sort, limit, ...filters } = request.query;
      const now = Date.now();
      const range = parseRange(request.query, now);
      return readFor(deps, request, async (query) => {
        const log = await findLog(query, request.params.path);
        const [keys, wanted] = [parseKeys(log, by), parseMetrics(log, metrics)];
        refuseDoubles([...keys, ...wanted].map(({ name }) => name));
        const { groups, hasMore } = await aggregateRows(query, log, {
          ...range,
          conditions: parseFilters(log, filters, now),
          filter: parseFilterText(log, filter, now),
          keys: keys.map(({ key }) => key),
          metrics: wanted.map(({ metric }) => metric),
          sort: parseSort(sort, keys, wanted),
          limit,
        });
        const answer = { path: log.path, groups: groups.map(groupWriter(keys, wanted)) };
        return hasMore ? { ...answer, more: true } : answer;
      });
    },
  );
}

/** The parts of a list with commas. Throws `request_invalid` where there are too many. */
function partsOf(list: string, parameter: string, most: number): string[] {
  const parts = list.split(',').map((part) => part.trim());
  if (parts.length <= most) return parts;
  throw new ZeekwayError('request_invalid', `"${parameter}" has ${parts.length} parts, of at most ${most}`);
}

function parseKeys(log: LogDescription, by: string | undefined): NamedKey[] {
  if (by === undefined) return [];
  return partsOf(by, 'by', AGGREGATE_KEYS).map((name) => ({ name, key: parseKey(log, name) }));
}

const parseMetrics = (log: LogDescription, metrics: string): NamedMetric[] =>
  partsOf(metrics, 'metrics', AGGREGATE_METRICS).map((part) => parseMetric(log, part));

/** Each name is a key of the answer. */
function refuseDoubles(names: readonly string[]): void {
  const double = names.find((name, index) => names.indexOf(name) !== index);
  if (double === undefined) return;
  throw new ZeekwayError(
    'request_invalid',
    `"${double}" is there twice in "by" and "metrics"; a field that is named like a metric is "field.${double}"`,
  );
}

function parseSort(
  sort: string | undefined,
  keys: readonly NamedKey[],
  metrics: readonly NamedMetric[],
): AggregateRequest['sort'] {
  if (sort === undefined) return { of: 'metric', index: 0, order: 'desc' };
  const order = sort.startsWith('-') ? 'desc' : 'asc';
  const name = sort.replace(/^-/, '').trim();
  const key = keys.findIndex((one) => one.name === name);
  if (key >= 0) return { of: 'key', index: key, order };
  const metric = metrics.findIndex((one) => one.name === metricName(name));
  if (metric >= 0) return { of: 'metric', index: metric, order };
  const names = [...keys, ...metrics].map((one) => one.name);
  const hint = didYouMean(name, names) || `; there are ${names.join(', ')}`;
  throw new ZeekwayError('request_invalid', `"${name}" in "sort" is none of "by" and "metrics"${hint}`);
}

function groupWriter(
  keys: readonly NamedKey[],
  metrics: readonly NamedMetric[],
): (group: Group) => { [name: string]: JsonValue } {
  const keyReaders = keys.map(({ name, key }) => ({ name, read: keyReader(key) }));
  const metricReaders = metrics.map(({ name, metric }) => ({ name, read: cellReader(metricType(metric)) }));
  return (group) => {
    // Without a prototype: a field may be named `__proto__`.
    const json: { [name: string]: JsonValue } = Object.create(null);
    keyReaders.forEach(({ name, read }, index) => {
      const value = read(group.keys[index] ?? []);
      if (value !== undefined) json[name] = value;
    });
    metricReaders.forEach(({ name, read }, index) => {
      const cell = group.metrics[index] ?? null;
      if (cell !== null) json[name] = read(cell);
    });
    return json;
  };
}
