/** Rows in PostgreSQL's binary COPY format, for tests: text, int4 and NULL are enough. */
export type CopyCell = string | number | null;

function copyCell(cell: CopyCell): Buffer {
  const length = Buffer.alloc(4);
  if (cell === null) {
    length.writeInt32BE(-1);
    return length;
  }
  const value = typeof cell === 'string' ? Buffer.from(cell) : Buffer.alloc(4);
  if (typeof cell === 'number') value.writeInt32BE(cell);
  length.writeInt32BE(value.length);
  return Buffer.concat([length, value]);
}

export function copyRow(cells: readonly CopyCell[]): Buffer {
  const count = Buffer.alloc(2);
  count.writeInt16BE(cells.length);
  return Buffer.concat([count, ...cells.map(copyCell)]);
}
