import type { InspectedContent, Inspection } from '../zeek/inspect.js';
import type { InspectedField, InspectedLogCreate, InspectedLogWrite } from '../zeek/inspected-messages.js';
import type { Json } from '../zeek/inspected-values.js';
import { hexDump } from './hex-dump.js';
import { shown } from './table.js';

/** What is in some bytes, for people. */

/** An inspection, also without the bytes at which the messages begin. */
export interface ShownInspection extends Omit<Inspection, 'messages'> {
  readonly messages: readonly ShownMessage[];
}

type ShownMessage = { readonly offset?: number } & InspectedContent;

/** A line, and the byte that it is about. */
export interface TextLine {
  readonly at?: number | undefined;
  readonly text: string;
}

const line = (text: string, at?: number): TextLine => ({ at, text });

/** Names and values in two columns. */
export function aligned(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`.trimEnd());
}

/** @param valueText how a Broker value is written. */
export function inspectionLines(
  { messages, value, text, stopped, rest }: ShownInspection,
  valueText: (json: Json | undefined) => string,
): TextLine[] {
  const hasRecord = messages.some(({ type }) => type === 'log-write' || type === 'log-record');
  return [
    ...messages
      .flatMap((message) => messageLines(message, hasRecord, valueText))
      .map((each) => ({ ...each, text: shown(each.text) })),
    ...(value === undefined ? [] : [line(shown(valueText(value)))]),
    ...(text === undefined
      ? []
      : ['text:', ...text.split('\n').map((each) => `  ${shown(each)}`)].map((each) => line(each))),
    ...(stopped ? [line(`stopped ${shown(stopped.reason)}`)] : []),
    ...(rest ? restLines(rest).map((each) => line(each)) : []),
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
function messageLines(
  message: ShownMessage,
  hasRecord: boolean,
  valueText: (json: Json | undefined) => string,
): TextLine[] {
  const at = message.offset;
  switch (message.type) {
    case 'batch':
      return [line(`batch of ${message.messages ?? 'unknown'} messages`, at)];
    case 'event':
      return [
        line(`event ${message.name ?? ''}`, at),
        ...(message.args ?? []).map((arg, index) => line(`  ${valueText(arg)}`, message.argsAt?.[index])),
        ...(message.metadata ?? []).map(({ id, value }) => line(`  metadata ${id}: ${valueText(value)}`)),
      ];
    case 'log-create':
      return [
        line(`LogCreate ${logOf(message)}, ${message.fields?.length ?? 0} fields`, at),
        ...(hasRecord ? [] : announcedLines(message.fields ?? [])),
      ];
    case 'log-write': {
      const size = message.record ? `, a record of ${message.record.bytes} bytes` : '';
      return [line(`LogWrite ${logOf(message)}${size}`, at), ...fieldLines(message.fields ?? [])];
    }
    case 'log-batch': {
      const { filter = '', fields = [], records = 0 } = message;
      return [
        line(
          `log batch ${logOf(message)}, filter ${filter}, ${fields.length} fields, ${records} records`,
          at,
        ),
        ...(hasRecord ? [] : announcedLines(fields)),
      ];
    }
    case 'log-record':
      return [line('record', at), ...fieldLines(message.fields)];
    case 'identifier-update':
      return [line(`IdentifierUpdate ${message.name ?? ''}`, at), line(`  ${valueText(message.value)}`)];
    case 'unknown': {
      const { version, number, content } = message;
      return [line(`message of version ${version} and type ${number}`, at), line(`  ${valueText(content)}`)];
    }
  }
}

const logOf = ({
  stream = '',
  path = '',
  writer = '',
}: Pick<InspectedLogCreate | InspectedLogWrite, 'stream' | 'path' | 'writer'>): string =>
  `${stream}, path ${path}, writer ${writer}`;

const announcedLines = (fields: NonNullable<InspectedLogCreate['fields']>): TextLine[] =>
  aligned(
    fields.map(({ name, type, optional }) => [name, optional ? `${type}, optional` : type] as const),
  ).map((each) => line(each));

function fieldLines(fields: readonly InspectedField[]): TextLine[] {
  const names = fields.map(({ name }, index) => name ?? `(${index + 1})`);
  const types = fields.map(({ type, announced }) => (announced ? `${type}, not ${announced}` : type));
  const width = Math.max(0, ...names.map((name) => name.length));
  const typeWidth = Math.max(0, ...types.map((type) => type.length));
  return fields.map(({ offset, value }, index) => {
    const head = `  ${names[index]?.padEnd(width)}  ${types[index]?.padEnd(typeWidth)}`;
    return line(`${head}  ${value === undefined ? '-' : JSON.stringify(value)}`, offset);
  });
}
