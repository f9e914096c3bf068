import { EXPORT_GROUP_BYTES, EXPORT_GROUP_ROWS } from '../../core/limits.js';
import type { LogColumn } from '../../storage/queries/catalogue.js';
import { type Cell, sizeOf } from '../../storage/queries/query.js';
import type { Problem } from '../problem.js';

/** A column of an export: one of the log, or `_received` and `_source`. */
export interface ExportColumn extends LogColumn {
  /** The key in rows, which no other column has. */
  readonly key: string;
  /** Its text is JSON. */
  readonly isJson?: boolean;
}

export type ExportRow = readonly Cell[];

/** What is to be written: the rows of a query, in their order. */
export interface Export {
  /** The log's. */
  readonly path: string;
  readonly columns: readonly ExportColumn[];
  /** Some rows at a time; never an empty batch. */
  readonly batches: AsyncIterable<readonly ExportRow[]>;
}

/** A form in which all rows of a query can be had. */
export interface Format {
  /** As the parameter `format` has it. */
  readonly name: string;
  readonly mediaType: string;
  /** Of a file's name. */
  readonly extension: string;
  /** Whether rows tell when they were received and from where without being asked to. */
  readonly hasOrigin: boolean;
  /** The answer, in pieces, made as they are taken. */
  write(rows: Export): AsyncIterable<string | Uint8Array>;
  /** What can still be said where an error ends the answer in the middle. The connection is cut in any case. */
  lastWords?(problem: Problem): string;
}

/** Batches put together, for formats that keep columns: a group is large enough to be worth it, and bounded. */
export async function* grouped(batches: Export['batches']): AsyncGenerator<readonly ExportRow[]> {
  let rows: ExportRow[] = [];
  let bytes = 0;
  for await (const batch of batches) {
    for (const row of batch) {
      rows.push(row);
      bytes += sizeOf(row);
      if (rows.length < EXPORT_GROUP_ROWS && bytes < EXPORT_GROUP_BYTES) continue;
      yield rows;
      [rows, bytes] = [[], 0];
    }
  }
  if (rows.length > 0) yield rows;
}
