import { apiUrl, useAnswer } from '../api/request.js';
import type { Field, Row, Value } from '../api/types.js';
import { testFor, withoutTest, withTest } from '../filter/edit.js';
import { number, valueText } from '../format.js';
import { update, view } from '../state/view.js';

const SHOWN = 8;

interface TopsProps {
  log: string;
  fields: readonly Field[];
  names: readonly string[];
  /** What the rows are asked with, but for what is about rows. */
  parameters: Readonly<Record<string, string>>;
}

/** The most frequent values of the chosen fields. */
export function Tops({ log, fields, names, parameters }: TopsProps) {
  const others = fields.filter(({ name }) => !names.includes(name));
  return (
    <section class="tops" aria-label="Most frequent values">
      {names.map((name) => {
        const field = fields.find((one) => one.name === name);
        return field && <Top key={`${log} ${name}`} {...{ log, field, fields, names, parameters }} />;
      })}
      <label>
        <span class="hidden">Add the most frequent values of a field</span>
        <select
          value=""
          onChange={({ currentTarget: { value } }) => value && update({ tops: [...names, value] })}
        >
          <option value="">Add a field …</option>
          {others.map(({ key, name, type }) => (
            <option key={key} value={name}>
              {name} ({type})
            </option>
          ))}
        </select>
      </label>
    </section>
  );
}

function Top({ log, field, fields, names, parameters }: TopsProps & { field: Field }) {
  const key = /^(set|vector|table)\b/.test(field.type) ? `${field.name}[]` : field.name;
  const path = `/v1/logs/${encodeURIComponent(log)}/aggregate`;
  const url = apiUrl(path, { ...parameters, by: key, limit: String(SHOWN) });
  const { data, problem, isLoading } = useAnswer<{ groups: readonly Row[]; more?: boolean }>(url);
  const groups = data?.groups ?? [];
  const most = Math.max(1, ...groups.map(({ count }) => Number(count)));
  return (
    <section class="top" aria-label={`Most frequent: ${field.name}`} aria-busy={isLoading}>
      <header>
        <h3 title={field.type}>{field.name}</h3>
        <button
          type="button"
          class="quiet"
          aria-label={`Remove ${field.name}`}
          onClick={() => update({ tops: names.filter((name) => name !== field.name) })}
        >
          ×
        </button>
      </header>
      {problem && <p class="note">{problem.message}</p>}
      {!problem && !isLoading && groups.length === 0 && <p class="note">No rows</p>}
      <ol>
        {groups.map((group) => (
          <Group
            key={String(group[key])}
            {...{ field, fields, most }}
            value={group[key]}
            count={Number(group['count'])}
          />
        ))}
      </ol>
    </section>
  );
}

interface GroupProps {
  field: Field;
  fields: readonly Field[];
  value: Value | undefined;
  count: number;
  most: number;
}

function Group({ field, fields, value, count, most }: GroupProps) {
  const test = testFor(field, value, fields);
  const type = field.type.replace(/^\w+\[(.*)\]$/, '$1');
  const text = valueText(value, type);
  return (
    <li>
      <button
        type="button"
        class="group"
        disabled={test === undefined}
        title={test === undefined ? text : `Only ${test}`}
        style={{ '--share': String(count / most) }}
        onClick={() => test && update({ filter: withTest(view.value.filter, test) })}
      >
        <span class={value === undefined ? 'text unset' : 'text'}>{text}</span>
        <span class="count">{number(count)}</span>
      </button>
      {test && (
        <button
          type="button"
          class="quiet not"
          title={`Not ${test}`}
          aria-label={`Not ${test}`}
          onClick={() => update({ filter: withoutTest(view.value.filter, test) })}
        >
          −
        </button>
      )}
    </li>
  );
}
