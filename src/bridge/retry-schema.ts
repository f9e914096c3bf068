import type pg from 'pg';
import { DecodeError } from '../codec/bytes.js';
import {
  decodeLogRecord,
  isAbsent,
  isLogScalar,
  type LogField,
  type LogType,
  type LogValue,
} from '../codec/log-record.js';
import { nameFromBytes, unescapeText } from '../codec/text.js';
import { announcedOrder, type FieldOrder } from '../storage/log-fields.js';
import type { ColumnSpec } from '../storage/log-tables.js';
import { type LogKey, type LogSchema, zeekType } from '../zeek/log-schema.js';
import { columnName } from './columns.js';

/** The schema of a record that came without one, or in words why it is not known. */
export type FoundSchema = { readonly schema: LogSchema } | { readonly unknown: string };

/**
 * Finds the schemas of records that came before the announcement of their log, in what any peer announced since. A
 * record is never guessed at: the order of the log's fields must be known, and there must be as many as the record
 * has, each of exactly its type.
 */
export class SchemaFinder {
  private readonly known = new Map<string, FieldOrder>();

  constructor(private readonly pool: pg.Pool) {}

  /** Throws the database's error. */
  async find(key: LogKey, serial: Uint8Array): Promise<FoundSchema> {
    const log = { path: columnName(key.path), stream: columnName(key.stream) };
    const name = JSON.stringify(log);
    const order = this.known.get(name) ?? (await announcedOrder(this.pool, log));
    if ('unknown' in order) return order;
    this.known.set(name, order);
    const fields = fittingFields(order.fields, serial);
    if (typeof fields === 'string')
      return { unknown: `log "${log.path}" was announced since, and ${fields}` };
    const { stream, writer, path } = key;
    return { schema: { stream, writer, path, fields } };
  }
}

/** The fields as the record has them; a text says where they differ. */
function fittingFields(specs: readonly ColumnSpec[], serial: Uint8Array): LogField[] | string {
  let values: readonly LogValue[];
  try {
    values = decodeLogRecord(serial);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return `the record is no such: ${error.message}`;
  }
  if (values.length !== specs.length) return `has ${specs.length} fields, the record ${values.length}`;
  const fields: LogField[] = [];
  for (const [index, spec] of specs.entries()) {
    const field = fittingField(spec, values[index] as LogValue);
    if (field === undefined)
      return `field "${spec.field}" is a ${spec.zeekType}, which the record does not have there`;
    fields.push(field);
  }
  return fields;
}

function fittingField({ field, zeekType: announced }: ColumnSpec, value: LogValue): LogField | undefined {
  const isContainer = value.type === 'table' || value.type === 'vector';
  // The record tells the type of an element only with the element.
  const subtype = (isContainer ? /\[(\w+)\]$/.exec(announced)?.[1] : 'void') as LogType | undefined;
  if (subtype === undefined || zeekType({ type: value.type, subtype }) !== announced) return undefined;
  if (!isLogScalar(isContainer ? subtype : value.type)) return undefined;
  const hasElements = !isAbsent(value) && (value.type === 'table' || value.type === 'vector');
  if (hasElements && value.value.some(({ type }) => type !== subtype)) return undefined;
  return { name: nameFromBytes(unescapeText(field)), type: value.type, subtype, optional: true };
}
