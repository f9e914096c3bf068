import { decodeLogRecord, isAbsent, type LogValue } from '../../src/codec/log-record.js';
import { displayText } from '../../src/codec/text.js';
import type { DeadLetterItem, Item, LogItem, SchemaItem } from '../../src/zeek/item.js';
import type { Read } from './reading.js';

export const logItems = ({ items }: { items: readonly Item[] }): LogItem[] =>
  items.filter((item) => item.kind === 'log');
export const deadLetters = ({ items }: Read): DeadLetterItem[] =>
  items.filter((item) => item.kind === 'dead-letter');
export const schemas = ({ items }: Read): SchemaItem[] => items.filter((item) => item.kind === 'schema');

export type Row = Record<string, LogValue>;

/** The values that a record has, by field. */
export function row({ schema, serial }: LogItem): Row {
  const values = decodeLogRecord(serial).map((value, index) => [schema.fields[index]?.name, value] as const);
  return Object.fromEntries(values.filter(([, value]) => !isAbsent(value)));
}

type Simplify = (value: number) => number;
export const keep: Simplify = (value) => value;
/** To the decimals that Zeek's TSV has. */
export const sixDecimals: Simplify = (value) => Number(value.toFixed(6)) + 0;

/** A value without what the formats do not tell: a port's protocol. */
function plain(value: LogValue, simplify: Simplify): unknown {
  if (isAbsent(value)) return null;
  switch (value.type) {
    case 'table':
    case 'vector':
      return value.value.map((item) => plain(item, simplify));
    case 'port':
      return value.value.number;
    case 'double':
    case 'time':
    case 'interval':
      return simplify(value.value);
    case 'string':
    case 'func':
    case 'file':
      return displayText(value.value);
    case 'addr':
    case 'subnet':
      return String(value.value);
    default:
      return value.value;
  }
}

export const plainRow = (values: Row, simplify: Simplify): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, plain(value, simplify)]));

export const rows = (read_: { items: readonly Item[] }, simplify: Simplify): Record<string, unknown>[] =>
  logItems(read_).map((item) => plainRow(row(item), simplify));
