import { API_ROWS_MAX, EXPORT_FETCH_BYTES, EXPORT_FETCH_ROWS } from '../../core/limits.js';
import type { LogDescription } from './catalogue.js';
import { type Query, sizeOf } from './query.js';
import {
  logRows,
  narrowed,
  type RowPosition,
  type RowsRequest,
  rowsStatement,
  type StoredRow,
  storedRow,
} from './rows.js';

/**
 * All rows of a request in its order, some at a time: whatever their number and size, a few are in memory. What is asked
 * next is asked when the rows before it were taken.
 */
export function streamedRows(
  query: Query,
  log: LogDescription,
  request: RowsRequest,
): AsyncGenerator<StoredRow[]> {
  return request.limit <= API_ROWS_MAX ? pagedRows(query, log, request) : cursorRows(query, log, request);
}

/** A few rows of a large log are found like a page of it: by windows of time, without sorting all of it. */
async function* pagedRows(
  query: Query,
  log: LogDescription,
  request: RowsRequest,
): AsyncGenerator<StoredRow[]> {
  let after: RowPosition | undefined;
  let left = request.limit;
  do {
    const { rows, next } = await logRows(query, log, { ...request, limit: left, after });
    yield [...rows];
    left -= rows.length;
    after = next;
  } while (after !== undefined && left > 0);
}

async function* cursorRows(
  query: Query,
  log: LogDescription,
  request: RowsRequest,
): AsyncGenerator<StoredRow[]> {
  const { text, values } = rowsStatement(log, narrowed(log, request));
  await query(`DECLARE export NO SCROLL CURSOR FOR ${text}`, values);
  let left = request.limit;
  // Rows may be large: the first few tell.
  let count = EXPORT_FETCH_ROWS / 10;
  for (let isAtEnd = false; !isAtEnd && left > 0; ) {
    const asked = Math.min(count, left);
    const rows = await query(`FETCH ${asked} FROM export`);
    isAtEnd = rows.length < asked;
    left -= rows.length;
    const bytes = rows.reduce((sum, row) => sum + sizeOf(row), 0);
    count = Math.ceil(Math.min(EXPORT_FETCH_ROWS, (EXPORT_FETCH_BYTES * rows.length) / Math.max(1, bytes)));
    if (rows.length > 0) yield rows.map((row) => storedRow(row, request.columns.length));
  }
  await query('CLOSE export');
}
