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

/** The most frequent values of a key. */
export async function topValues(
  query: Query,
  log: LogDescription,
  request: RowSelection,
  { by, top }: { readonly by: GroupKey; readonly top: number },
): Promise<KeyValue[]> {
  const values = new Values();
  const keys = by.columns.map((column) => keySql(by, column, '', values));
  const places = keys.map((_, index) => index + 1).join(', ');
  const collated = by.columns.map((column, index) =>
    keyType(by, column).sqlType === 'text' ? `${keys[index]} COLLATE "C"` : keys[index],
  );
  const rows = await query(
    `SELECT ${keys.join(', ')} FROM ${rowsSql(log, request, values)}
      GROUP BY ${places} ORDER BY count(*) DESC, ${collated.join(', ')} LIMIT ${top}`,
    values.list,
  );
  return rows.map((row) => row.map(textOrNull));
}

/**
 * How many rows there are in each bucket of each of these values, and of all others. To group by the key itself would be
 * one statement instead of two, and take ten times as long where there are very many values.
 */
export async function valueHistogram(
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
