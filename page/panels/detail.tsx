import type { Field, Row, Value } from '../api/types.js';
import { aboutHost, testFor, withoutTest, withTest } from '../filter/edit.js';
import { cell } from '../format.js';
import { update, view } from '../state/view.js';

interface DetailProps {
  log: string;
  row: Row;
  fields: readonly Field[];
  onClose: () => void;
}

/** All fields of a row, and where one can go from each. */
export function Detail({ log, row, fields, onClose }: DetailProps) {
  const [set, unset] = [fields.filter(({ key }) => key in row), fields.filter(({ key }) => !(key in row))];
  const source = row['_source'];
  return (
    <section class="detail" aria-label={`A row of ${log}`}>
      <header>
        <h2>{log}</h2>
        <button type="button" class="quiet" onClick={onClose} aria-label="Close the row">
          × <kbd>Esc</kbd>
        </button>
      </header>
      <Pivots row={row} />
      <dl>
        {set.map((field) => (
          <FieldLine key={field.key} log={log} field={field} value={row[field.key]} fields={fields} />
        ))}
        <div class="field">
          <dt>received</dt>
          <dd>{cell(row['_received'], 'time')}</dd>
        </div>
        {source !== undefined && (
          <div class="field">
            <dt>from</dt>
            <dd>{sourceText(source)}</dd>
          </div>
        )}
      </dl>
      {unset.length > 0 && <p class="note">Not set: {unset.map(({ name }) => name).join(', ')}</p>}
    </section>
  );
}

function sourceText(source: Value): string {
  if (typeof source !== 'object' || source === null || Array.isArray(source)) return String(source);
  const { kind, name, node } = source;
  return [kind, node, name].filter(Boolean).join(' · ');
}

const PIVOTS: readonly (readonly [key: string, kind: string, name: string])[] = [
  ['uid', 'uid', 'Everything of this connection'],
  ['fuid', 'fuid', 'Everything of this file'],
  ['community_id', 'community-id', 'All of this community ID'],
];

function Pivots({ row }: { row: Row }) {
  const found = PIVOTS.filter(([key]) => typeof row[key] === 'string');
  if (found.length === 0) return null;
  return (
    <div class="pivots">
      {found.map(([key, kind, name]) => (
        <button key={key} type="button" onClick={() => update({ pivot: `${kind}:${row[key]}`, live: false })}>
          {name}
        </button>
      ))}
    </div>
  );
}

interface LineProps {
  log: string;
  field: Field;
  value: Value | undefined;
  fields: readonly Field[];
}

function FieldLine({ log, field, value, fields }: LineProps) {
  const values = Array.isArray(value) ? value : [value];
  return (
    <div class="field">
      <dt title={field.type}>{field.name}</dt>
      <dd>
        {values.map((one, index) => (
          // the elements of a vector have nothing else, and do not change.
          <div key={index} class="value">
            <span>{cell(one, field.type.replace(/^\w+\[(.*)\]$/, '$1')) || '–'}</span>
            <Actions log={log} field={field} value={one} fields={fields} />
          </div>
        ))}
      </dd>
    </div>
  );
}

function Actions({ log, field, value, fields }: LineProps) {
  const test = testFor(field, value, fields);
  if (test === undefined) return null;
  // Of another log than the one that is shown, the filter says nothing.
  const before = (): string => (view.value.log === log ? view.value.filter : '');
  const go = (filter: string): void => update({ log, filter, pivot: '' });
  return (
    <span class="actions">
      <button
        type="button"
        title={`Only ${test}`}
        aria-label={`Only ${test}`}
        onClick={() => go(withTest(before(), test))}
      >
        +
      </button>
      <button
        type="button"
        title={`Not ${test}`}
        aria-label={`Not ${test}`}
        onClick={() => go(withoutTest(before(), test))}
      >
        −
      </button>
      {/addr/.test(field.type) && (
        <button
          type="button"
          title={`Everything about ${value} in ${log}`}
          aria-label={`Everything about ${value} in ${log}`}
          onClick={() => go(aboutHost(String(value)))}
        >
          host
        </button>
      )}
    </span>
  );
}
