import {
  type Alias,
  Composer,
  type CST,
  type Document,
  isAlias,
  LineCounter,
  type Node,
  Parser,
  visit,
} from 'yaml';
import { CONFIG_DEPTH } from '../../core/limits.js';
import { maskSecrets } from '../../core/secrets.js';
import type { Place, Tell } from './problems.js';

/** A YAML text as nodes that know their places. */
export interface YamlText {
  /** The outermost node; none in an empty file. */
  readonly root: Node | undefined;
  /** What an alias stands for, and every other node itself; `undefined` for an alias without an anchor. */
  resolve(node: unknown): unknown;
  /** The place of a node. */
  at(node: unknown): Place;
}

/**
 * Reads a YAML text. What is no YAML is told, and then there is no result: what the rest of it would mean is unclear.
 * Time and memory are linear in the text, whatever is in it: no alias is ever copied out, and the nesting, which the
 * library follows by recursion, is bounded before.
 */
export function readYaml(file: string, text: string, tell: Tell): YamlText | undefined {
  const lines = new LineCounter();
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { place: `${file}:${line}:${col}`, offset };
  };
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  const deep = firstBelow(tokens, CONFIG_DEPTH);
  if (deep !== undefined) {
    tell({ ...placeAt(deep.offset), message: `expected at most ${CONFIG_DEPTH} levels of nesting` });
    return undefined;
  }
  // Its own check for keys that are there twice takes quadratic time, and does not name them.
  const composer = new Composer({ uniqueKeys: false });
  const [document, second] = composer.compose(tokens, false, text.length) as Iterable<Document.Parsed>;
  if (second !== undefined) {
    tell({ ...placeAt(second.range[0]), message: 'expected one YAML document, found a second one' });
  }
  for (const { message, pos } of [...(document?.errors ?? []), ...(document?.warnings ?? [])]) {
    tell({ ...placeAt(pos[0]), message: `not valid YAML: ${maskSecrets(message)}` });
  }
  if (document && document.errors.length > 0) return undefined;
  const targets = document ? aliasTargets(document) : new Map();
  return {
    root: document?.contents ?? undefined,
    resolve: (node) => (isAlias(node) ? targets.get(node) : node),
    at: (node) => placeAt((node as Node | null | undefined)?.range?.[0] ?? 0),
  };
}

/** The first token that lies deeper than so many levels. Without recursion: that is what it is to prevent. */
function firstBelow(tokens: readonly CST.Token[], levels: number): CST.Token | undefined {
  const open = tokens.map((token) => ({ token, level: 0 }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, level } = next;
    if (level > levels) return token;
    const parts = token.type === 'document' ? [{ value: token.value }] : 'items' in token ? token.items : [];
    for (const part of parts) {
      const keyToken = 'key' in part ? part.key : undefined;
      for (const inner of [keyToken, part.value]) if (inner) open.push({ token: inner, level: level + 1 });
    }
  }
  return undefined;
}

/** What each alias stands for: the last node before it that has its anchor. */
function aliasTargets(document: Document.Parsed): ReadonlyMap<Alias, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  visit(document, {
    Alias: (_key, alias) => {
      const target = anchors.get(alias.source);
      if (target) targets.set(alias, target);
    },
    Value: (_key, node) => {
      if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return targets;
}
