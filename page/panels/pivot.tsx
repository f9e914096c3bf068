import { apiUrl, useAnswer } from '../api/request.js';
import type { PivotAnswer, Row } from '../api/types.js';
import { cell } from '../format.js';
import { update, view } from '../state/view.js';

const NAMES: Readonly<Record<string, string>> = {
  uid: 'Connection',
  fuid: 'File',
  'community-id': 'Community ID',
};
const LIMIT = '500';

interface PivotProps {
  selected: Row | undefined;
  onSelect: (log: string, row: Row) => void;
}

/** Everything of a connection, a file or a flow, in all logs, in the order in which it happened. */
export function Pivot({ selected, onSelect }: PivotProps) {
  const [kind = '', ...rest] = view.value.pivot.split(':');
  const id = rest.join(':');
  const url = apiUrl(`/v1/${kind}/${encodeURIComponent(id)}`, {
    limit: LIMIT,
    ...(kind === 'uid' && { related: 'true' }),
  });
  const { data, problem, isLoading } = useAnswer<PivotAnswer>(url);
  const rows = (data?.logs ?? []).flatMap(({ path, rows: found }) => found.map((row) => ({ path, row })));
  rows.sort((a, b) => (timeOf(a.row) < timeOf(b.row) ? -1 : 1));
  return (
    <section class="pivot" aria-label={`${NAMES[kind] ?? kind} ${id}`} aria-busy={isLoading}>
      <header>
        <button type="button" onClick={() => update({ pivot: '' })}>
          ← Back to the log
        </button>
        <h2>
          {NAMES[kind] ?? kind} <code>{id}</code>
        </h2>
      </header>
      {problem && <p class="problem">{problem.message}</p>}
      {!problem && isLoading && !data && <p class="note">Asking all logs …</p>}
      {data && rows.length === 0 && <p class="note">No log has it.</p>}
      <ol>
        {rows.map(({ path, row }, index) => (
          // rows have nothing else that tells them apart.
          <li key={index}>
            <button type="button" aria-pressed={row === selected} onClick={() => onSelect(path, row)}>
              <time>{cell(timeOf(row), 'time')}</time>
              <b>{path}</b>
              <span>{summary(path, row)}</span>
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}

const timeOf = (row: Row): string => String(row['ts'] ?? row['_received'] ?? '');

/** What is not said by the place where it stands. */
const LEFT_OUT = new Set(['ts', 'uid', 'fuid', 'community_id', '_received', '_source', 'ip_proto']);
/** The connection has said it. */
const OF_CONNECTION = /^id\./;
const SUMMARY_FIELDS = 9;

function summary(path: string, row: Row): string {
  const parts = Object.entries(row).filter(
    ([key]) => !LEFT_OUT.has(key) && (path === 'conn' || !OF_CONNECTION.test(key)),
  );
  const shown = parts.slice(0, SUMMARY_FIELDS).map(([key, value]) => `${key}=${cell(value, '')}`);
  return shown.join('  ');
}
