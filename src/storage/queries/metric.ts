import pg from 'pg';
import type { LogColumn } from './catalogue.js';
import type { Values } from './values.js';

/** A field of a log: of one whose type has changed there are several columns, of which a row has one. */
export type FieldColumns = readonly LogColumn[];

/** What is reckoned of the rows of a group. */
export type Metric =
  | { readonly kind: 'count' }
  /** Of several fields, of their sum; what is not set is 0 where another one is. */
  | { readonly kind: 'sum' | 'avg' | 'min' | 'max'; readonly fields: readonly FieldColumns[] }
  /** The value below which so many percent are, between the nearest two where there is none. */
  | { readonly kind: 'percentile'; readonly percent: number; readonly fields: readonly FieldColumns[] }
  | { readonly kind: 'distinct'; readonly columns: FieldColumns };

const columnSql = ({ column }: LogColumn): string => `r.${pg.escapeIdentifier(column)}`;

const isReal = (fields: readonly FieldColumns[]): boolean =>
  fields.flat().some(({ sqlType }) => sqlType === 'double precision');

/** The metric of the rows `r`. */
export function metricSql(metric: Metric, values: Values): string {
  switch (metric.kind) {
    case 'count':
      return 'count(*)';
    case 'distinct':
      return metric.columns.map((column) => `count(DISTINCT ${columnSql(column)})`).join(' + ');
    case 'avg':
      return `avg(${amountSql(metric.fields)})::double precision`;
    case 'percentile': {
      const fraction = values.add(String(metric.percent / 100), 'double precision');
      return `percentile_cont(${fraction}) WITHIN GROUP (ORDER BY (${amountSql(metric.fields)})::double precision)`;
    }
    default:
      return `${metric.kind}(${amountSql(metric.fields)})`;
  }
}

function amountSql(fields: readonly FieldColumns[]): string {
  const [only, ...others] = fields.flat();
  if (only !== undefined && others.length === 0) return columnSql(only);
  // Integers as numeric: the sum of two may be beyond 64 bits.
  const type = isReal(fields) ? 'double precision' : 'numeric';
  const amounts = fields.map((columns) => {
    const casts = columns.map((column) => `${columnSql(column)}::${type}`);
    return casts.length === 1 ? casts[0] : `coalesce(${casts.join(', ')})`;
  });
  if (amounts.length === 1) return String(amounts[0]);
  const sum = amounts.map((amount) => `coalesce(${amount}, 0)`).join(' + ');
  return `CASE WHEN num_nonnulls(${amounts.join(', ')}) > 0 THEN ${sum} END`;
}

const INTEGER = { zeekType: 'count', sqlType: 'numeric(20,0)' } as const;
const REAL = { zeekType: 'double', sqlType: 'double precision' } as const;

/** What the values of a metric are. */
export function metricType(metric: Metric): Pick<LogColumn, 'zeekType' | 'sqlType'> {
  switch (metric.kind) {
    case 'count':
    case 'distinct':
      return INTEGER;
    case 'avg':
    case 'percentile':
      return REAL;
    default: {
      const [only, ...others] = metric.fields.flat();
      if (metric.kind !== 'sum' && only !== undefined && others.length === 0) return only;
      return isReal(metric.fields) ? REAL : INTEGER;
    }
  }
}
