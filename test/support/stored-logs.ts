import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Value } from '../../src/codec/value.js';
import { decodeValueJson } from '../../src/codec/value-json.js';
import type { Database } from '../../src/storage/database.js';
import { fixtureFile } from './recordings.js';
import { canonicalRecord, parseRow, readJsonLog, type SetOrder } from './zeek-logs.js';

export interface StoredRecords {
  /** Each as `canonicalRecord` has it, sorted. */
  readonly records: string[];
  /** The Zeek types of the fields. */
  readonly types: Map<string, string>;
}

/** What the table of a log holds. */
export async function storedRecords(db: Database, path: string, order?: SetOrder): Promise<StoredRecords> {
  const fields = await db.pool.query<{ field: string; zeek_type: string }>(
    'SELECT field, zeek_type FROM zeekway.log_fields WHERE path = $1',
    [path],
  );
  const types = new Map(fields.rows.map(({ field, zeek_type }) => [field, zeek_type]));
  const { rows } = await db.pool.query<{ row: string }>(
    `SELECT row_to_json(t)::text AS row FROM logs."${path}" t`,
  );
  return { records: rows.map(({ row }) => canonicalRecord(parseRow(row), types, order)).sort(), types };
}

/** The values in the `args` of a stored event, as text. */
export function storedArgs(args: string): readonly Value[] {
  const value = decodeValueJson(`{"@data-type":"vector","data":${args}}`, { strings: 'escaped' });
  if (value.type !== 'vector') throw new TypeError(`a ${value.type}`);
  return value.value;
}

/** The log files that Zeek itself wrote at a recording. */
export const logsOf = (name: string, format: 'json' | 'tsv'): string[] =>
  readdirSync(fixtureFile(`zeek/${name}/${format}`)).map((file) =>
    join(fixtureFile(`zeek/${name}/${format}`), file),
  );

/**
 * Compares every table with the log that Zeek wrote at a recording, field by field.
 * @returns how many records were compared.
 */
export async function compareWithZeek(
  t: ExecutionContext,
  db: Database,
  name: string,
  order?: SetOrder,
): Promise<number> {
  let compared = 0;
  for (const file of logsOf(name, 'json')) {
    const { records: stored, types } = await storedRecords(db, basename(file, '.log'), order);
    const expected = readJsonLog(file);
    const unknown = expected.flatMap((record) => Object.keys(record)).find((field) => !types.has(field));
    t.is(unknown, undefined, file);
    t.deepEqual(stored, expected.map((record) => canonicalRecord(record, types, order)).sort(), file);
    compared += expected.length;
  }
  return compared;
}
