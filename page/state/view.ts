import { signal } from '@preact/signals';

/** What the page shows: all of it is in the URL, so that a link shows somebody else the same. */
export interface View {
  /** The log's path; empty: the first one. */
  readonly log: string;
  /** Times as the API takes them; empty: no bound. `undefined`: as suits the log. */
  readonly from: string | undefined;
  readonly to: string;
  readonly filter: string;
  /** `field`, `-field`; empty: newest first. */
  readonly sort: string;
  /** Fields; `undefined`: as suits the log. */
  readonly columns: readonly string[] | undefined;
  readonly tops: readonly string[] | undefined;
  /** The field whose values are colours of the histogram; empty: none. */
  readonly split: string;
  readonly live: boolean;
  /** What everything is shown of, instead of the rows of a log: `uid:C1`, `fuid:F1`, `community-id:1:...`. */
  readonly pivot: string;
}

/** Reads a view from the query of a URL. */
export function parseView(search: string): View {
  const parameters = new URLSearchParams(search);
  const text = (name: string): string => parameters.get(name) ?? '';
  const list = (name: string): string[] | undefined =>
    parameters.has(name) ? text(name).split(',').filter(Boolean) : undefined;
  return {
    log: text('log'),
    from: parameters.get('from') ?? undefined,
    to: text('to'),
    filter: text('filter'),
    sort: text('sort'),
    columns: list('columns'),
    tops: list('top'),
    split: text('split'),
    live: text('live') === '1',
    pivot: text('pivot'),
  };
}

/** The query of the URL of a view. */
export function formatView(shown: View): string {
  const { log, from, to, filter, sort, columns, tops, split, live, pivot } = shown;
  const parameters = new URLSearchParams();
  const texts = { log, to, filter, sort, split, live: live ? '1' : '', pivot };
  for (const [name, value] of Object.entries(texts)) if (value !== '') parameters.set(name, value);
  if (from !== undefined) parameters.set('from', from);
  if (columns) parameters.set('columns', columns.join(','));
  if (tops) parameters.set('top', tops.join(','));
  return `?${parameters}`;
}

/** What is shown. */
export const view = signal<View>(parseView(location.search));

addEventListener('popstate', () => {
  view.value = parseView(location.search);
});

/** Shows something else; the browser's "back" comes back here. */
export function update(change: Partial<View>): void {
  const changed = { ...view.value, ...change };
  const url = formatView(changed);
  if (url === formatView(view.value)) return;
  history.pushState(null, '', url);
  view.value = changed;
}

/** As it was before it was brushed, for the double click that goes back. */
let beforeBrush: Pick<View, 'from' | 'to'> | undefined;

export function brush(from: string, to: string): void {
  beforeBrush ??= { from: view.value.from, to: view.value.to };
  update({ from, to, live: false });
}

export function resetBrush(): void {
  update(beforeBrush ?? { from: '', to: '' });
  beforeBrush = undefined;
}
