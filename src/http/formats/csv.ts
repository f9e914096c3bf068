import { cellReader } from '../values.js';
import type { Export, ExportColumn, ExportRow, Format } from './format.js';

/** RFC 4180: a line of names, lines end with CR LF. What is unset is empty, an empty text is `""`. */
export const csv: Format = {
  name: 'csv',
  mediaType: 'text/csv',
  extension: 'csv',
  hasOrigin: false,
  async *write({ columns, batches }: Export) {
    yield `${columns.map(({ key }) => quoted(key)).join(',')}\r\n`;
    const writers = columns.map(cellWriter);
    for await (const rows of batches) {
      yield rows.map((row) => `${writers.map((write, at) => write(row[at] ?? null)).join(',')}\r\n`).join('');
    }
  },
};

/** Also around blanks at the ends, which some readers drop. */
const SPECIAL = /[",\r\n]|^$|^\s|\s$/;

/** A cell of CSV. */
export const quoted = (text: string): string =>
  SPECIAL.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

/** Values are as JSON has them, numbers with all their digits. */
function cellWriter(column: ExportColumn): (cell: ExportRow[number]) => string {
  const read = cellReader(column);
  return (cell) => {
    if (cell === null) return '';
    if (typeof cell === 'string') return quoted(String(read(cell)));
    return quoted(listText(cell, read));
  };
}

/** An element that would not come back from a list with commas: a hole, an empty text, one with a comma. */
const needsJson = (item: string | null): boolean => item === null || item === '' || /^\[|,/.test(item);

/** The elements with commas between; as a JSON array where that could be read as something else. */
function listText(items: readonly (string | null)[], read: ReturnType<typeof cellReader>): string {
  if (items.length === 0 || items.some(needsJson)) return JSON.stringify(read(items));
  return items.map((item) => String(read(item as string))).join(',');
}
