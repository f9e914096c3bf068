import { quoted } from '../../http/formats/csv.js';
import { Api, type Parameters } from './api.js';
import { type Asking, columnsOf, heading, logPath, type SelectFlags, selection, write } from './asking.js';
import { cell, type Row, rowsTable } from './rows-table.js';

export interface QueryFlags extends SelectFlags {
  readonly limit?: number;
  readonly sort?: string;
  readonly reverse: boolean;
  readonly top?: string;
  readonly by: string;
  readonly output: 'table' | 'json' | 'csv' | 'tsv';
}

/** Rows of a table where nobody says how many, and groups of a `top`. */
const TABLE_ROWS = 50;
const TOP_GROUPS = 10;
/** Rows of one request. */
const PAGE_ROWS = 1_000;

interface Page {
  readonly rows: readonly Row[];
  readonly next?: string;
}

/** `zeekway query`. Without a log, which ones there are. */
export async function queryCommand(
  log: string | undefined,
  filter: string | undefined,
  flags: QueryFlags,
  asking: Asking,
): Promise<number> {
  const api = new Api(flags, asking.signal);
  if (log === undefined) return listLogs(api, flags, asking);
  const { top, limit, output } = flags;
  if (top !== undefined) return topGroups(api, log, filter, { ...flags, top }, asking);
  const order = flags.reverse ? 'asc' : 'desc';
  const parameters = {
    ...selection(flags, filter),
    ...(flags.sort === undefined ? { order } : { sort: flags.sort }),
  };
  if (output === 'table') return table(api, log, parameters, limit ?? TABLE_ROWS, flags, asking);
  // Any number of rows, as they come.
  const format = output === 'json' ? 'ndjson' : output;
  const response = await api.get(logPath(log), { ...parameters, limit: limit?.toString(), format });
  for await (const chunk of api.chunks(response)) await write(asking.stdout, chunk);
  return 0;
}

async function table(
  api: Api,
  log: string,
  parameters: Parameters,
  limit: number,
  { fields }: QueryFlags,
  asking: Asking,
): Promise<number> {
  const { out, err } = asking.terminal;
  const rows: Row[] = [];
  let page = await api.json<Page>(logPath(log), { ...parameters, limit: String(Math.min(limit, PAGE_ROWS)) });
  for (;;) {
    rows.push(...page.rows.slice(0, limit - rows.length));
    if (page.next === undefined || rows.length >= limit) break;
    page = await api.json<Page>(page.next);
  }
  if (rows.length === 0) {
    err('zeekway: no such rows');
    return 0;
  }
  const columns = fields === undefined ? await columnsIn(api, log, rows) : columnsOf(rows, fields);
  for (const line of rowsTable(columns, rows, heading(asking))) out(line);
  if (page.next !== undefined) err(`zeekway: there are more than these ${rows.length} (--limit)`);
  return 0;
}

/** The fields that rows have, in the order of the log. */
async function columnsIn(api: Api, log: string, rows: readonly Row[]): Promise<string[]> {
  const { fields } = await api.json<{ fields: readonly { key: string }[] }>(`${logPath(log)}/fields`);
  const seen = new Set(columnsOf(rows, undefined));
  return fields.map(({ key }) => key).filter((key) => seen.has(key));
}

async function listLogs(api: Api, { output }: QueryFlags, asking: Asking): Promise<number> {
  const { logs } = await api.json<{ logs: (Row & { exact: boolean; rows: number })[] }>('/v1/logs');
  if (output === 'json') for (const log of logs) asking.terminal.out(JSON.stringify(log));
  else if (logs.length === 0) asking.terminal.err('zeekway: nothing is stored yet');
  else {
    const rows = logs.map((log) => ({ ...log, rows: log.exact ? log.rows : `~${log.rows}` }));
    for (const line of rowsTable(['path', 'rows', 'first', 'last'], rows, heading(asking)))
      asking.terminal.out(line);
  }
  return 0;
}

/** What `--by` says: a metric of the API, or a field whose sum is meant. */
const metricOf = (by: string): string => (/^(count$|\w+:|p[\d.]+:)/.test(by) ? by : `sum:${by}`);

/** The groups with the most of something. */
async function topGroups(
  api: Api,
  log: string,
  filter: string | undefined,
  flags: QueryFlags & { readonly top: string },
  { terminal, ...asking }: Asking,
): Promise<number> {
  const metrics = [...new Set([metricOf(flags.by), 'count'])];
  const { groups } = await api.json<{ groups: readonly Row[] }>(`${logPath(log)}/aggregate`, {
    ...selection(flags, filter),
    fields: undefined,
    by: flags.top,
    metrics: metrics.join(','),
    limit: String(flags.limit ?? TOP_GROUPS),
  });
  const columns = [...flags.top.split(',').map((key) => key.trim()), ...metrics];
  for (const line of groupLines(columns, groups, flags.output, heading({ terminal, ...asking })))
    terminal.out(line);
  if (groups.length === 0) terminal.err('zeekway: no such rows');
  return 0;
}

function groupLines(
  columns: readonly string[],
  groups: readonly Row[],
  output: QueryFlags['output'],
  shownHeading: (text: string) => string,
): string[] {
  switch (output) {
    case 'json':
      return groups.map((group) => JSON.stringify(group));
    case 'table':
      return groups.length === 0 ? [] : rowsTable(columns, groups, shownHeading);
    case 'csv':
    case 'tsv': {
      const [separator, cellText] = output === 'csv' ? [',', quoted] : ['\t', (text: string) => text];
      return [columns, ...groups.map((group) => columns.map((column) => cell(group[column])))].map((cells) =>
        cells.map(cellText).join(separator),
      );
    }
  }
}
