import type { ExecutionContext } from 'ava';
import pg from 'pg';
import { Address } from '../../src/codec/address.js';
import {
  encodeLogRecord,
  type LogField,
  type LogScalar,
  type LogType,
  type LogValue,
} from '../../src/codec/log-record.js';
import { textFromBytes } from '../../src/codec/text.js';
import type { Database } from '../../src/storage/database.js';
import type { LogItem, Origin, SchemaItem } from '../../src/zeek/item.js';
import type { LogSchema } from '../../src/zeek/log-schema.js';
import { field, logItem, RECEIVED, schemaOf } from './support.js';

/**
 * A model of what a log's table holds after any announcements and records. It follows docs/schema.md and shares
 * nothing with src/bridge and src/storage/log-tables.ts.
 */

interface Scalar {
  readonly sql: string;
  readonly value: (n: number) => LogValue;
  /** What PostgreSQL shows of the value. */
  readonly text: (n: number) => string;
}

/** In days since the Unix epoch. */
export const TODAY = Math.floor(Date.now() / 86_400_000);
const NOON = TODAY * 86_400 + 43_200;

/** Times of today and the two days before it, in seconds since the Unix epoch. */
const time = (n: number): number => NOON - (n % 3) * 86_400 + (n % 3_600);

const address = (n: number): string => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;

type ScalarName = Extract<
  LogScalar,
  'bool' | 'int' | 'count' | 'double' | 'string' | 'enum' | 'addr' | 'time'
>;

const SCALARS: Readonly<Record<ScalarName, Scalar>> = {
  bool: {
    sql: 'boolean',
    value: (n) => ({ type: 'bool', value: n % 2 === 0 }),
    text: (n) => (n % 2 === 0 ? 't' : 'f'),
  },
  int: { sql: 'bigint', value: (n) => ({ type: 'int', value: BigInt(-n) }), text: (n) => String(0 - n) },
  count: { sql: 'numeric(20,0)', value: (n) => ({ type: 'count', value: BigInt(n) }), text: String },
  double: {
    sql: 'double precision',
    value: (n) => ({ type: 'double', value: n + 0.5 }),
    text: (n) => `${n}.5`,
  },
  string: {
    sql: 'text',
    value: (n) => ({ type: 'string', value: textFromBytes(Buffer.from(`s${n}`)) }),
    text: (n) => `s${n}`,
  },
  enum: { sql: 'text', value: (n) => ({ type: 'enum', value: `E::${n}` }), text: (n) => `E::${n}` },
  addr: {
    sql: 'inet',
    value: (n) => ({ type: 'addr', value: Address.parse(address(n)) }),
    text: address,
  },
  time: {
    sql: 'timestamptz',
    value: (n) => ({ type: 'time', value: time(n) }),
    text: (n) => new Date(time(n) * 1_000).toISOString().replace('T', ' ').replace('.000Z', '+00'),
  },
};

export type TypeName = ScalarName | `set[${ScalarName}]` | `vector[${ScalarName}]`;

/** A field as a log announces it: Zeek's name and type. */
export type Field = readonly [name: string, type: TypeName];

function parse(type: TypeName): { container: 'table' | 'vector' | undefined; element: ScalarName } {
  const [, container, element] = /^(set|vector)\[(\w+)\]$/.exec(type) ?? [];
  if (container === undefined) return { container: undefined, element: type as ScalarName };
  return { container: container === 'set' ? 'table' : 'vector', element: element as ScalarName };
}

const sqlTypeOf = (type: TypeName): string => {
  const { container, element } = parse(type);
  return `${SCALARS[element].sql}${container ? '[]' : ''}`;
};

const logField = ([name, type]: Field): LogField => {
  const { container, element } = parse(type);
  return container ? field(name, container, element) : field(name, element);
};

/** Sets and vectors have none to two elements. */
const elements = (n: number): number[] => [n, n + 1].slice(0, n % 3);

function logValue(type: TypeName, n: number): LogValue {
  const { container, element } = parse(type);
  const { value } = SCALARS[element];
  return container ? { type: container, subtype: element, value: elements(n).map(value) } : value(n);
}

