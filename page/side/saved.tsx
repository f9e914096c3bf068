import { useState } from 'preact/hooks';
import { storedList, storeList } from '../state/stored.js';
import { formatView, parseView, update, view } from '../state/view.js';

const KEY = 'zeekway-saved';

/** Views with a name, kept in this browser. Each is a line: its name, a newline, its URL's query. */
export function Saved() {
  const [saved, setSaved] = useState(storedList(KEY));
  const keep = (list: readonly string[]): void => {
    storeList(KEY, list);
    setSaved([...list]);
  };
  const save = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const name = String(new FormData(form).get('name') ?? '').trim();
    if (name === '') return;
    keep([...saved.filter((one) => nameOf(one) !== name), `${name}\n${formatView(view.value)}`]);
    form.reset();
  };
  return (
    <section class="saved" aria-label="Saved views">
      <h2>Saved</h2>
      <ul>
        {saved.map((one) => (
          <li key={one}>
            <button type="button" onClick={() => update(parseView(one.split('\n')[1] ?? ''))}>
              <span>{nameOf(one)}</span>
            </button>
            <button
              type="button"
              class="quiet"
              aria-label={`Forget ${nameOf(one)}`}
              onClick={() => keep(saved.filter((other) => other !== one))}
            >
              ×
            </button>
          </li>
        ))}
      </ul>
      <form onSubmit={save}>
        <label>
          <span class="hidden">Save this view as</span>
          <input name="name" type="text" placeholder="Save this view as …" autocomplete="off" />
        </label>
      </form>
    </section>
  );
}

const nameOf = (line: string): string => line.split('\n')[0] ?? '';
