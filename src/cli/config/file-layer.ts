import { isMap, isScalar, isSeq, type Pair, type YAMLMap } from 'yaml';
import { nearest } from '../../core/nearest.js';
import type { Key } from './keys.js';
import type { Entry, Given, Layer } from './layer.js';
import type { Place, Tell } from './problems.js';
import { found } from './value-types.js';
import { readYaml, type YamlText } from './yaml-text.js';

/** A key of the file that has keys below it, like `spool`. */
interface Section {
  readonly path: string;
  readonly children: Map<string, Section | Key>;
}

const isKey = (child: Section | Key): child is Key => 'shape' in child;

/** What a configuration file has for the keys. All mistakes in it are told; values are not looked into. */
export function fileLayer(keys: readonly Key[], file: string, text: string, tell: Tell): Layer {
  const yaml = readYaml(file, text, tell);
  const layer = new Map<Key, Given>();
  if (yaml?.root !== undefined)
    new FileReader(yaml, keys, layer, tell).readSection(yaml.root, sectionsOf(keys));
  return layer;
}

function sectionsOf(keys: readonly Key[]): Section {
  const top: Section = { path: '', children: new Map() };
  for (const key of keys) {
    const names = key.path.split('.');
    let section = top;
    for (const name of names.slice(0, -1)) {
      const existing = section.children.get(name);
      const next =
        existing && !isKey(existing) ? existing : { path: below(section.path, name), children: new Map() };
      section.children.set(name, next);
      section = next;
    }
    section.children.set(names.at(-1) ?? '', key);
  }
  return top;
}

const below = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

/** Walks a file along the table of keys, and so never deeper than that. */
class FileReader {
  constructor(
    private readonly yaml: YamlText,
    private readonly keys: readonly Key[],
    private readonly layer: Map<Key, Given>,
    private readonly tell: Tell,
  ) {}

  readSection(node: unknown, section: Section): void {
    const { path, children } = section;
    const known = [...children.keys()];
    const expected = `expected the keys ${known.join(', ')}`;
    for (const { name, at, value } of this.pairs(node, path, expected)) {
      const child = children.get(name);
      if (child === undefined) {
        const message = `unknown key${this.suggestion(name, section)} (known here: ${known.join(', ')})`;
        this.tell({ ...at, message });
      } else if (isKey(child)) {
        this.readKey(child, value, at);
      } else {
        this.readSection(value, child);
      }
    }
  }

  private readKey(key: Key, node: unknown, keyAt: Place): void {
    const entries = this.entries(key, node, keyAt);
    this.layer.set(key, { at: this.placeOf(node, key.path), entries });
  }

  private entries(key: Key, given: unknown, keyAt: Place): Entry[] {
    if (key.shape === 'one') return this.entry(given, key.path, key, keyAt);
    if (key.shape === 'named') {
      const expected = `expected names, each with ${key.type.expected}`;
      return [...this.pairs(given, key.path, expected, key.type.isSecret)].flatMap(({ name, at, value }) =>
        this.entry(value, below(key.path, name), key, at).map((entry) => ({ name, ...entry })),
      );
    }
    const node = this.yaml.resolve(given);
    if (isNothing(node)) return [];
    if (isSeq(node)) {
      return node.items.flatMap((item, index) => this.entry(item, `${key.path}[${index}]`, key, keyAt));
    }
    const message = `expected a list, each line "- " and ${key.type.expected}, ${describe(node)}`;
    this.tell({ ...this.placeOf(given, key.path), message });
    return [];
  }

  /** The text of a value, as it is written: `node-name: 007` is no number. */
  private entry(given: unknown, path: string, { type }: Key, keyAt: Place): Entry[] {
    const node = this.yaml.resolve(given);
    // In `{ data }` there is not even an empty value.
    const at = given === null ? { ...keyAt, key: path } : this.placeOf(given, path);
    if (isScalar(node) && !isNothing(node)) {
      const text = typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
      return [{ text, at }];
    }
    this.tell({ ...at, message: `expected ${type.expected}, ${describe(node, type.isSecret)}` });
    return [];
  }

  /** The pairs of a mapping, each name once. A mapping that is empty, or all of it commented out, has none. */
  private *pairs(
    given: unknown,
    path: string,
    expected: string,
    isSecret = false,
  ): Generator<{ name: string; at: Place; value: unknown }> {
    const node = this.yaml.resolve(given);
    if (isNothing(node)) return;
    if (!isMap(node)) {
      this.tell({ ...this.placeOf(given, path), message: `${expected}, ${describe(node, isSecret)}` });
      return;
    }
    const seen = new Map<string, Place>();
    for (const { key, value } of (node as YAMLMap).items as Pair[]) {
      const keyNode = this.yaml.resolve(key);
      if (!isScalar(keyNode) || isNothing(keyNode)) {
        this.tell({
          ...this.placeOf(key, path),
          message: `expected the name of a key, ${describe(keyNode)}`,
        });
        continue;
      }
      const name =
        typeof keyNode.value === 'string' ? keyNode.value : (keyNode.source ?? String(keyNode.value));
      const at = this.placeOf(key, below(path, name));
      const earlier = seen.get(name);
      if (earlier) this.tell({ ...at, message: `is there twice, first at ${earlier.place}` });
      else yield { name, at, value };
      seen.set(name, earlier ?? at);
    }
  }

  /** The name that may be meant: one of this place, or one from elsewhere in the file. */
  private suggestion(name: string, { path, children }: Section): string {
    const here = nearest(name, [...children.keys()]);
    if (here !== undefined) return `; did you mean "${here}"?`;
    const named = [...children.values()].filter(isKey).find(({ shape }) => shape === 'named');
    if (named) return `; did you mean "${name}" in "${named.path}"?`;
    const paths = this.keys.map((key) => key.path).filter((each) => each.includes('.'));
    const flat = path === '' ? nearest(name, paths) : undefined;
    const names = (paths.find((each) => each.endsWith(`.${name}`)) ?? flat)?.split('.');
    return names ? `; did you mean "${names.at(-1)}" in "${names.slice(0, -1).join('.')}"?` : '';
  }

  private placeOf(node: unknown, path: string): Place {
    const place = this.yaml.at(node);
    return path === '' ? place : { ...place, key: path };
  }
}

/** Nothing is written there, or `null` or `~`. */
const isNothing = (node: unknown): boolean =>
  node === null || (isScalar(node) && (node.value === null || node.value === undefined));

function describe(node: unknown, isSecret = false): string {
  if (node === undefined) return 'found an alias without its anchor before it';
  if (isNothing(node)) return 'found nothing';
  if (isMap(node)) return 'found a mapping';
  if (isSeq(node)) return 'found a list';
  return isScalar(node) ? found(String(node.source ?? node.value), isSecret) : 'found something else';
}
