import type { Field, Row } from '../api/types.js';
import { cell } from '../format.js';

/** Rows that are looked at to know how wide a column is... */
const LOOKED_AT = 100;
/** ...and the share of them that fits: one long value makes no wide column. The row's detail has all of it. */
const SHARE = 0.9;
const [NARROWEST, WIDEST, WIDEST_ADDRESS] = [3, 40, 24];

/** The width of a column in characters: fixed, so that nothing moves while rows come and go. */
export function columnWidth(field: Field, rows: readonly Row[]): number {
  const sizes = rows.slice(0, LOOKED_AT).map((row) => cell(row[field.key], field.type).length);
  const usual = sizes.toSorted((a, b) => a - b)[Math.floor(sizes.length * SHARE)] ?? 0;
  return (
    Math.max(
      field.name.length + 1,
      Math.min(field.type === 'addr' ? WIDEST_ADDRESS : WIDEST, Math.max(NARROWEST, usual)),
    ) + 2.5
  );
}
