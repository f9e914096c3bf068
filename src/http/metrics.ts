import { ZeekwayError } from '../core/errors.js';
import { METRIC_FIELDS } from '../core/limits.js';
import { didYouMean } from '../core/nearest.js';
import type { LogColumn, LogDescription } from '../storage/queries/catalogue.js';
import type { FieldColumns, Metric } from '../storage/queries/metric.js';
import { columnsNamed, findColumns, RECEIVED } from './filters.js';

/** Metrics of groups, as `metrics` has them: `count`, `sum:orig_bytes+resp_bytes`, `p99.9:duration`. */

const NAMES = ['count', 'sum', 'avg', 'min', 'max', 'distinct', 'p50', 'p95', 'p99'];
const NUMBERS: ReadonlySet<string> = new Set(['int', 'count', 'double', 'interval']);

const isNumber = ({ zeekType }: LogColumn): boolean => NUMBERS.has(zeekType);
const isNumberOrPort = (column: LogColumn): boolean => isNumber(column) || column.zeekType === 'port';
const isTime = ({ sqlType }: LogColumn): boolean => sqlType === 'timestamptz';
const isScalar = ({ sqlType }: LogColumn): boolean => !sqlType.endsWith('[]');

/** A metric, and its name in the answer. */
export interface NamedMetric {
  readonly name: string;
  readonly metric: Metric;
}

/** The name of a metric as answers have it: a `+` that was not escaped in the URL arrives as a space. */
export const metricName = (text: string): string => text.trim().replaceAll(/[+ ]+/g, '+');

/**
 * Reads one metric. Of a field whose type has changed those columns count that fit. Throws `request_invalid`, with the
 * nearest metric or field where there is none of the name.
 */
export function parseMetric(log: LogDescription, text: string): NamedMetric {
  const name = metricName(text);
  const [, kind = '', , given] = /^([^:]*)(:(.*))?$/.exec(name) ?? [];
  if (kind === 'count') {
    if (given !== undefined) throw invalid(`"${name}" in "metrics": "count" has no field`);
    return { name, metric: { kind } };
  }
  const percent = /^p(\d{1,2}(?:\.\d{1,4})?|100)$/.exec(kind)?.[1];
  if (percent === undefined && !NAMES.includes(kind)) {
    const hint = didYouMean(kind, NAMES) || `; there are ${NAMES.join(', ')}`;
    throw invalid(`"${kind}" in "metrics" is no metric${hint}`);
  }
  if (given === undefined || given === '') {
    throw invalid(`"${name}" in "metrics" has a field, like "${kind}:orig_bytes"`);
  }
  if (kind === 'distinct') {
    const columns = columnsBy(log, given).filter(isScalar);
    if (columns.length === 0)
      throw invalid(`"${name}" in "metrics" counts single values, and not sets or vectors`);
    return { name, metric: { kind, columns } };
  }
  const isEnd = kind === 'min' || kind === 'max';
  const fields = fieldsOf(log, name, given, isEnd);
  if (percent !== undefined)
    return { name, metric: { kind: 'percentile', percent: Number(percent), fields } };
  return { name, metric: { kind: isEnd || kind === 'avg' ? kind : 'sum', fields } };
}

function fieldsOf(log: LogDescription, name: string, given: string, isEnd: boolean): FieldColumns[] {
  const names = findColumns(log, given).length > 0 ? [given] : given.split('+');
  if (names.length > METRIC_FIELDS) {
    throw invalid(`"${name}" in "metrics" adds ${names.length} fields, of at most ${METRIC_FIELDS}`);
  }
  return names.map((field) => {
    const columns = columnsBy(log, field);
    const numbers = columns.filter(isEnd && names.length === 1 ? isNumberOrPort : isNumber);
    if (numbers.length > 0) return numbers;
    // Of those of one field all have the same type.
    const times = isEnd && names.length === 1 ? columns.filter(isTime) : [];
    if (times.length > 0) return times;
    const types = columns.map(({ zeekType }) => zeekType).join(' and ');
    const expected = isEnd ? 'numbers, intervals, ports or times' : 'numbers or intervals';
    throw invalid(`"${name}" in "metrics" is for ${expected}, and "${field}" is ${types}`);
  });
}

const columnsBy = (log: LogDescription, name: string): FieldColumns =>
  columnsNamed(log, name, 'metrics', RECEIVED);

const invalid = (detail: string): ZeekwayError => new ZeekwayError('request_invalid', detail);
