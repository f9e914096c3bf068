import type { deadLetterJson, kindJson } from '../http/dead-letters.js';
import type { Inspection } from '../zeek/inspect.js';
import type { Json } from '../zeek/inspected-values.js';
import { aligned, inspectionLines } from './inspection-text.js';
import { shown, tableOf } from './table.js';

/** Dead letters for people. */

type Letter = ReturnType<typeof deadLetterJson>;
type Kind = ReturnType<typeof kindJson>;

/** Characters of a reason in a list; `show` has all of it. */
const LISTED_REASON = 100;

/** A peer by its name in the cluster, or its ID; else the file. */
const peerOf = ({ node, peer, name }: Letter['source']): string => String(node ?? peer ?? name ?? '');

export const kindsTable = (kinds: readonly Kind[]): string =>
  tableOf(
    ['code', 'subject', 'peer', 'letters', 'first', 'last'],
    kinds.map(({ code, subject, source, count, first, last }) => [
      code,
      subject,
      peerOf(source),
      String(count),
      first,
      last,
    ]),
    [3],
  );

const cut = (text: string, length: number): string =>
  text.length > length ? `${text.slice(0, length - 3)}...` : text;

export const lettersTable = (letters: readonly Letter[]): string =>
  tableOf(
    ['id', 'received', 'code', 'subject', 'peer', 'bytes', 'reason'],
    letters.map(({ id, received, code, subject, source, size, reason }) => [
      String(id),
      received,
      code,
      subject,
      peerOf(source),
      String(size),
      cut(reason, LISTED_REASON),
    ]),
    [0, 5],
  );

/** As the API answers it. */
const jsonText = (value: Json = null): string => JSON.stringify(value);

/** One with all that is known of it and in it. */
export function letterText(letter: Letter, decoded: Inspection): string {
  const { kind, name, peer, node } = letter.source;
  const source = [kind, name, peer && `peer ${peer}`, node && `node ${node}`].filter(Boolean).join(', ');
  const head: readonly (readonly [string, string])[] = [
    ['reason', letter.reason],
    ['subject', letter.subject],
    ['topic', letter.topic],
    ['received', letter.received],
    ['source', source],
    ['size', `${letter.size} bytes`],
  ];
  const lines = [`dead letter ${letter.id}: ${letter.code}`, ...aligned(head)];
  return [...lines.map(shown), '', ...inspectionLines(decoded, jsonText).map(({ text }) => text)].join('\n');
}
