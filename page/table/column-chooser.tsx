import type { Field } from '../api/types.js';
import { update } from '../state/view.js';

/** Which fields are columns: in the order of the log. */
export function ColumnChooser({ fields, columns }: { fields: readonly Field[]; columns: readonly string[] }) {
  const toggle = (key: string): void => {
    const chosen = new Set(columns);
    if (!chosen.delete(key)) chosen.add(key);
    update({ columns: fields.map((field) => field.key).filter((one) => chosen.has(one)) });
  };
  return (
    <details class="chooser">
      <summary>Columns</summary>
      <fieldset>
        <legend class="hidden">Columns</legend>
        {fields.map(({ key, type }) => (
          <label key={key}>
            <input type="checkbox" checked={columns.includes(key)} onChange={() => toggle(key)} /> {key}{' '}
            <small>{type}</small>
          </label>
        ))}
        <button type="button" onClick={() => update({ columns: undefined })}>
          As at the beginning
        </button>
      </fieldset>
    </details>
  );
}
