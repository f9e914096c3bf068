import { cellReader } from '../values.js';
import type { Export, ExportColumn, ExportRow, Format } from './format.js';

/** A JSON object a line, each like a row of a page. */
export const ndjson: Format = {
  name: 'ndjson',
  mediaType: 'application/x-ndjson',
  extension: 'ndjson',
  hasOrigin: true,
  async *write({ columns, batches }: Export) {
    const members = columns.map(memberWriter);
    for await (const rows of batches) yield rows.map((row) => line(row, members)).join('');
  },
  lastWords: (problem) => `${JSON.stringify({ error: problem })}\n`,
};

type MemberWriter = (cell: ExportRow[number]) => string | undefined;

function line(row: ExportRow, members: readonly MemberWriter[]): string {
  const parts = members.map((member, index) => member(row[index] ?? null));
  return `{${parts.filter((part) => part !== undefined).join(',')}}\n`;
}

function memberWriter(column: ExportColumn): MemberWriter {
  const key = `${JSON.stringify(column.key)}:`;
  const read = cellReader(column);
  if (column.isJson) return (cell) => (cell === null ? undefined : key + cell);
  return (cell) => (cell === null ? undefined : key + JSON.stringify(read(cell)));
}
