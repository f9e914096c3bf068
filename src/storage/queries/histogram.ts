import { type LogDescription, timeColumn } from './catalogue.js';
import { type GroupKey, keySql, keyType, rowsSql, timeBinSql } from './group-key.js';
import { type Query, textOrNull } from './query.js';
import type { RowSelection } from './rows.js';
import { Values } from './values.js';

export interface HistogramRequest extends RowSelection {
  /** Half-open, and both are known: so that rows without a time are not among them. */
  readonly from: string;
  readonly to: string;
  /** The width of the buckets in seconds, a decimal number. */
  readonly seconds: string;
}

/** How many rows a bucket has. Buckets without any are left out. */
export interface BucketCount {
  /** Where the bucket begins, microseconds since 1970. */
  readonly time: bigint;
  readonly count: number;
  /** Of one value: its place in the list of values. Absent: of all rows, or of those whose value is not in the list. */
  readonly index?: number;
}

/** A value of a key, by the key's columns. */
export type KeyValue = readonly (string | null)[];

const microsSql = (time: string): string => `(extract(epoch FROM ${time}) * 1000000)::bigint`;

/** How many rows there are in each bucket of time. */
export async function timeHistogram(
  query: Query,
  log: LogDescription,
  request: HistogramRequest,
): Promise<BucketCount[]> {
  const values = new Values();
  const bin = timeBinSql(`r.${timeColumn(log).quoted}`, request.seconds, values);
  const rows = await query(
    `SELECT ${microsSql('bin')}, count
       FROM (SELECT ${bin} AS bin, count(*) AS count FROM ${rowsSql(log, request, values)} GROUP BY 1) AS bins`,
    values.list,
  );
  return rows.map(([time, count]) => ({ time: BigInt(String(time)), count: Number(count) }));
}

export interface Series {
  /** The values, most frequent first. */
  readonly among: readonly KeyValue[];
  readonly counts: readonly BucketCount[];
}

/** Which values of a key are told. */
interface Wanted {
  readonly by: GroupKey;
  readonly top: number;
}

/**
 * How many groups of bucket and value are counted at once: what fits into PostgreSQL's default work_mem. With many more,
 * one pass takes several times as long as two.
 */
const GROUPS_AT_ONCE = 50_000;

/**
 * The most frequent values of a key, and how many rows there are in each bucket of each of them and of all others. In one
 * pass where the key has few values, else in two: the first for the values.
 * @param buckets how many there are.
 */
export async function seriesHistogram(
  query: Query,
  log: LogDescription,
  request: HistogramRequest,
  { by, top, buckets }: Wanted & { readonly buckets: number },
): Promise<Series> {
  if ((await knownValues(query, log, by)) * buckets <= GROUPS_AT_ONCE) {
    const series = await onePass(query, log, request, { by, top });
    if (series !== undefined) return series;
  }
  const among = await topValues(query, log, request, { by, top });
  return { among, counts: among.length > 0 ? await valueHistogram(query, log, request, { by, among }) : [] };
}

/** About how many values a key has, by the statistics of ANALYZE; Infinity where there are none. */
async function knownValues(query: Query, log: LogDescription, { columns }: GroupKey): Promise<number> {
  const [[values] = []] = await query(
    `SELECT sum(most) FROM (
       SELECT max(CASE WHEN s.n_distinct < 0 THEN -s.n_distinct * c.reltuples ELSE s.n_distinct END + 1) AS most
         FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
         JOIN pg_stats AS s ON s.schemaname = n.nspname AND s.tablename = c.relname
        WHERE (c.oid = $1::regclass OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = $1::regclass))
          AND s.attname = ANY($2::text[])
        GROUP BY s.attname) AS columns`,
    [log.table, columns.map(({ column }) => column)],
  );
  return typeof values === 'string' ? Number(values) : Number.POSITIVE_INFINITY;
}

