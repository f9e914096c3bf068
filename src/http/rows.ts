import { ZeekwayError } from '../core/errors.js';
import { didYouMean } from '../core/nearest.js';
import {
  describeLogs,
  type LogColumn,
  type LogDescription,
  logPaths,
  sourcesById,
} from '../storage/queries/catalogue.js';
import type { Query } from '../storage/queries/query.js';
import type { StoredRow } from '../storage/queries/rows.js';
import { columnsNamed } from './filters.js';
import { timeFromSql } from './times.js';
import { cellReader, columnKeys, type JsonValue, sourceJson, storedText } from './values.js';

/** The columns of an answer, and whether it shows where each row came from. */
export interface Selection {
  readonly columns: readonly LogColumn[];
  readonly received: boolean;
  readonly source: boolean;
}

/** Throws `not_found` with the nearest path. */
export async function findLog(query: Query, path: string): Promise<LogDescription> {
  const [log] = await describeLogs(query, [storedText(path)]);
  if (log) return log;
  throw await noSuchLog(query, path);
}

/** The error `not_found` with the nearest path. */
export async function noSuchLog(query: Query, path: string): Promise<ZeekwayError> {
  const hint = didYouMean(path, await logPaths(query));
  return new ZeekwayError('not_found', `there is no log "${path}"${hint}`);
}

export const selectAll = (log: LogDescription): Selection => ({
  columns: log.columns,
  received: true,
  source: true,
});

/**
 * The columns of a `fields=a,b,c` parameter, all where there is none. Throws `request_invalid`.
 * @param hasOrigin whether all columns include `_received` and `_source`.
 */
export function selectFields(log: LogDescription, fields: string | undefined, hasOrigin = true): Selection {
  if (fields === undefined) return { columns: log.columns, received: hasOrigin, source: hasOrigin };
  const names = fields.split(',').map((name) => name.trim());
  const isOurs = (name: string): boolean => name === '_received' || name === '_source';
  const columns = names.filter((name) => !isOurs(name)).flatMap((name) => columnsNamed(log, name, 'fields'));
  return {
    columns: [...new Set(columns)],
    received: names.includes('_received'),
    source: names.includes('_source'),
  };
}

/** Rows as answers show them: unset fields are left out, and the source is told in words. */
export async function rowsJson(
  query: Query,
  log: LogDescription,
  { columns, received, source }: Selection,
  rows: readonly StoredRow[],
): Promise<{ [key: string]: JsonValue }[]> {
  const keys = columnKeys(log.columns);
  const readers = columns.map((column) => ({
    key: keys.get(column) ?? column.column,
    read: cellReader(column),
  }));
  const sources = source
    ? await sourcesById(
        query,
        rows.map(({ sourceId }) => sourceId),
      )
    : undefined;
  return rows.map((row) => {
    // Without a prototype: a field may be named `__proto__`.
    const json: { [key: string]: JsonValue } = Object.create(null);
    readers.forEach(({ key, read }, index) => {
      const cell = row.cells[index];
      if (cell !== null && cell !== undefined) json[key] = read(cell);
    });
    if (received) json['_received'] = timeFromSql(row.received);
    if (sources) json['_source'] = sourceJson(sources.get(row.sourceId));
    return json;
  });
}
