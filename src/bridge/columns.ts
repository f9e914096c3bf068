import { isLogScalar, type LogField, type LogScalar } from '../codec/log-record.js';
import { displayText, nameToBytes } from '../codec/text.js';
import { ZeekwayError } from '../core/errors.js';
import type { ColumnSpec } from '../storage/log-tables.js';
import { type LogSchema, zeekType } from '../zeek/log-schema.js';
import { COMMUNITY_ID, flowFields } from './community-id.js';

/** Which PostgreSQL type holds all that a Zeek type can say. docs/adr/0005-bridge-transcoding.md has the reasons. */
const SQL_TYPES = {
  bool: 'boolean',
  int: 'bigint',
  // An unsigned 64-bit integer, which PostgreSQL does not have.
  count: 'numeric(20,0)',
  double: 'double precision',
  time: 'timestamptz',
  interval: 'double precision',
  string: 'text',
  enum: 'text',
  // A log shows the protocol in a field of its own.
  port: 'integer',
  addr: 'inet',
  // inet and not cidr: host bits may be set.
  subnet: 'inet',
  func: 'text',
  file: 'text',
} as const satisfies Record<LogScalar, ColumnSpec['sqlType']>;

/** The type of a field that is a scalar, or of its elements where it is a set or vector. */
export function elementType(field: LogField): LogScalar | undefined {
  const type = isContainer(field) ? field.subtype : field.type;
  return isLogScalar(type) ? type : undefined;
}

export const isContainer = (field: LogField): boolean => field.type === 'table' || field.type === 'vector';

/**
 * The columns of a log, one for each field and in the order of the fields; behind them, of connections that come without
 * one, that of the community ID. Throws `log_schema_invalid` where a field can be no column, or none can be told from
 * another.
 */
export function columnSpecs(schema: LogSchema): ColumnSpec[] {
  if (schema.path === '') {
    throw new ZeekwayError('log_schema_invalid', `stream ${schema.stream} announces a log without a path`);
  }
  const names = new Set<string>();
  const specs = schema.fields.map((field): ColumnSpec => {
    const name = columnName(field.name);
    if (name === '' || names.has(name)) {
      const problem = name === '' ? 'a field without a name' : `two fields named "${name}"`;
      throw new ZeekwayError('log_schema_invalid', `log "${schema.path}" announces ${problem}`);
    }
    names.add(name);
    const element = elementType(field);
    if (element === undefined) {
      throw new ZeekwayError(
        'log_schema_invalid',
        `log "${schema.path}" announces field "${name}" of type ${zeekType(field)}, which no log can hold`,
      );
    }
    const sqlType = SQL_TYPES[element];
    return { field: name, zeekType: zeekType(field), sqlType: isContainer(field) ? `${sqlType}[]` : sqlType };
  });
  const isAdded = flowFields(schema.stream, schema.fields) !== undefined;
  return isAdded ? [...specs, { field: COMMUNITY_ID, zeekType: 'string', sqlType: 'text' }] : specs;
}

/** A name as PostgreSQL can hold it: bytes that are not UTF-8, and NUL, escaped as in every text. */
export const columnName = (name: string): string => displayText(nameToBytes(name));
