import { isSingle, type Key } from './keys.js';
import type { Place, Tell } from './problems.js';
import { found } from './value-types.js';

/** A text that a source has for a key, and what to write before a mistake in it. */
export interface Entry {
  /** Of a `named` key: which of its names. */
  readonly name?: string;
  readonly text: string;
  readonly at: Place;
}

/** What one source has for one key: a list may be given and empty. */
export interface Given {
  readonly at: Place;
  readonly entries: readonly Entry[];
}

/** One source of configuration: the defaults, a file, the environment, or the options. */
export type Layer = ReadonlyMap<Key, Given>;

/** The place of what nobody gave. */
export const DEFAULT: Place = { place: 'default' };

export function defaultLayer(keys: readonly Key[]): Layer {
  const entries = (key: Key): Entry[] => key.defaults.map((text) => ({ text, at: DEFAULT }));
  return new Map(keys.map((key) => [key, { at: DEFAULT, entries: entries(key) }]));
}

/** Entries of a list in a variable. A comma in a URL is written %2C. */
const splitList = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

/** What the environment has for the keys. */
export function environmentLayer(keys: readonly Key[], env: NodeJS.ProcessEnv, tell: Tell): Layer {
  return textLayer(
    keys,
    (key) => {
      const text = env[key.env];
      if (text === undefined) return undefined;
      return isSingle(key) ? [text] : splitList(text);
    },
    (key) => ({ place: `environment ${key.env}` }),
    tell,
  );
}

/** What the options have for the keys: the texts of each flag, in their order. */
export function flagLayer(
  keys: readonly Key[],
  flags: ReadonlyMap<string, readonly string[]>,
  tell: Tell,
): Layer {
  return textLayer(
    keys,
    (key) => flags.get(key.flag),
    (key) => ({ place: `option ${key.flag}` }),
    tell,
  );
}

function textLayer(
  keys: readonly Key[],
  textsOf: (key: Key) => readonly string[] | undefined,
  placeOf: (key: Key) => Place,
  tell: Tell,
): Layer {
  const layer = new Map<Key, Given>();
  for (const key of keys) {
    const texts = textsOf(key);
    if (texts === undefined) continue;
    const at = placeOf(key);
    const entries = entriesOf(key, keys, texts, at, tell);
    // A variable that says nothing of this one of its keys leaves it to the weaker sources.
    if (key.entry === undefined || entries.length > 0) layer.set(key, { at, entries });
  }
  return layer;
}

function entriesOf(key: Key, keys: readonly Key[], texts: readonly string[], at: Place, tell: Tell): Entry[] {
  const plain = texts.map((text) => ({ text, at }));
  if (isSingle(key)) return plain.slice(-1);
  if (key.shape === 'many') return plain;
  const pairs = texts.flatMap((text) => {
    // A log's path may have an equals sign in it, days have none; of tokens it is the other way round.
    const form = key.pair?.valueHasEquals ? /^([^=]+)=(.*)$/s : /^(.+)=([^=]*)$/s;
    const [, name, value] = form.exec(text) ?? [];
    if (name !== undefined && value !== undefined) {
      return [{ name: name.trim(), text: value.trim(), at: { ...at, key: name.trim() } }];
    }
    // Keys that share a flag see the same texts: one of them tells.
    const expected = `${key.argument.slice(1, -1).toUpperCase()}, like ${key.pair?.example ?? 'conn=30d'}`;
    const message = `expected ${expected}, ${found(text, key.type.isSecret)}`;
    if (key.shape === 'named') tell({ ...at, message });
    return [];
  });
  if (key.entry !== undefined) {
    return pairs
      .filter(({ name }) => name === key.entry)
      .map(({ name: _, ...entry }) => entry)
      .slice(-1);
  }
  const reserved = keys.filter(({ flag, entry }) => flag === key.flag && entry !== undefined);
  return pairs.filter(({ name }) => !reserved.some(({ entry }) => entry === name));
}
