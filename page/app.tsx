import { useEffect, useMemo, useState } from 'preact/hooks';
import { apiUrl, type Problem, useAnswer } from './api/request.js';
import type { Field, HistogramAnswer, LogSummary, Row } from './api/types.js';
import { FilterBar } from './filter/filter-bar.js';
import { useChecked } from './filter/use-checked.js';
import { Help } from './help.js';
import { useKeys } from './keys.js';
import { Detail } from './panels/detail.js';
import { Pivot } from './panels/pivot.js';
import { Tops } from './panels/tops.js';
import { Health } from './side/health.js';
import { Logs } from './side/logs.js';
import { Saved } from './side/saved.js';
import { defaultColumns, defaultFrom, defaultTops } from './state/defaults.js';
import { tokenWanted } from './state/session.js';
import { update, view } from './state/view.js';
import { LogTable } from './table/log-table.js';
import { useLive } from './table/use-live.js';
import { useRows } from './table/use-rows.js';
import { Histogram } from './top/histogram.js';
import { SERIES } from './top/layers.js';
import { Masthead } from './top/masthead.js';
import { Range } from './top/range.js';
import { TokenForm } from './top/token-form.js';

const LOGS_EVERY_MS = 60_000;
const PAGE_ROWS = '200';
const BUCKETS = '150';

/** The page. */
export function App() {
  const { data, problem, isLoading } = useAnswer<{ logs: readonly LogSummary[] }>('/v1/logs', LOGS_EVERY_MS);
  const logs = data?.logs;
  const known = logs?.some(({ path }) => path === view.value.log);
  const log = known ? view.value.log : (firstLog(logs)?.path ?? '');
  const [isHelp, setHelp] = useState(false);
  return (
    <>
      <Masthead onHelp={() => setHelp(true)} />
      {tokenWanted.value !== '' && <TokenForm />}
      {problem && tokenWanted.value === '' && <Failure problem={problem} />}
      {!logs && isLoading && <p class="state">Loading …</p>}
      {logs?.length === 0 && <NoLogs />}
      {logs && logs.length > 0 && (
        <div class="body">
          <aside class="side">
            <Logs logs={logs} current={log} />
            <Saved />
            <Health />
          </aside>
          <Explorer key={log} log={log} summary={logs.find(({ path }) => path === log)} />
        </div>
      )}
      <Help isOpen={isHelp} onClose={() => setHelp(false)} onOpen={() => setHelp(true)} />
    </>
  );
}

/** That of connections, which most questions begin with; else the one with most rows. */
function firstLog(logs: readonly LogSummary[] = []): LogSummary | undefined {
  return (
    logs.find(({ path, rows }) => path === 'conn' && rows > 0) ?? logs.toSorted((a, b) => b.rows - a.rows)[0]
  );
}

function Failure({ problem }: { problem: Problem }) {
  return (
    <div class="problem" role="alert">
      <b>{problem.message}</b> {problem.action}
    </div>
  );
}

function NoLogs() {
  return (
    <div class="state">
      <h2>No logs yet</h2>
      <p>The gateway is there, and has stored nothing so far. To fill it:</p>
      <ul>
        <li>
          let Zeek send its logs: <code>zeekway serve --listen broker://0.0.0.0:9999</code>, see
          docs/zeek-package.md
        </li>
        <li>
          replay a capture or old log files: <code>zeekway replay session.pcap conn.log.gz</code>
        </li>
        <li>
          look around in a recording: <code>zeekway demo</code>
        </li>
      </ul>
      <p>This page looks again every minute.</p>
    </div>
  );
}

/** One log: over time, its rows, its most frequent values. */
function Explorer({ log, summary }: { log: string; summary: LogSummary | undefined }) {
  const { to, sort, split, live: isLive, pivot, ...shown } = view.value;
  // Once: the number of rows changes all the time.
  const [from0] = useState(() => defaultFrom(summary));
  const from = shown.from ?? from0;
  const path = `/v1/logs/${encodeURIComponent(log)}`;
  const described = useAnswer<{ fields: readonly Field[] }>(`${path}/fields`);
  const fields = described.data?.fields ?? [];
  const columns = shown.columns ?? defaultColumns(log, fields);
  const checked = useChecked(log, shown.filter);
  const { filter = '' } = checked;
  const selection = { from, to, filter };
  // Nothing is asked for with a filter that may be none.
  const isAsked = pivot === '' && checked.filter !== undefined;
  const series = split === '' ? {} : { by: split, top: String(SERIES) };
  const histogram = useAnswer<HistogramAnswer>(
    isAsked ? apiUrl(`${path}/histogram`, { ...selection, buckets: BUCKETS, ...series }) : undefined,
  );
  const isPlain = sort === '' || sort === '-ts' || sort === 'ts';
  const order = isPlain ? { order: sort === 'ts' ? 'asc' : 'desc' } : { sort };
  const asked = useRows(
    isAsked ? apiUrl(path, { ...selection, ...(isLive ? {} : order), limit: PAGE_ROWS }) : undefined,
  );
  const rows = checked.problem ? { ...asked, problem: checked.problem, isLoading: false } : asked;
  const live = useLive(log, filter, isLive && isAsked);
  const entries = useMemo(
    () => [...(isLive ? live.entries : []), ...rows.rows.map((row) => ({ row }))],
    [isLive, live.entries, rows.rows],
  );
  const [selected, setSelected] = useState(-1);
  const [open, setOpen] = useState<{ log: string; row: Row; fields?: readonly Field[] }>();
  const openRow = (index: number): void => {
    const entry = entries[index];
    if (entry && 'row' in entry) setOpen({ log, row: entry.row });
  };
  // other rows, another choice.
  useEffect(() => setSelected(-1), [filter, from, to, sort, pivot]);
  useKeys({
    move: (step) => setSelected((at) => Math.max(0, Math.min(entries.length - 1, at + step))),
    open: () => openRow(selected),
    close: () => (open ? setOpen(undefined) : pivot !== '' && update({ pivot: '' })),
    follow: (step) =>
      open?.log === log && openRow(Math.max(0, Math.min(entries.length - 1, selected + step))),
  });
  const wrong = rows.problem?.code === 'filter_invalid' ? rows.problem : undefined;
  const tops = shown.tops ?? defaultTops(fields);
  return (
    <>
      <main class="main">
        <div class="bar">
          <FilterBar log={log} problem={wrong} />
          <Range from={from} />
        </div>
        {described.problem && <Failure problem={described.problem} />}
        {pivot !== '' ? (
          <Pivot selected={open?.row} onSelect={(path, row) => setOpen({ log: path, row })} />
        ) : (
          <>
            <Histogram loaded={histogram} fields={fields} />
            <LogTable
              {...{ log, fields, columns, entries, rows, live, selected, summary }}
              onSelect={setSelected}
              onOpen={openRow}
            />
          </>
        )}
      </main>
      <aside class="panel">
        {open && <OpenRow key={open.log} {...open} onClose={() => setOpen(undefined)} />}
        {isAsked && fields.length > 0 && (
          <div hidden={open !== undefined}>
            <Tops {...{ log, fields }} parameters={selection} names={tops} />
          </div>
        )}
      </aside>
    </>
  );
}

function OpenRow({ log, row, onClose }: { log: string; row: Row; onClose: () => void }) {
  const { data } = useAnswer<{ fields: readonly Field[] }>(`/v1/logs/${encodeURIComponent(log)}/fields`);
  return data ? <Detail log={log} row={row} fields={data.fields} onClose={onClose} /> : null;
}
