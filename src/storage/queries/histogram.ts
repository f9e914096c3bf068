import { type LogDescription, timeColumn } from './catalogue.js';
import { type GroupKey, keySql, keyType, timeBinSql } from './group-key.js';
import type { Cell, Query } from './query.js';
import { type RowSelection, selectionSql } from './rows.js';
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
  /** Of one value: 1 is the most frequent one. Absent: all values, or all that are not told. */
  readonly rank?: number;
  /** The value, by the key's columns: told once, with the first bucket of the rank. */
  readonly value?: readonly Cell[];
}

const microsSql = (time: string): string => `(extract(epoch FROM ${time}) * 1000000)::bigint`;

/** How many rows there are in each bucket of time. */
export async function timeHistogram(
  query: Query,
  log: LogDescription,
  request: HistogramRequest,
): Promise<BucketCount[]> {
  const values = new Values();
  const bin = timeBinSql(timeColumn(log).quoted, request.seconds, values);
  const rows = await query(
    `SELECT ${microsSql('bin')}, count
       FROM (SELECT ${bin} AS bin, count(*) AS count
               FROM ${log.table} WHERE ${selectionSql(log, request, values).join(' AND ')} GROUP BY 1) AS bins`,
    values.list,
  );
  return rows.map(([time, count]) => ({ time: BigInt(String(time)), count: Number(count) }));
}

/** The same for each of the `top` most frequent values of a key. */
export async function seriesHistogram(
  query: Query,
  log: LogDescription,
  request: HistogramRequest & { readonly by: GroupKey; readonly top: number },
): Promise<BucketCount[]> {
  const { by, top } = request;
  const values = new Values();
  const keys = by.columns.map((column, index) => ({
    name: `k${index}`,
    sql: keySql(by, column, '', values),
    collation: keyType(by, column).sqlType === 'text' ? ' COLLATE "C"' : '',
  }));
  const names = keys.map(({ name }) => name).join(', ');
  const ties = keys.map(({ name, collation }) => `${name}${collation}`).join(', ');
  const bin = timeBinSql(`r.${timeColumn(log).quoted}`, request.seconds, values);
  const where = selectionSql(log, request, values).join(' AND ');
  const rows = await query(
    `WITH counts AS MATERIALIZED (
       SELECT ${bin} AS bin, ${keys.map(({ sql, name }) => `${sql} AS ${name}`).join(', ')}, count(*) AS count
         FROM (SELECT * FROM ${log.table} WHERE ${where}) AS r
        GROUP BY 1, ${keys.map((_, index) => index + 2).join(', ')}),
     ranks AS (
       SELECT ${names}, row_number() OVER (ORDER BY sum(count) DESC, ${ties}) AS rank
         FROM counts GROUP BY ${names} ORDER BY rank LIMIT ${top}),
     series AS (
       SELECT bin, rank, sum(count) AS count
         FROM counts LEFT JOIN ranks
           ON ${keys.map(({ name }) => `counts.${name} IS NOT DISTINCT FROM ranks.${name}`).join(' AND ')}
        GROUP BY bin, rank),
     firsts AS (SELECT rank, min(bin) AS bin FROM series GROUP BY rank)
     SELECT ${microsSql('series.bin')}, series.rank, series.count, firsts.rank IS NOT NULL, ${names}
       FROM series
       LEFT JOIN firsts USING (rank, bin)
       LEFT JOIN ranks ON ranks.rank = firsts.rank`,
    values.list,
  );
  return rows.map(([time, rank, count, isFirst, ...value]) => ({
    time: BigInt(String(time)),
    count: Number(count),
    ...(typeof rank === 'string' ? { rank: Number(rank) } : {}),
    ...(isFirst === 't' ? { value } : {}),
  }));
}
