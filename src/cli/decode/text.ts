import { inspectedNotation } from '../../zeek/notation/inspected.js';
import { inspectionLines, type TextLine } from '../inspection-text.js';
import { shown } from '../table.js';
import type { Decoded, HeaderPart } from './decoded.js';

/** Digits of the column of offsets. */
const OFFSET_WIDTH = 8;

/** For people: where and what it is, then a line for each part with the byte that it begins at. */
export function decodedText(decoded: Decoded): string {
  const width = Math.max(0, ...decoded.header.map(({ name }) => name.length));
  const lines: TextLine[] = [
    ...decoded.header.map(({ name, value, at }) => ({
      at,
      text: `${name.padEnd(width)}  ${headerText(value)}`,
    })),
    ...(decoded.content ? inspectionLines(decoded.content, inspectedNotation) : []),
  ];
  return `${[headLine(decoded), ...lines.map(lineText)].join('\n')}\n\n`;
}

function headLine({ place, kind, type }: Decoded): string {
  const { from, to, time, line, offset, bytes } = place;
  const parts = [
    time,
    from !== undefined && to !== undefined ? `${from} -> ${to}` : from,
    line === undefined ? undefined : `line ${line}`,
    offset === undefined ? undefined : `byte ${offset}`,
    type === undefined ? kind : `${kind} ${type}`,
    bytes === undefined ? undefined : `${bytes} bytes`,
  ];
  return shown(parts.filter((part) => part !== undefined).join(', '));
}

const headerText = (value: HeaderPart['value']): string =>
  shown(
    Array.isArray(value) ? (value.length === 0 ? '(none)' : value.map(String).join(', ')) : String(value),
  );

const lineText = ({ at, text }: TextLine): string =>
  `${(at === undefined ? '' : String(at)).padStart(OFFSET_WIDTH)}  ${text}`.trimEnd();

/** For programs: one line. */
export function decodedJsonLine({ place, kind, type, header, content }: Decoded): string {
  const fields = Object.fromEntries(header.map(({ name, value }) => [name, value]));
  return `${JSON.stringify({ kind, ...(type === undefined ? {} : { type }), ...place, ...fields, ...content })}\n`;
}
