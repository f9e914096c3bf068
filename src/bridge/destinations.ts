import { errorLine, ZeekwayError } from '../core/errors.js';
import { KNOWN_ANNOUNCEMENTS } from '../core/limits.js';
import type { Database } from '../storage/database.js';
import { isDataError, sqlState } from '../storage/database-error.js';
import { type ColumnSpec, ensureLogTable, type LogTable } from '../storage/log-tables.js';
import { sourceId } from '../storage/sources.js';
import type { LogItem, Origin } from '../zeek/item.js';
import type { LogSchema } from '../zeek/log-schema.js';
import type { RowSet } from './batch.js';
import { columnName, columnSpecs } from './columns.js';
import { flowFields } from './community-id.js';
import type { DatabaseState } from './database-state.js';
import { type RowTarget, type RowWriter, recordWriter } from './rows.js';
import { planRecord, type RecordKey } from './transcode.js';

/** Where the records of a schema go: a table and how to fill it, or nowhere. */
export type LogDestination =
  | { readonly target: RowTarget; readonly write: RowWriter<LogItem, boolean> }
  /** Why the schema can be no table. */
  | { readonly invalid: string };

/**
 * Knows the row of `zeekway.sources` for each origin and the table for each schema. The database is asked
 * once for each; `known...` answers without waiting what was asked before.
 */
export class Destinations {
  private readonly sources = new WeakMap<Origin, number>();
  private readonly logs = new WeakMap<LogSchema, LogDestination>();
  /** By content: every peer announces the same schemas in objects of its own. */
  private readonly announced = new Map<string, Promise<LogDestination>>();

  constructor(
    private readonly db: Database,
    private readonly state: DatabaseState,
    private readonly replay: number | undefined,
  ) {}

  knownSource(origin: Origin): number | undefined {
    return this.sources.get(origin);
  }

  knownLog(schema: LogSchema): LogDestination | undefined {
    return this.logs.get(schema);
  }

  async source(origin: Origin): Promise<number> {
    const { kind, name, peer, node } = origin;
    const source = {
      kind,
      name: columnName(name),
      peer,
      ...(node === undefined ? {} : { node: columnName(node) }),
      ...(this.replay === undefined ? {} : { replay: this.replay }),
    };
    const id = await this.state.persist('register a source', () => sourceId(this.db, source));
    this.sources.set(origin, id);
    return id;
  }

  async log(schema: LogSchema): Promise<LogDestination> {
    const key = announcementKey(schema);
    let destination = this.announced.get(key);
    if (destination === undefined) {
      if (this.announced.size >= KNOWN_ANNOUNCEMENTS) this.announced.clear();
      destination = this.announce(schema);
      this.announced.set(key, destination);
    }
    const result = await destination;
    this.logs.set(schema, result);
    return result;
  }

  /** Makes the tables and columns of rows anew that somebody dropped. */
  async restore(sets: readonly RowSet[]): Promise<void> {
    for (const { items } of sets) {
      const item = items.at(0);
      if (item?.kind === 'log') await ensureLogTable(this.db, logOf(item.schema), columnSpecs(item.schema));
    }
  }

  private announce(schema: LogSchema): Promise<LogDestination> {
    return destinationOf(schema, (log, specs) =>
      this.state.persist(
        `prepare the table of log "${log.path}"`,
        () => ensureLogTable(this.db, log, specs),
        isSchemaError,
      ),
    );
  }
}

/** The same for schemas that have the same destination. */
export function announcementKey({ stream, path, fields }: LogSchema): string {
  return JSON.stringify([stream, path, fields.map(({ name, type, subtype }) => [name, type, subtype])]);
}

/**
 * Where the records of a schema go.
 * @param prepare makes the table; an error of it that says that there can be none is no error here.
 */
export async function destinationOf(
  schema: LogSchema,
  prepare: (log: ReturnType<typeof logOf>, specs: readonly ColumnSpec[]) => Promise<LogTable>,
): Promise<LogDestination> {
  try {
    const specs = columnSpecs(schema);
    const log = logOf(schema);
    const table = await prepare(log, specs);
    const columns = [...table.columns, '_received', '_source'];
    const flow = flowFields(schema.stream, schema.fields);
    const target = { table: table.table, columns, path: log.path };
    return { target, write: recordWriter(planRecord(schema.fields, recordKey(table), flow)) };
  } catch (error) {
    if (!isSchemaError(error)) throw error;
    return { invalid: errorLine(error) };
  }
}

/** Which time of a record tells its partition. Where the table's `ts` is a time and this record's none, none does. */
function recordKey({ key, columns }: LogTable): RecordKey {
  if (key === '_received') return 'received';
  const index = key === undefined ? -1 : columns.indexOf(key);
  return index < 0 ? undefined : index;
}

const logOf = ({ path, stream }: LogSchema): { path: string; stream: string } => ({
  path: columnName(path),
  stream: columnName(stream),
});

/**
 * Whether an error says that a schema can never be a table: too many columns, a path too long for an index,
 * a name that PostgreSQL refuses.
 */
const isSchemaError = (error: unknown): boolean =>
  isDataError(error) ||
  (error instanceof ZeekwayError && error.code === 'log_schema_invalid') ||
  ['42601', '42602', '42622', '42701', '42P16'].includes(sqlState(error));
