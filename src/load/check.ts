import { hash } from 'node:crypto';
import { isAbsent, type LogField, type LogValue } from '../codec/log-record.js';
import { displayText } from '../codec/text.js';
import type { LoadLog } from './plan.js';
import type { RecordStream } from './records.js';

import type { Sent } from './worker.js';

/**
 * Is what the database holds what was sent, record for record? Each record has a checksum over all of its columns,
 * made here from the plan and there in SQL (PostgreSQL 14 or later) from what is stored: the first 32 bits of the MD5
 * of a JSON array. Sums of them over many records are compared.
 */

/** Runs a query: that of pg's pools and clients is one. */
export type Query = (sql: string) => Promise<{ rows: Record<string, unknown>[] }>;

/** Records of a worker that are stored and whose numbers follow each other: from `first` to `end`, not included. */
interface StoredRange {
  readonly worker: number;
  readonly first: number;
  readonly end: number;
  /** More than the numbers where some are stored more than once. */
  readonly rows: number;
  readonly checksum: bigint;
}

/** What was found about one log of one worker. */
export interface Finding {
  readonly log: LoadLog;
  readonly worker: number;
  readonly sent: number;
  /** Rows. */
  readonly stored: number;
  readonly missing: readonly { readonly first: number; readonly end: number }[];
  /** Rows beyond one for each number. */
  readonly doubled: number;
  /** Rows with numbers that were never sent. */
  readonly unsent: number;
  /** Ranges whose records are not what was sent. */
  readonly changed: readonly { readonly first: number; readonly end: number }[];
}

/** A time as whole microseconds, which both sides print alike, whatever the time zone. */
const isTime = ({ type }: LogField | LogValue): boolean => type === 'time' || type === 'interval';

function columnText(field: LogField): string {
  const column = `"${field.name.replaceAll('"', '""')}"`;
  if (field.type === 'time') return `(extract(epoch FROM ${column}) * 1000000)::bigint`;
  return isTime(field) ? `(${column} * 1000000)::bigint` : column;
}

/** The SQL for one record's text: a JSON array of its columns. */
const recordText = (fields: readonly LogField[]): string =>
  `json_build_array(${fields.map(columnText).join(', ')})::text`;

/** A value as `json_build_array` prints its column. */
function valueText(value: LogValue): string {
  if (isAbsent(value)) return 'null';
  switch (value.type) {
    case 'time':
    case 'interval':
      return String(Math.round(value.value * 1e6));
    case 'double':
    case 'bool':
    case 'int':
    case 'count':
      return String(value.value);
    case 'port':
      return String(value.value.number);
    case 'table':
    case 'vector':
      return `[${value.value.map(elementText).join(',')}]`;
    case 'addr':
    case 'subnet':
      return `"${value.value}"`;
    default:
      return JSON.stringify(displayText(value.value));
  }
}

/** Arrays are printed as they are. */
const elementText = (value: LogValue): string =>
  isTime(value) && !isAbsent(value) && 'value' in value ? String(value.value) : valueText(value);

/** The sum of the checksums of the records from `first` to `end`, not included. Takes some 3 us a record. */
function checksum(stream: RecordStream, first: number, end: number): bigint {
  const tails = new Map<number, string>();
  let sum = 0n;
  for (let number = first; number < end; number++) {
    const head = stream.head(number);
    const sample = stream.sampleIndex(number);
    // Most of a record is that of its sample.
    const tail = tails.get(sample) ?? stream.sample(number).slice(head.length).map(valueText).join(', ');
    tails.set(sample, tail);
    sum += BigInt(
      Number.parseInt(hash('md5', `[${head.map(valueText).join(', ')}, ${tail}]`).slice(0, 8), 16),
    );
  }
  return sum;
}

/**
 * The SQL that finds the stored ranges of a run in a log's table; its columns are those of `StoredRange`.
 * @param table quoted and qualified: `logs."conn"`.
 */
