import { useEffect, useRef, useState } from 'preact/hooks';
import type { Problem } from '../api/request.js';
import type { Suggestion } from '../api/types.js';
import { update, view } from '../state/view.js';
import { NONE, remember, useSuggestions } from './use-suggestions.js';

/** The filter, with what may be written next and what is wrong with it. */
export function FilterBar({ log, problem }: { log: string; problem: Problem | undefined }) {
  const applied = view.value.filter;
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(applied);
  const [at, setAt] = useState(applied.length);
  const [isOpen, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const suggestions = useSuggestions(log, text, at, isOpen);
  const items = isOpen ? suggestions.items : NONE.items;
  const isFresh = suggestions.text === text && suggestions.at === at;

  useEffect(() => setText(applied), [applied]);
  // another list begins without a choice.
  useEffect(() => setActive(-1), [suggestions]);

  const write = (value: string, cursor: number): void => {
    setText(value);
    setAt(cursor);
    setActive(-1);
    setOpen(true);
  };
  const apply = (filter: string): void => {
    setOpen(false);
    remember(filter);
    update({ filter, pivot: '' });
  };
  const accept = (item: Suggestion): void => {
    if (!isFresh) return;
    if (item.kind === 'recent') {
      setText(item.text);
      apply(item.text);
      return;
    }
    const rest = text.slice(suggestions.to);
    const value = `${text.slice(0, suggestions.from)}${item.text}${rest.startsWith(' ') ? '' : ' '}${rest}`;
    const cursor = suggestions.from + item.text.length + 1;
    write(value, cursor);
    // When the field has the new text.
    requestAnimationFrame(() => {
      input.current?.focus();
      input.current?.setSelectionRange(cursor, cursor);
    });
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const chosen = items[active];
    switch (event.key) {
      case 'ArrowDown':
      case 'ArrowUp':
        event.preventDefault();
        setOpen(true);
        setActive(neighbour(active, event.key === 'ArrowDown' ? 1 : -1, items.length));
        break;
      case 'Tab': {
        const first = chosen ?? items[0];
        if (event.shiftKey || !first || text.trim() === '') {
          setOpen(false);
          break;
        }
        event.preventDefault();
        accept(first);
        break;
      }
      case 'Enter':
        event.preventDefault();
        if (chosen) accept(chosen);
        else apply(text);
        break;
      case 'Escape':
        event.stopPropagation();
        if (items.length === 0) {
          setText(applied);
          input.current?.blur();
        }
        setOpen(false);
    }
  };
  const onCursor = (): void => setAt(input.current?.selectionStart ?? text.length);

  return (
    <search class="filter">
      <div class="filter-line">
        <label for="filter" class="hidden">
          Filter
        </label>
        <input
          id="filter"
          ref={input}
          class="mono"
          type="text"
          role="combobox"
          aria-expanded={items.length > 0}
          aria-controls="suggestions"
          aria-autocomplete="list"
          aria-activedescendant={active >= 0 ? `suggestion-${active}` : undefined}
          aria-invalid={problem !== undefined}
          aria-describedby={problem ? 'filter-problem' : undefined}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          placeholder={'Filter: service == "dns" && duration > 1min'}
          value={text}
          onInput={({ currentTarget }) => write(currentTarget.value, currentTarget.selectionStart ?? 0)}
          onKeyDown={onKeyDown}
          onKeyUp={onCursor}
          onClick={() => {
            onCursor();
            setOpen(true);
          }}
          onBlur={() => setOpen(false)}
        />
        {text !== '' && (
          <button type="button" class="quiet" aria-label="Clear the filter" onClick={() => apply('')}>
            ×
          </button>
        )}
        <button type="button" class="primary" onClick={() => apply(text)}>
          Apply
        </button>
      </div>
      <SuggestionList items={items} active={active} offset={suggestions.from} onChoose={accept} />
      {problem && <Mistake problem={problem} text={text} />}
    </search>
  );
}

/** The next item, or the one before; round and round. */
const neighbour = (active: number, step: number, size: number): number =>
  size === 0 ? -1 : (Math.max(active, step > 0 ? -1 : 0) + step + size) % size;

interface ListProps {
  items: readonly Suggestion[];
  active: number;
  /** The character that is completed. */
  offset: number;
  onChoose: (item: Suggestion) => void;
}

function SuggestionList({ items, active, offset, onChoose }: ListProps) {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.children[active]?.scrollIntoView({ block: 'nearest' });
  }, [active]);
  return (
    <div
      id="suggestions"
      ref={list}
      class="suggestions mono"
      role="listbox"
      aria-label="What may be written here"
      hidden={items.length === 0}
      style={{ '--offset': `${Math.min(offset, 60)}ch` }}
    >
      {items.map((item, index) => (
        <div
          key={`${item.kind} ${item.text}`}
          id={`suggestion-${index}`}
          role="option"
          tabIndex={-1}
          aria-selected={index === active}
          class={`suggestion of-${item.kind}`}
          // Before the field loses the focus, which closes the list.
          onMouseDown={(event) => {
            event.preventDefault();
            onChoose(item);
          }}
        >
          <span>{item.text}</span>
          <small>{item.detail}</small>
        </div>
      ))}
    </div>
  );
}

/** Under the characters that are wrong. */
function Mistake({ problem, text }: { problem: Problem; text: string }) {
  const { from, to } = problem.at ?? { from: 0, to: 0 };
  const size = Math.max(1, Math.min(to, Math.max(text.length, from + 1)) - from);
  return (
    <div id="filter-problem" class="mistake" role="alert">
      {problem.at && <i class="mono marker" style={{ '--from': `${from}ch`, '--size': `${size}ch` }} />}
      {problem.message}
    </div>
  );
}
