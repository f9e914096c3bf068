import pg from 'pg';
import { type Query, textOf, textOrNull } from './query.js';

/** A column of a log table, as zeekway.log_fields describes it. */
export interface LogColumn {
  /** Zeek's name of the field. */
  readonly field: string;
  /** Zeek's type: `count`, `set[addr]`, `vector[string]`. */
  readonly zeekType: string;
  /** PostgreSQL's type: `numeric(20,0)`, `inet[]`. */
  readonly sqlType: string;
  /** The column's name, unquoted. */
  readonly column: string;
}

/** A log and its columns in the order in which they were announced. */
export interface LogDescription {
  readonly path: string;
  readonly stream: string;
  /** The table's name in the schema `logs`, quoted and qualified. */
  readonly table: string;
  readonly columns: readonly LogColumn[];
}

/** By what the rows of a log are sorted and ranged: quoted, and where it comes from. */
export interface TimeColumn {
  readonly name: string;
  readonly quoted: string;
}

/** The names of all logs, sorted. */
export async function logPaths(query: Query): Promise<string[]> {
  const rows = await query('SELECT path FROM zeekway.logs ORDER BY path COLLATE "C"');
  return rows.map(([path]) => textOf(path));
}

/** All logs, or those of the given paths, sorted by path. Those whose table somebody dropped are left out. */
export async function describeLogs(query: Query, paths?: readonly string[]): Promise<LogDescription[]> {
  const rows = await query(
    `SELECT l.path, coalesce(l.stream, ''), l.table_name, f.field, f.zeek_type, f.sql_type, f.column_name
       FROM zeekway.logs l LEFT JOIN zeekway.log_fields f USING (path)
      WHERE to_regclass(format('logs.%I', l.table_name)) IS NOT NULL${paths ? ' AND l.path = ANY($1::text[])' : ''}
      ORDER BY l.path COLLATE "C", f.position, f.column_name`,
    paths ? [paths] : [],
  );
  const logs = new Map<string, { log: Omit<LogDescription, 'columns'>; columns: LogColumn[] }>();
  for (const [path, stream, table, field, zeekType, sqlType, column] of rows) {
    const log = {
      path: textOf(path),
      stream: textOf(stream),
      table: `logs.${pg.escapeIdentifier(textOf(table))}`,
    };
    const entry = logs.get(log.path) ?? { log, columns: [] };
    logs.set(log.path, entry);
    if (field === null) continue;
    entry.columns.push({
      field: textOf(field),
      zeekType: textOf(zeekType),
      sqlType: textOf(sqlType),
      column: textOf(column),
    });
  }
  return [...logs.values()].map(({ log, columns }) => ({ ...log, columns }));
}

/** The log's `ts` where it has one that is a time; else the time at which the row was received. */
export function timeColumn(log: LogDescription): TimeColumn {
  const ts = log.columns.find(({ field, sqlType }) => field === 'ts' && sqlType === 'timestamptz');
  const name = ts?.column ?? '_received';
  return { name: ts ? ts.field : name, quoted: pg.escapeIdentifier(name) };
}

/** Where rows came from: a row of zeekway.sources. */
export interface Source {
  readonly kind: string;
  readonly name: string;
  readonly peer: string;
  readonly node: string | null;
}

/** The sources of the given IDs. */
export async function sourcesById(query: Query, ids: Iterable<string>): Promise<Map<string, Source>> {
  const wanted = [...new Set(ids)];
  if (wanted.length === 0) return new Map();
  const rows = await query(
    'SELECT id, kind, name, peer, node FROM zeekway.sources WHERE id = ANY($1::int[])',
    [wanted],
  );
  return new Map(
    rows.map(([id, kind, name, peer, node]) => [
      textOf(id),
      { kind: textOf(kind), name: textOf(name), peer: textOf(peer), node: textOrNull(node) },
    ]),
  );
}
