import { type Static, Type } from 'typebox';
import type { LogDescription } from '../storage/queries/catalogue.js';
import { logRows, type RowSelection } from '../storage/queries/rows.js';
import { type Asker, type ReadDeps, readEach } from './context.js';
import { rowsJson, selectAll } from './rows.js';
import { Path, RowRef } from './schemas.js';

/** Rows of all logs that belong to one thing. */

export const RowsOfLogs = Type.Array(
  Type.Object({
    path: Path,
    rows: Type.Array(RowRef, { description: 'Oldest first.' }),
    more: Type.Boolean({ description: 'Whether there are more rows than `limit`.' }),
  }),
  { description: 'The logs that know it.' },
);

/**
 * The first rows of a selection of each log.
 * @param select `undefined` for a log that has none.
 */
export async function rowsOfLogs(
  deps: ReadDeps,
  asker: Asker,
  logs: readonly LogDescription[],
  limit: number,
  select: (log: LogDescription) => RowSelection | undefined,
): Promise<Static<typeof RowsOfLogs>> {
  const found = await readEach(deps, asker, logs, async (query, log) => {
    const selected = select(log);
    if (selected === undefined) return [];
    const selection = selectAll(log);
    const page = await logRows(query, log, { ...selected, columns: selection.columns, order: 'asc', limit });
    if (page.rows.length === 0) return [];
    const rows = await rowsJson(query, log, selection, page.rows);
    return [{ path: log.path, rows, more: page.next !== undefined }];
  });
  return found.flat();
}