function textOf(type: TypeName, n: number): string {
  const { container, element } = parse(type);
  const { text } = SCALARS[element];
  return container ? `{${elements(n).map(text).join(',')}}` : text(n);
}

const absent = (type: TypeName): LogValue => {
  const { container, element } = parse(type);
  return { type: (container ?? element) as LogType, subtype: 'void', absent: true };
};

/** The field that says which record it is; every log of the model has it, as a count. */
export const KEY: Field = ['n', 'count'];

const isAbsent = (n: number, [name]: Field, index: number): boolean =>
  name !== KEY[0] && (n + index) % 5 === 0;

/** Values as PostgreSQL writes them. */
const AS_TEXT = { getTypeParser: () => String } as pg.CustomTypesConfig;

type Row = ReadonlyMap<string, string>;

export class LogModel {
  /** By SQL type and field: a field has a column for each of its types, and the first has its name. */
  private readonly columns = new Map<string, { readonly name: string; readonly sql: string }>();
  private readonly rows = new Map<number, Row>();

  constructor(readonly path: string) {}

  get size(): number {
    return this.rows.size;
  }

  /** Tells the model of an announcement. To be called in the order in which columns are made. */
  announce(fields: readonly Field[]): LogSchema {
    for (const [name, type] of fields) {
      const sql = sqlTypeOf(type);
      const key = `${sql} ${name}`;
      if (this.columns.has(key)) continue;
      const isFirst = [...this.columns.values()].every((column) => column.name !== name);
      this.columns.set(key, { name: isFirst ? name : `${name}:${sql}`, sql });
    }
    return schemaOf(this.path, fields.map(logField));
  }

  /** The record number `n` of those fields; a number is used once. */
  record(schema: LogSchema, fields: readonly Field[], n: number, from: Origin): LogItem {
    if (this.rows.has(n)) throw new Error(`record ${n} was made before`);
    const row = new Map<string, string>();
    const values = fields.map((each, index): LogValue => {
      const [name, type] = each;
      if (isAbsent(n, each, index)) return absent(type);
      const column = this.columns.get(`${sqlTypeOf(type)} ${name}`);
      if (column === undefined) throw new Error(`field ${name} was not announced as ${type}`);
      const number = name === KEY[0] ? n : n + index;
      row.set(column.name, textOf(type, number));
      return logValue(type, number);
    });
    this.rows.set(n, row);
    return logItem(schema, encodeLogRecord(values), from);
  }

  /** Compares all that the table holds, and its columns, with the model. */
  async check(t: ExecutionContext, db: Database): Promise<void> {
    const table = `logs.${pg.escapeIdentifier(this.path)}`;
    const names = [...this.columns.values()].map(({ name }) => name);
    const found = await db.pool.query<{ name: string; sql: string }>(
      `SELECT attname::text AS name, replace(format_type(atttypid, atttypmod), 'timestamp with time zone', 'timestamptz') AS sql FROM pg_attribute
        WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attname !~ '^_'`,
      [table],
    );
    const sorted = (columns: Iterable<{ name: string; sql: string }>): string[] =>
      Array.from(columns, ({ name, sql }) => `${name} ${sql}`).toSorted();
    t.deepEqual(sorted(found.rows), sorted(this.columns.values()));
    const { rows } = await db.pool.query<(string | null)[]>({
      text: `SELECT ${names.map((name) => pg.escapeIdentifier(name)).join(', ')} FROM ${table} ORDER BY n`,
      rowMode: 'array',
      types: AS_TEXT,
    });
    t.is(rows.length, this.rows.size, `rows of ${table}`);
    const inOrder = [...this.rows].toSorted(([a], [b]) => a - b);
    const expected = inOrder.map(([, row]) => names.map((name) => row.get(name) ?? null));
    const shown = (row: readonly (string | null)[] | undefined): string => JSON.stringify(row);
    const wrong = expected.findIndex((row, index) => shown(row) !== shown(rows[index]));
    // One row and not thousands, where they differ.
    t.deepEqual([wrong, rows[wrong]], [-1, expected[wrong]], names.join(' '));
  }
}

export const announcement = (schema: LogSchema, from: Origin): SchemaItem => ({
  kind: 'schema',
  schema,
  origin: from,
  topic: '',
  received: RECEIVED,
});
