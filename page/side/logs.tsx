import { askJson, Problem } from '../api/request.js';
import type { CompletionAnswer, LogSummary } from '../api/types.js';
import { checkUrl } from '../filter/use-checked.js';
import { compact, number } from '../format.js';
import { update, view } from '../state/view.js';

/** The logs with their numbers of rows. */
export function Logs({ logs, current }: { logs: readonly LogSummary[]; current: string }) {
  return (
    <nav class="logs" aria-label="Logs">
      <h2>Logs</h2>
      <ul>
        {logs.map(({ path, rows, exact }) => (
          <li key={path}>
            <button
              type="button"
              aria-current={path === current ? 'page' : undefined}
              title={`${path}: ${exact ? '' : 'some '}${number(rows)} rows`}
              onClick={() => void choose(path)}
            >
              <span>{path}</span>
              <small>{exact ? number(rows) : `~${compact(rows)}`}</small>
            </button>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** Another log, with the filter where that has the fields. */
async function choose(log: string): Promise<void> {
  const { filter } = view.value;
  const change = { log, sort: '', columns: undefined, tops: undefined, split: '', pivot: '' };
  update({ ...change, filter: filter === '' || (await isValid(log, filter)) ? filter : '' });
}

async function isValid(log: string, filter: string): Promise<boolean> {
  try {
    const { error } = await askJson<CompletionAnswer>(checkUrl(log, filter), new AbortController().signal);
    return error === undefined;
  } catch (problem) {
    if (problem instanceof Problem) return false;
    throw problem;
  }
}
