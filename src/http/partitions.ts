import { type Static, Type } from 'typebox';
import { PARTITION_DAYS_AHEAD, PARTITION_DAYS_BACK, PARTITION_REPORT_ROWS } from '../core/limits.js';
import { daysKept, KEEP_ALL, type Retention } from '../storage/partitions/pass.js';
import {
  type DefaultRows,
  defaultRows,
  type LogPartitions,
  logPartitions,
  type StoredPartition,
  serverLimit,
  WAITING_REASONS,
  type WaitingReason,
} from '../storage/queries/partitions.js';
import type { Query } from '../storage/queries/query.js';
import { type Asker, type ReadDeps, readEach, readFor, type ServerDeps } from './context.js';
import { noSuchLog } from './rows.js';
import { Path } from './schemas.js';
import { storedText } from './values.js';

/** The partitions of the logs as answers show them. */

const Day = (description: string) => Type.String({ description, examples: ['2026-11-24'] });

const WaitingSchema = Type.Object({
  day: Type.Optional(Day('Their UTC day; absent where they have no time.')),
  reason: Type.Unsafe<WaitingReason>({
    type: 'string',
    enum: [...WAITING_REASONS],
    description: `Why they are there: they have no time; their day is before 1995 (\`too_early\`) or more than ${PARTITION_DAYS_AHEAD} days ahead (\`too_late\`); it is more than ${PARTITION_DAYS_BACK} days ago (\`old\`); or they are moved within a minute or two (\`recent\`).`,
  }),
  rows: Type.Integer(),
});

const PROBLEMS = ['not_partitioned', 'too_many_partitions', 'rows_in_default'] as const;

const ProblemSchema = Type.Object({
  kind: Type.Unsafe<(typeof PROBLEMS)[number]>({ type: 'string', enum: [...PROBLEMS] }),
  detail: Type.String({ description: 'What is odd, in one line.' }),
});
type PartitionProblem = Static<typeof ProblemSchema>;

const SUMMARY_PROPERTIES = {
  path: Path,
  table: Type.String({ description: 'The table in the database, quoted for SQL.' }),
  key: Type.Optional(
    Type.String({
      description:
        'The column whose UTC day tells the partition; absent where the table is not partitioned by days.',
    }),
  ),
  count: Type.Integer({ description: 'How many partitions it has, the default one among them.' }),
  first: Type.Optional(Day('The first day that has a partition.')),
  last: Type.Optional(Day('The last one: partitions are made some days ahead.')),
  bytes: Type.Integer({ description: 'Size of the rows.' }),
  indexBytes: Type.Integer({ description: 'Size of the indexes.' }),
  keptDays: Type.Optional(
    Type.Integer({ description: 'For how many days rows are kept; absent: for ever.' }),
  ),
  default: Type.Optional(
    Type.Object(
      {
        rows: Type.Integer(),
        exact: Type.Boolean({
          description: `False where there are ${PARTITION_REPORT_ROWS} or more: \`rows\` is an estimate, and \`days\` are of so many of them.`,
        }),
        days: Type.Array(WaitingSchema, { description: 'The days with the most of them first.' }),
      },
      { description: 'What is in the default partition: rows that have no partition of their day.' },
    ),
  ),
  problems: Type.Array(ProblemSchema),
};

const PartitionSchema = Type.Object({
  table: Type.String({ description: 'The table in the database, quoted for SQL.' }),
  default: Type.Boolean({ description: 'Whether it is the default partition.' }),
  first: Type.Optional(Day('Its UTC day; absent for the default partition.')),
  last: Type.Optional(Day('The same, but where somebody made a partition of several days.')),
  sealed: Type.Boolean({ description: 'Whether its day is over and its indexes are the final ones.' }),
  rows: Type.Optional(
    Type.Integer({ description: 'How many rows it has, by estimate; absent until it was analyzed.' }),
  ),
  bytes: SUMMARY_PROPERTIES.bytes,
  indexBytes: SUMMARY_PROPERTIES.indexBytes,
});

const LIMIT = {
  limit: Type.Integer({ description: 'How many partitions a log may have, by the locks of the server.' }),
};

export const AllPartitionsSchema = Type.Object(
  { ...LIMIT, logs: Type.Array(Type.Object(SUMMARY_PROPERTIES)) },
  { description: 'The logs, sorted by path.' },
);
export type AllPartitions = Static<typeof AllPartitionsSchema>;
export type PartitionSummary = AllPartitions['logs'][number];

export const OneLogPartitionsSchema = Type.Object(
  { ...LIMIT, ...SUMMARY_PROPERTIES, partitions: Type.Array(PartitionSchema) },
  { description: 'The partitions of a log: the default one, then the others by time.' },
);
export type OneLogPartitions = Static<typeof OneLogPartitionsSchema>;

export type PartitionDeps = ReadDeps & Pick<ServerDeps, 'retention'>;

