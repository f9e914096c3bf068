import type { Field, Row } from '../api/types.js';
import { cell } from '../format.js';

/** Rows that are looked at to know how wide a column is. */
const LOOKED_AT = 60;
const [NARROWEST, WIDEST] = [5, 44];

/** The width of a column in characters: fixed, so that nothing moves while rows come and go. */
export function columnWidth(field: Field, rows: readonly Row[]): number {
  const sizes = rows.slice(0, LOOKED_AT).map((row) => cell(row[field.key], field.type).length);
  const widest = Math.max(field.name.length + 2, ...sizes);
  return Math.min(WIDEST, Math.max(NARROWEST, widest)) + 2;
}
