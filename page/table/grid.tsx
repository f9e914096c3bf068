import { useEffect, useRef, useState } from 'preact/hooks';
import type { Field } from '../api/types.js';
import { cell, isNumeric, number } from '../format.js';
import type { Entry } from './use-live.js';
import { columnWidth } from './widths.js';

const ROW_PIXELS = 25;
/** Rows above and below what is seen. */
const SPARE = 12;
/** So near to the end the next page is asked for. */
const NEAR_END = 60;

interface GridProps {
  entries: readonly Entry[];
  columns: readonly Field[];
  sort: string;
  selected: number;
  hasMore: boolean;
  isLoading: boolean;
  label: string;
  onSelect: (index: number) => void;
  onOpen: (index: number) => void;
  onSort: (field: string) => void;
  onMore: () => void;
}

/** The table: of millions of rows only those are in the document that are seen. */
export function Grid(props: GridProps) {
  const { entries, columns, selected, hasMore, isLoading, label, onMore } = props;
  const box = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState({ top: 0, height: 600 });

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const look = (): void => setSeen({ top: element.scrollTop, height: element.clientHeight });
    const observer = new ResizeObserver(look);
    observer.observe(element);
    element.addEventListener('scroll', look, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', look);
    };
  }, []);
  useEffect(() => scrollTo(box.current, selected), [selected]);

  const first = Math.max(0, Math.floor(seen.top / ROW_PIXELS) - SPARE);
  const end = Math.min(entries.length, Math.ceil((seen.top + seen.height) / ROW_PIXELS) + SPARE);
  useEffect(() => {
    if (hasMore && !isLoading && end + NEAR_END > entries.length) onMore();
  }, [end, entries.length, hasMore, isLoading, onMore]);

  const rows = entries.flatMap((entry) => ('row' in entry ? [entry.row] : []));
  const widths = columns.map((field) => columnWidth(field, rows));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard.
    <section class="grid" ref={box} tabIndex={0} aria-label={label} aria-busy={isLoading}>
      <table aria-rowcount={hasMore ? -1 : entries.length + 1}>
        <colgroup>
          {columns.map((field, index) => (
            <col key={field.key} style={{ width: `${widths[index]}ch` }} />
          ))}
          <col />
        </colgroup>
        <Head {...props} />
        <tbody>
          <Gap pixels={first * ROW_PIXELS} />
          {entries.slice(first, end).map((entry, index) => (
            <Line key={first + index} {...props} entry={entry} index={first + index} />
          ))}
          <Gap pixels={(entries.length - end) * ROW_PIXELS} />
        </tbody>
      </table>
    </section>
  );
}

const Gap = ({ pixels }: { pixels: number }) =>
  pixels > 0 ? <tr style={{ height: `${pixels}px` }} /> : null;

function scrollTo(element: HTMLElement | null, index: number): void {
  if (!element || index < 0) return;
  const head = ROW_PIXELS + 4;
  const top = index * ROW_PIXELS;
  if (top < element.scrollTop) element.scrollTop = top;
  else if (top + ROW_PIXELS + head > element.scrollTop + element.clientHeight)
    element.scrollTop = top + ROW_PIXELS + head - element.clientHeight;
}

function Head({ columns, sort, onSort }: GridProps) {
  const field = sort.replace(/^-/, '');
  const order = sort.startsWith('-') ? 'descending' : 'ascending';
  return (
    <thead>
      <tr aria-rowindex={1}>
        {columns.map(({ key, name, type }) => (
          <th
            key={key}
            scope="col"
            class={isNumeric(type) ? 'number' : ''}
            aria-sort={field === name ? order : 'none'}
            title={`${name}: ${type}`}
          >
            {isSortable(type) ? (
              <button type="button" onClick={() => onSort(name)}>
                {name}
                <span class="sign" aria-hidden="true">
                  {field === name ? (order === 'descending' ? '↓' : '↑') : ''}
                </span>
              </button>
            ) : (
              name
            )}
          </th>
        ))}
        <td />
      </tr>
    </thead>
  );
}

const isSortable = (type: string): boolean => !/^(set|vector|table)\b/.test(type);

function Line({
  entry,
  index,
  columns,
  selected,
  onSelect,
  onOpen,
}: GridProps & { entry: Entry; index: number }) {
  if ('dropped' in entry) {
    return (
      <tr class="gap" aria-rowindex={index + 2}>
        <td colSpan={columns.length + 1}>
          {number(entry.dropped)} rows are missing here: they came faster than this page reads
        </td>
      </tr>
    );
  }
  const { row } = entry;
  return (
    // j, k and Enter do the same.
    <tr
      aria-rowindex={index + 2}
      aria-selected={index === selected}
      class={index === selected ? 'selected' : ''}
      onClick={() => {
        onSelect(index);
        onOpen(index);
      }}
    >
      {columns.map(({ key, type }) => {
        const text = cell(row[key], type);
        return (
          <td key={key} class={isNumeric(type) ? 'number' : ''} title={text}>
            {text === '' ? <span class="unset">–</span> : text}
          </td>
        );
      })}
      <td />
    </tr>
  );
}
