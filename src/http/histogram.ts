import { ZeekwayError } from '../core/errors.js';
import { HISTOGRAM_BUCKETS_DEFAULT, HISTOGRAM_WIDTH_BUCKETS } from '../core/limits.js';
import { formatMicros, isWritable, timeMicros } from '../filter/time.js';
import type { LogDescription } from '../storage/queries/catalogue.js';
import { logExtent } from '../storage/queries/extent.js';
import type { GroupKey } from '../storage/queries/group-key.js';
import {
  type BucketCount,
  type HistogramRequest,
  type KeyValue,
  seriesHistogram,
  timeHistogram,
} from '../storage/queries/histogram.js';
import type { Query } from '../storage/queries/query.js';
import { narrowed, type RowSelection } from '../storage/queries/rows.js';
import { bucketCount, bucketStart, niceWidth, secondsText } from './buckets.js';
import { keyReader } from './group-keys.js';
import { timeFromSql } from './times.js';
import type { JsonValue } from './values.js';

/** What a histogram is to be like. */
export interface HistogramShape {
  readonly buckets?: number | undefined;
  /** Microseconds, instead of a number of buckets. */
  readonly width?: bigint | undefined;
  readonly by?: GroupKey | undefined;
  /** How many values of `by` are told. */
  readonly top: number;
}

/** One value, and how many rows each bucket has of it. */
interface Series {
  readonly value?: JsonValue;
  readonly counts: number[];
}

/** The answer: every bucket of the range is there. */
export interface Histogram {
  readonly from?: string;
  readonly to?: string;
  readonly width: number;
  readonly buckets: { readonly time: string; readonly count: number }[];
  readonly series?: Series[];
  readonly other?: number[];
}

/** Microseconds. */
const SECOND = 1_000_000n;

interface Range {
  readonly from: bigint;
  readonly to: bigint;
}

/** The histogram of the rows of a selection. Throws `request_invalid` where it would have too many buckets. */
export async function histogramOf(
  query: Query,
  log: LogDescription,
  asked: RowSelection,
  shape: HistogramShape,
): Promise<Histogram> {
  const selection = narrowed(log, asked);
  const range = await rangeOf(query, log, selection);
  const { by, top } = shape;
  if (range === undefined) {
    return { width: secondsOf(shape.width ?? SECOND), buckets: [], ...(by ? { series: [] } : {}) };
  }
  const width = shape.width ?? niceWidth(range, shape.buckets ?? HISTOGRAM_BUCKETS_DEFAULT);
  const [from, to] = [formatMicros(range.from), formatMicros(range.to)];
  const count = bucketCount(range, width);
  if (count > HISTOGRAM_WIDTH_BUCKETS) {
    throw new ZeekwayError(
      'request_invalid',
      `"width" makes ${count} buckets from ${from} to ${to}, of at most ${HISTOGRAM_WIDTH_BUCKETS}`,
    );
  }
  const first = bucketStart(range.from, width);
  const indexOf = ({ time }: BucketCount): number => Number((time - first) / width);
  const request: HistogramRequest = { ...selection, from, to, seconds: secondsText(width) };
  const { among, counts: found } =
    by && count > 0
      ? await seriesHistogram(query, log, request, { by, top, buckets: count })
      : { among: [], counts: await timeHistogram(query, log, request) };
  const totals = new Array<number>(count).fill(0);
  for (const one of found) totals[indexOf(one)] = (totals[indexOf(one)] ?? 0) + one.count;
  const buckets = totals.map((total, index) => ({
    time: formatMicros(first + BigInt(index) * width),
    count: total,
  }));
  const answer = { from, to, width: secondsOf(width), buckets };
  return by === undefined ? answer : { ...answer, ...seriesOf(by, among, found, indexOf, count) };
}

const secondsOf = (micros: bigint): number => Number(secondsText(micros));

/** The rows of each value, and those of all others where there are any. */
function seriesOf(
  by: GroupKey,
  among: readonly KeyValue[],
  found: readonly BucketCount[],
  indexOf: (one: BucketCount) => number,
  count: number,
): { series: Series[]; other?: number[] } {
  const read = keyReader(by);
  const countsOf = (index: number | undefined): number[] => {
    const counts = new Array<number>(count).fill(0);
    for (const one of found) if (one.index === index) counts[indexOf(one)] = one.count;
    return counts;
  };
  const series = among.map((value, index): Series => {
    const json = read(value);
    return { ...(json === undefined ? {} : { value: json }), counts: countsOf(index) };
  });
  const hasOthers = found.some(({ index }) => index === undefined);
  return hasOthers ? { series, other: countsOf(undefined) } : { series };
}

/** The range that is asked for; where it is open, up to where the log ends. `undefined`: a log without rows. */
async function rangeOf(
  query: Query,
  log: LogDescription,
  { from, to }: Pick<RowSelection, 'from' | 'to'>,
): Promise<Range | undefined> {
  const [low, high] = [microsOf(from), microsOf(to)];
  if (low !== undefined && high !== undefined) return { from: low, to: high };
  const { first, last } = await logExtent(query, log, true);
  const [earliest, latest] = [low ?? microsOf(first, EARLIEST), high ?? microsOf(last, LATEST)];
  if (earliest === undefined || latest === undefined) return undefined;
  // The latest row is in the range.
  const end = high === undefined && isWritable(latest + 1n) ? latest + 1n : latest;
  return { from: earliest, to: end > earliest ? end : earliest };
}

/** What can be written with four digits of the year. */
const EARLIEST = timeMicros('0001-01-01', 0);
const LATEST = timeMicros('9999-12-31T23:59:59.999999Z', 0);

/** A time of the API, or of PostgreSQL: one that has more digits is `beyond`. */
function microsOf(time: string | null | undefined, beyond?: bigint): bigint | undefined {
  return typeof time === 'string' ? (timeMicros(timeFromSql(time), 0) ?? beyond) : undefined;
}
