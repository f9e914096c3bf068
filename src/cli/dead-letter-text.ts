import type { deadLetterJson, kindJson } from '../http/dead-letters.js';
import type { InspectedMessage, Inspection } from '../zeek/inspect.js';
import type { InspectedField, InspectedLogCreate, InspectedLogWrite } from '../zeek/inspected-messages.js';
import { hexDump } from './hex-dump.js';
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
  return [...lines.map(shown), '', ...decodedLines(decoded)].join('\n');
}

/** Names and values in two columns. */
function aligned(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`.trimEnd());
}

function decodedLines({ messages, text, stopped, rest }: Inspection): string[] {
  const hasRecord = messages.some(({ type }) => type === 'log-write');
  return [
    ...messages.flatMap((message) => messageLines(message, hasRecord)).map(shown),
    ...(text === undefined ? [] : ['text:', ...text.split('\n').map((line) => `  ${shown(line)}`)]),
    ...(stopped ? [`stopped ${shown(stopped.reason)}`] : []),
    ...(rest ? restLines(rest) : []),
  ];
}

function restLines({ offset, bytes, hex }: NonNullable<Inspection['rest']>): string[] {
  const dumped = Buffer.from(hex, 'hex');
  const more = bytes - dumped.length;
  return [
    `the rest: ${bytes} bytes from byte ${offset}`,
    ...hexDump(dumped, offset),
    ...(more > 0 ? [`... and ${more} bytes more`] : []),
  ];
}

/** @param hasRecord whether the fields of a log are told with those of a record, too */
function messageLines(message: InspectedMessage, hasRecord: boolean): string[] {
  switch (message.type) {
    case 'batch':
      return [`batch of ${message.messages ?? 'unknown'} messages`];
    case 'event':
      return [
        `event ${message.name ?? ''}`,
        ...(message.args ?? []).map((arg) => `  ${JSON.stringify(arg)}`),
        ...(message.metadata ?? []).map(({ id, value }) => `  metadata ${id}: ${JSON.stringify(value)}`),
      ];
    case 'log-create': {
      const fields = message.fields ?? [];
      const rows = fields.map(
        ({ name, type, optional }) => [name, optional ? `${type}, optional` : type] as const,
      );
      return [`LogCreate ${logOf(message)}, ${fields.length} fields`, ...(hasRecord ? [] : aligned(rows))];
    }
    case 'log-write':
      return [
        `LogWrite ${logOf(message)}${message.record ? `, a record of ${message.record.bytes} bytes` : ''}`,
        ...fieldLines(message.fields ?? []),
      ];
    case 'identifier-update':
      return [`IdentifierUpdate ${message.name ?? ''}`, `  ${JSON.stringify(message.value ?? null)}`];
    case 'unknown': {
      const { version, number, content } = message;
      return [`message of version ${version} and type ${number}`, `  ${JSON.stringify(content ?? null)}`];
    }
  }
}

const logOf = ({ stream = '', path = '', writer = '' }: InspectedLogCreate | InspectedLogWrite): string =>
  `${stream}, path ${path}, writer ${writer}`;

function fieldLines(fields: readonly InspectedField[]): string[] {
  const names = fields.map(({ name }, index) => name ?? `(${index + 1})`);
  const types = fields.map(({ type, announced }) => (announced ? `${type}, not ${announced}` : type));
  const width = Math.max(0, ...names.map((name) => name.length));
  const typeWidth = Math.max(0, ...types.map((type) => type.length));
  return fields.map(({ value }, index) => {
    const head = `  ${names[index]?.padEnd(width)}  ${types[index]?.padEnd(typeWidth)}`;
    return `${head}  ${value === undefined ? '-' : JSON.stringify(value)}`;
  });
}