function rangesSql(fields: readonly LogField[], table: string, run: string): string {
  return `
SELECT worker, min(number) AS first, max(number) + 1 AS end, count(*) AS rows, sum(checksum) AS checksum
  FROM (SELECT worker, number, checksum,
               number - dense_rank() OVER (PARTITION BY worker ORDER BY number) AS range
          FROM (SELECT substr(uid, 11, 4)::int AS worker, reverse(substr(uid, 2, 9))::int AS number,
                       ('x' || left(md5(${recordText(fields)}), 8))::bit(32)::bigint AS checksum
                  FROM ${table} WHERE uid ~ '^C[0-9]{13}${run}$') AS records) AS numbered
 GROUP BY worker, range ORDER BY worker, first`;
}

async function storedRanges(query: Query, stream: RecordStream): Promise<StoredRange[]> {
  const { fields, path } = stream.schema;
  const { rows } = await query(rangesSql(fields, `logs."${path}"`, stream.run));
  return rows.map((row) => ({
    worker: Number(row['worker']),
    first: Number(row['first']),
    end: Number(row['end']),
    rows: Number(row['rows']),
    checksum: BigInt(String(row['checksum'])),
  }));
}

/** Compares what is stored with what was sent of one stream. */
function compare(stream: RecordStream, end: number, ranges: readonly StoredRange[]): Finding {
  const { log, worker } = stream;
  const missing: { first: number; end: number }[] = [];
  const changed: { first: number; end: number }[] = [];
  let [stored, doubled, unsent, next] = [0, 0, 0, 0];
  for (const range of ranges.filter((candidate) => candidate.worker === worker)) {
    if (range.first > next && next < end) missing.push({ first: next, end: Math.min(range.first, end) });
    stored += range.rows;
    const surplus = range.rows - (range.end - range.first);
    doubled += surplus;
    unsent += range.end - Math.max(range.first, Math.min(end, range.end));
    if (surplus === 0 && range.checksum !== checksum(stream, range.first, range.end)) {
      changed.push({ first: range.first, end: range.end });
    }
    next = range.end;
  }
  if (next < end) missing.push({ first: next, end });
  return { log, worker, sent: end, stored, missing, doubled, unsent, changed };
}

/** Compares what the database holds with all that was sent. The streams are those of all workers of one plan. */
export async function checkStored(
  query: Query,
  streams: readonly RecordStream[],
  sent: readonly Sent[],
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const log of new Set(streams.map((stream) => stream.log))) {
    const ofLog = streams.filter((stream) => stream.log === log);
    const [first] = ofLog;
    if (first === undefined) continue;
    const ranges = await storedRanges(query, first);
    for (const stream of ofLog) {
      const end = sent.find((other) => other.log === log && other.worker === stream.worker)?.end ?? 0;
      findings.push(compare(stream, end, ranges));
    }
  }
  return findings;
}

/**
 * What is wrong, a line each; empty where all is well.
 * @param cuts where given, records may be missing that were on their way when a connection was lost, and no others.
 */
export function problems(findings: readonly Finding[], cuts: readonly Sent[] = []): string[] {
  return findings.flatMap(({ log, worker, missing, doubled, unsent, changed }) => {
    const lost = cuts.find((other) => other.log === log && other.worker === worker)?.cuts ?? [];
    const told = (what: string): string => `${log} of worker ${worker}: ${what}`;
    return [
      ...missing
        .filter(({ end }) => !lost.includes(end))
        .map(({ first, end }) => told(`records ${first} to ${end - 1} are missing`)),
      ...changed.map(({ first, end }) => told(`of records ${first} to ${end - 1} some were changed`)),
      ...(doubled > 0 ? [told(`${doubled} rows are stored more than once`)] : []),
      ...(unsent > 0 ? [told(`${unsent} rows were never sent`)] : []),
    ];
  });
}