/** What `GET /v1/partitions` answers. @param now milliseconds since the Unix epoch. */
export async function allPartitions(deps: PartitionDeps, asker: Asker, now: number): Promise<AllPartitions> {
  const { limit, logs } = await readFor(deps, asker, async (query) => ({
    limit: await serverLimit(query),
    logs: await logPartitions(query),
  }));
  const waiting = logs.filter((log) => restOf(log) !== undefined && restOf(log)?.rows !== 0);
  const looks = await readEach(deps, asker, waiting, (query, log) => lookIntoDefault(query, log, now));
  const looked = new Map(waiting.map((log, index) => [log, looks[index]]));
  return {
    limit,
    logs: logs.map((log) => summaryJson(log, looked.get(log) ?? NOTHING, limit, deps.retention)),
  };
}

/** What `GET /v1/partitions/{path}` answers. Throws `not_found`. */
export function onePartitions(
  deps: PartitionDeps,
  asker: Asker,
  path: string,
  now: number,
): Promise<OneLogPartitions> {
  return readFor(deps, asker, async (query) => {
    const [log] = await logPartitions(query, storedText(path));
    if (log === undefined) throw await noSuchLog(query, path);
    const limit = await serverLimit(query);
    const look = await lookIntoDefault(query, log, now);
    const partitions = log.key === undefined ? [] : log.pieces.map(partitionJson);
    return { limit, ...summaryJson(log, look, limit, deps.retention), partitions };
  });
}

const NOTHING: DefaultRows = { rows: 0, exact: true, days: [] };

const restOf = ({ pieces }: LogPartitions): StoredPartition | undefined =>
  pieces.find(({ isDefault }) => isDefault);

async function lookIntoDefault(query: Query, log: LogPartitions, now: number): Promise<DefaultRows> {
  const rest = restOf(log);
  if (log.key === undefined || rest === undefined || rest.rows === 0) return NOTHING;
  return defaultRows(query, log.key, rest, now);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

const dayJson = (name: 'day' | 'first' | 'last', day: string | null | undefined) =>
  day === null || day === undefined ? {} : { [name]: day };

function summaryJson(
  log: LogPartitions,
  look: DefaultRows,
  limit: number,
  retention: Retention = KEEP_ALL,
): PartitionSummary {
  const { path, table, key, pieces } = log;
  const days = pieces.filter(({ first }) => first !== null);
  const kept = daysKept(retention, path);
  const waiting = look.days.map(({ day, reason, rows }) => ({ ...dayJson('day', day), reason, rows }));
  return {
    path,
    table,
    ...(key === undefined ? {} : { key }),
    count: key === undefined ? 0 : pieces.length,
    ...dayJson('first', days[0]?.first),
    ...dayJson('last', days.at(-1)?.last),
    bytes: sum(pieces.map(({ bytes }) => bytes)),
    indexBytes: sum(pieces.map(({ indexBytes }) => indexBytes)),
    ...(kept === undefined ? {} : { keptDays: kept }),
    ...(restOf(log) === undefined ? {} : { default: { rows: look.rows, exact: look.exact, days: waiting } }),
    problems: problemsOf(log, look, limit),
  };
}

function partitionJson({
  table,
  first,
  last,
  isDefault,
  isSealed,
  rows,
  bytes,
  indexBytes,
}: StoredPartition) {
  return {
    table,
    default: isDefault,
    ...dayJson('first', first),
    ...dayJson('last', last),
    sealed: isSealed,
    ...(rows === undefined ? {} : { rows: Math.round(rows) }),
    bytes,
    indexBytes,
  };
}

/** What is odd about a log. @param limit how many partitions it may have. */
export function problemsOf(
  { key, pieces }: LogPartitions,
  look: DefaultRows,
  limit: number,
): PartitionProblem[] {
  const { length } = pieces;
  const problems: PartitionProblem[] = [];
  if (key === undefined) {
    const detail = 'its table is not partitioned by days: nothing of it is dropped when it is old, or sealed';
    problems.push({ kind: 'not_partitioned', detail });
  } else if (length > limit) {
    const detail = `it has ${length} partitions, and this server has locks for ${limit}: older days get none, and queries without a range of time may fail`;
    problems.push({ kind: 'too_many_partitions', detail });
  }
  if (look.rows > 0) problems.push({ kind: 'rows_in_default', detail: waitingText(look) });
  return problems;
}

/** Days that one line names. */
const NAMED_DAYS = 5;

const REASONS: Record<WaitingReason, string> = {
  no_time: 'without a time',
  too_early: 'before 1995',
  too_late: `more than ${PARTITION_DAYS_AHEAD} days ahead`,
  old: `more than ${PARTITION_DAYS_BACK} days ago`,
  recent: 'about to be moved',
};

/** What waits in a default partition, in one line. */
function waitingText({ rows, exact, days }: DefaultRows): string {
  const named = days.slice(0, NAMED_DAYS);
  const others = (exact ? rows : PARTITION_REPORT_ROWS) - sum(named.map((each) => each.rows));
  const parts = named.map(({ day, reason, rows: some }) =>
    day === null ? `${some} ${REASONS[reason]}` : `${some} of ${day} (${REASONS[reason]})`,
  );
  if (others > 0) parts.push(`${others} of other days`);
  const head = `${exact ? '' : 'about '}${rows} ${rows === 1 ? 'row is' : 'rows are'}`;
  const of = exact ? '' : `of the first ${PARTITION_REPORT_ROWS} `;
  return `${head} in the default partition: ${of}${parts.join(', ')}`;
}
