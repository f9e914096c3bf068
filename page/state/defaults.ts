import type { Field, LogSummary } from '../api/types.js';

/** What is shown of a log before anybody chose. */

const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  conn: [
    'ts',
    'id.orig_h',
    'id.orig_p',
    'id.resp_h',
    'id.resp_p',
    'proto',
    'service',
    'duration',
    'orig_bytes',
    'resp_bytes',
    'conn_state',
    'uid',
  ],
  dns: ['ts', 'id.orig_h', 'id.resp_h', 'query', 'qtype_name', 'rcode_name', 'answers', 'rtt', 'uid'],
  http: ['ts', 'id.orig_h', 'id.resp_h', 'method', 'host', 'uri', 'status_code', 'user_agent', 'uid'],
  ssl: [
    'ts',
    'id.orig_h',
    'id.resp_h',
    'id.resp_p',
    'version',
    'server_name',
    'cipher',
    'established',
    'uid',
  ],
  files: ['ts', 'source', 'mime_type', 'filename', 'seen_bytes', 'total_bytes', 'md5', 'fuid'],
  notice: ['ts', 'note', 'msg', 'sub', 'src', 'dst', 'uid'],
};
const COLUMN_COUNT = 9;

export function defaultColumns(log: string, fields: readonly Field[]): string[] {
  const names = fields.map(({ key }) => key);
  const known = COLUMNS[log]?.filter((name) => names.includes(name));
  return known && known.length > 2 ? known : names.slice(0, COLUMN_COUNT);
}

/** Fields whose most frequent values tell something, in the order in which they are worth it. */
const TOPS = [
  'service',
  'query',
  'host',
  'note',
  'name',
  'server_name',
  'mime_type',
  'method',
  'id.orig_h',
  'id.resp_h',
  'id.resp_p',
  'rcode_name',
  'qtype_name',
  'status_code',
  'conn_state',
  'software_type',
  'source',
  'src',
  'proto',
];
const TOP_COUNT = 4;

export function defaultTops(fields: readonly Field[]): string[] {
  const names = fields.map(({ name }) => name);
  const known = TOPS.filter((name) => names.includes(name)).slice(0, TOP_COUNT);
  return known.length > 0
    ? known
    : names.filter((name) => name !== 'ts' && name !== 'uid').slice(0, TOP_COUNT);
}

/** Fields of few values, which a histogram can be split by: those above, and what can only have few. */
export function splitFields(fields: readonly Field[]): string[] {
  const names = fields.filter(({ name, type }) => TOPS.includes(name) || type === 'enum' || type === 'bool');
  return [...new Set(names.map(({ name }) => name))];
}

/** From here on, all times are more than one wants to wait for at first. */
const LARGE_ROWS = 1_000_000;
const DAY_MS = 86_400_000;

/** Of a large log its last day, where that has rows: a log that was replayed may be of any time. */
export function defaultFrom(log: LogSummary | undefined): string {
  if (!log || log.rows < LARGE_ROWS || log.last === undefined) return '';
  return Date.parse(log.last) > Date.now() - DAY_MS ? '-1d' : '';
}
