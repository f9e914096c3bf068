import { ZeekwayError } from '../core/errors.js';
import { type LogDescription, timeColumn } from '../storage/queries/catalogue.js';
import type { Order, RowPosition } from '../storage/queries/rows.js';
import type { RowSort } from '../storage/queries/sort.js';
import { parseRowCursor, parseSortedCursor, rowCursor, sortedCursor } from './cursor.js';
import { columnsNamed, RECEIVED } from './filters.js';

/** In which order the rows of a log are given. */
export interface Sorting {
  /** By a field; by time where it is left out. */
  readonly sort?: RowSort;
  /** Of the time. */
  readonly order: Order;
}

/**
 * Reads the parameter `sort`: a field, with `-` in front for the largest first. Of a field whose type has changed those
 * columns count that are no sets or vectors. Throws `request_invalid`.
 */
export function parseSort(log: LogDescription, given: string | undefined, order: Order): Sorting {
  if (given === undefined) return { order };
  const direction = given.startsWith('-') ? 'desc' : 'asc';
  const name = given.replace(/^-/, '').trim();
  const named = columnsNamed(log, name, 'sort', RECEIVED);
  const columns = named.filter(({ sqlType }) => !sqlType.endsWith('[]'));
  if (columns.length === 0) {
    const types = named.map(({ zeekType }) => zeekType).join(' and ');
    throw new ZeekwayError('request_invalid', `"sort" is by a single value, and "${name}" is ${types}`);
  }
  // For that order there are indexes.
  const [only, ...others] = columns;
  const isTime = others.length === 0 && only?.field === timeColumn(log).name;
  return isTime ? { order: direction } : { sort: { columns, order: direction }, order };
}

/** The order in words, for the cursor. */
const nameOf = ({ columns, order: direction }: RowSort, order: Order): string =>
  JSON.stringify([direction, order, ...columns.map(({ column }) => column)]);

/** The cursor of the page that begins behind a row. */
export function cursorAt(position: RowPosition, { sort, order }: Sorting): string {
  return sort ? sortedCursor(nameOf(sort, order), position) : rowCursor(position);
}

/** Throws `request_invalid`. */
export function parseCursor(cursor: string, { sort, order }: Sorting): RowPosition {
  return sort ? parseSortedCursor(cursor, nameOf(sort, order), sort.columns.length) : parseRowCursor(cursor);
}
