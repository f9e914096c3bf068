import { shown } from '../table.js';

export type Row = Readonly<Record<string, unknown>>;

/** A value as a cell: what is unset is `-`, as in Zeek's logs. */
export function cell(value: unknown): string {
  if (value === undefined || value === null) return '-';
  if (Array.isArray(value)) return value.length === 0 ? '(empty)' : value.map(cell).join(',');
  if (typeof value === 'object') return JSON.stringify(value);
  return shown(String(value));
}

/** Cells that are longer are cut: a table is for looking at. */
const CELL_CHARS = 60;
const cut = (text: string): string => (text.length > CELL_CHARS ? `${text.slice(0, CELL_CHARS - 1)}…` : text);

/**
 * Aligned columns without lines around them, numbers to the right, as `column -t` would.
 * @param heading how to show the head.
 */
export function rowsTable(
  columns: readonly string[],
  rows: readonly Row[],
  heading: (text: string) => string,
): string[] {
  const cells = rows.map((row) => columns.map((column) => cut(cell(row[column]))));
  const widths = columns.map((column, at) =>
    Math.max(column.length, ...cells.map((row) => row[at]?.length ?? 0)),
  );
  const isNumber = columns.map((column) => rows.some((row) => typeof row[column] === 'number'));
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, at) => (isNumber[at] ? text.padStart(widths[at] ?? 0) : text.padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd();
  return [heading(line(columns.map(shown))), ...cells.map(line)];
}