/** `undefined`: there were more groups than the statistics had let expect. */
async function onePass(
  query: Query,
  log: LogDescription,
  request: HistogramRequest,
  { by, top }: Wanted,
): Promise<Series | undefined> {
  const values = new Values();
  const names = by.columns.map((_, index) => `k${index}`);
  const keys = by.columns.map((column, index) => `${keySql(by, column, '', values)} AS ${names[index]}`);
  const bin = timeBinSql(`r.${timeColumn(log).quoted}`, request.seconds, values);
  // LIMIT tells the planner, too, that the rest has little to do.
  const rows = await query(
    `WITH bins AS MATERIALIZED (
       SELECT ${bin} AS bin, ${keys.join(', ')}, count(*) AS count
         FROM ${rowsSql(log, request, values)} GROUP BY ${[bin, ...names].map((_, index) => index + 1).join(', ')}
        LIMIT ${GROUPS_AT_ONCE + 1}),
     totals AS (SELECT *, sum(count) OVER (PARTITION BY ${names.join(', ')}) AS total FROM bins),
     ranked AS (
       SELECT *, dense_rank() OVER (ORDER BY total DESC, ${collated(by, names)}) - 1 AS index FROM totals)
     SELECT ${microsSql('bin')}, index, sum(count), (SELECT count(*) FROM bins), ${names.join(', ')}
       FROM (SELECT bin, count, ${['index', ...names].map((name) => `CASE WHEN index < ${top} THEN ${name} END AS ${name}`).join(', ')}
               FROM ranked) AS told
      GROUP BY bin, index, ${names.join(', ')}`,
    values.list,
  );
  if (Number(rows[0]?.[3] ?? 0) > GROUPS_AT_ONCE) return undefined;
  const among: KeyValue[] = [];
  const counts = rows.map(([time, index, count, , ...key]) => {
    const bucket = { time: BigInt(String(time)), count: Number(count) };
    if (typeof index !== 'string') return bucket;
    among[Number(index)] = key.map(textOrNull);
    return { ...bucket, index: Number(index) };
  });
  return { among, counts };
}

/** By what equally frequent values are sorted. */
const collated = (by: GroupKey, keys: readonly string[]): string =>
  by.columns
    .map((column, index) => `${keys[index]}${keyType(by, column).sqlType === 'text' ? ' COLLATE "C"' : ''}`)
    .join(', ');

/** The most frequent values of a key. */
async function topValues(
  query: Query,
  log: LogDescription,
  request: RowSelection,
  { by, top }: Wanted,
): Promise<KeyValue[]> {
  const values = new Values();
  const keys = by.columns.map((column) => keySql(by, column, '', values));
  const places = keys.map((_, index) => index + 1).join(', ');
  const rows = await query(
    `SELECT ${keys.join(', ')} FROM ${rowsSql(log, request, values)}
      GROUP BY ${places} ORDER BY count(*) DESC, ${collated(by, keys)} LIMIT ${top}`,
    values.list,
  );
  return rows.map((row) => row.map(textOrNull));
}

/** How many rows there are in each bucket of each of these values, and of all others. */
async function valueHistogram(
  query: Query,
  log: LogDescription,
  request: HistogramRequest,
  { by, among }: { readonly by: GroupKey; readonly among: readonly KeyValue[] },
): Promise<BucketCount[]> {
  const values = new Values();
  const keys = by.columns.map((column) => ({
    sql: keySql(by, column, '', values),
    type: keyType(by, column).sqlType,
  }));
  const cases = among.map((value, index) => {
    const tests = keys.map(({ sql, type }, place) => {
      const text = value[place] ?? null;
      return text === null ? `${sql} IS NULL` : `${sql} = ${values.add(text, type)}`;
    });
    return `WHEN ${tests.join(' AND ')} THEN ${index}`;
  });
  const bin = timeBinSql(`r.${timeColumn(log).quoted}`, request.seconds, values);
  const rows = await query(
    `SELECT ${microsSql('bin')}, index, count
       FROM (SELECT ${bin} AS bin, CASE ${cases.join(' ')} END AS index, count(*) AS count
               FROM ${rowsSql(log, request, values)} GROUP BY 1, 2) AS bins`,
    values.list,
  );
  return rows.map(([time, index, count]) => ({
    time: BigInt(String(time)),
    count: Number(count),
    ...(typeof index === 'string' ? { index: Number(index) } : {}),
  }));
}
