import type { Problem } from '../api/request.js';
import type { Field, LogSummary } from '../api/types.js';
import { number } from '../format.js';
import { update, view } from '../state/view.js';
import { ColumnChooser } from './column-chooser.js';
import { Grid } from './grid.js';
import type { Entry, Live } from './use-live.js';
import type { Rows } from './use-rows.js';

interface TableProps {
  log: string;
  summary: LogSummary | undefined;
  fields: readonly Field[];
  columns: readonly string[];
  entries: readonly Entry[];
  rows: Rows;
  live: Live;
  selected: number;
  onSelect: (index: number) => void;
  onOpen: (index: number) => void;
}

/** The rows of a log, what is said about them, and what can be done with all of them. */
export function LogTable(props: TableProps) {
  const { log, fields, columns, entries, rows, live, selected, onSelect, onOpen } = props;
  const { sort, live: isLive } = view.value;
  const shown = columns.flatMap((key) => fields.filter((field) => field.key === key));
  const problem = rows.problem?.code === 'filter_invalid' ? undefined : rows.problem;
  return (
    <section class="rows" aria-label={`Rows of ${log}`}>
      <div class="tools">
        <p class="note" role="status">
          {told(props)}
        </p>
        <LiveButtons live={live} isLive={isLive} />
        <ColumnChooser fields={fields} columns={columns} />
      </div>
      {problem && <Failed problem={problem} />}
      {entries.length === 0 && !rows.isLoading && !rows.problem ? (
        <Empty isLive={isLive} />
      ) : fields.length === 0 ? null : (
        <Grid
          entries={entries}
          columns={shown}
          sort={sort === '' ? '-ts' : sort}
          selected={selected}
          hasMore={rows.hasMore}
          isLoading={rows.isLoading}
          label={`Rows of ${log}`}
          onSelect={onSelect}
          onOpen={onOpen}
          onSort={(field) => update({ sort: nextSort(sort === '' ? '-ts' : sort, field), live: false })}
          onMore={rows.more}
        />
      )}
    </section>
  );
}

/** Largest first, then smallest first. */
const nextSort = (sort: string, field: string): string => (sort === `-${field}` ? field : `-${field}`);

function told({ entries, rows, live }: TableProps): string {
  if (view.value.live && live.problem) return live.problem.message;
  if (rows.problem?.code === 'filter_invalid')
    return `The filter is not valid${entries.length > 0 ? ': these are the rows of the one before' : ''}`;
  if (rows.isLoading && entries.length === 0) return 'Loading rows …';
  const more = rows.hasMore ? ' loaded, more as you scroll' : '';
  return `${number(entries.length)} ${entries.length === 1 ? 'row' : 'rows'}${more}`;
}

function LiveButtons({ live, isLive }: { live: Live; isLive: boolean }) {
  const state = live.isPaused
    ? `paused, ${number(live.waiting)} wait`
    : live.isConnected
      ? 'live'
      : 'connecting …';
  return (
    <span class="live">
      {isLive && (
        <>
          <span class={live.isConnected && !live.isPaused ? 'lamp good' : 'lamp'} aria-live="polite">
            ● {state}
          </span>
          <button type="button" aria-pressed={live.isPaused} onClick={live.pause}>
            {live.isPaused ? 'Go on' : 'Pause'}
          </button>
        </>
      )}
      <button
        type="button"
        aria-pressed={isLive}
        onClick={() => update(isLive ? { live: false } : { live: true, sort: '' })}
      >
        Live tail
      </button>
    </span>
  );
}

function Failed({ problem }: { problem: Problem }) {
  return (
    <div class="problem" role="alert">
      <b>{problem.message}</b> {problem.action}
    </div>
  );
}

function Empty({ isLive }: { isLive: boolean }) {
  const { filter, from, to } = view.value;
  if (isLive) return <p class="state">No rows yet. They appear here as they come.</p>;
  const isRanged = from !== '' || to !== '';
  return (
    <div class="state">
      <p>No rows {filter === '' ? 'in this time.' : 'pass this filter in this time.'}</p>
      {isRanged && (
        <button type="button" onClick={() => update({ from: '', to: '' })}>
          Look at all times
        </button>
      )}{' '}
      {filter !== '' && (
        <button type="button" onClick={() => update({ filter: '' })}>
          Clear the filter
        </button>
      )}
    </div>
  );
}
