import { Document, type Node, type Pair, type Scalar, type YAMLMap, type YAMLSeq } from 'yaml';
import { VERSION } from '../version.js';
import type { Item, Setting, Settings } from './config.js';
import { KEYS, type Key, type KeyId } from './keys.js';
import type { Place } from './problems.js';

/**
 * The configuration as a file, with where each value is from behind it. The file means the same again, but for
 * passwords, which are `***`.
 */
export function printConfig(settings: Settings): string {
  const document = new Document({});
  document.commentBefore = ` The configuration of zeekway ${VERSION}. Passwords are shown as ***.`;
  const notSet: string[] = [];
  for (const [id, key] of Object.entries(KEYS) as [KeyId, Key][]) {
    const setting: Setting = settings[id];
    if (key.shape === 'one' && setting.items.length === 0) {
      notSet.push(` ${key.path}: not set (default: ${key.defaultShown})`);
      continue;
    }
    const path = key.path.split('.');
    document.setIn(path, valueNode(document, key, setting));
    // A key without a value is a comment above the next one that has one.
    const [first] = path;
    const pair = (document.contents as YAMLMap<Scalar<string> | string>).items.find(
      (each) => nameOf(each) === first,
    );
    if (notSet.length > 0 && pair) {
      const name = document.createNode(first) as Scalar<string>;
      name.commentBefore = notSet.splice(0).join('\n');
      pair.key = name;
    }
  }
  return document.toString({ lineWidth: 0, blockQuote: false });
}

const nameOf = ({ key }: Pair<Scalar<string> | string>): string =>
  typeof key === 'string' ? key : key.value;

function valueNode(document: Document, key: Key, { at, items }: Setting): Node {
  const scalar = ({ value, at: place }: Item): Scalar => {
    const node = document.createNode(key.type.print(value)) as Scalar;
    node.comment = comment(place);
    return node;
  };
  const [first] = items;
  if (key.shape === 'one' && first) return scalar(first);
  const content =
    key.shape === 'named' ? new Map(items.map((item) => [item.name, scalar(item)])) : items.map(scalar);
  const list = document.createNode(content, { flow: items.length === 0 }) as YAMLMap | YAMLSeq;
  if (items.length === 0) list.comment = comment(at);
  return list;
}

/** A comment is one line: a file's name can have anything in it. */
const comment = ({ place, offset }: Place): string =>
  ` ${offset === undefined ? '' : 'file '}${place}`.replace(/\p{Cc}/gu, '?');
