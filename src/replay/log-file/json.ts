import { isUtf8 } from 'node:buffer';
import type { LogValue } from '../../codec/log-record.js';
import { ZeekwayError } from '../../core/errors.js';
import { DEFAULT_CODEC_LIMITS } from '../../core/limits.js';
import type { FieldType } from '../../zeek/field-type.js';
import type { Item } from '../../zeek/item.js';
import type { LogSchema } from '../../zeek/log-schema.js';
import { digitsOf, inferType, JsonRecord, joinTypes, jsonSource, jsonValue } from './json-values.js';
import type { Line } from './lines.js';
import { fileSchema, type KnownTypes, type LogFormat, type LogItems, tooLong } from './log-file.js';
import { misfit } from './scalars.js';
import { FIELD_TYPES, STANDARD_LOGS } from './standard-logs.js';

/** In the records of json-streaming-logs, and of many a log pipeline: the log's path. */
const PATH_FIELD = '_path';

const STRING: FieldType = { type: 'string', subtype: 'void' };

interface Field {
  type: FieldType;
  /** Where the type came from. What was only inferred gives way to what comes later. */
  source: 'known' | 'inferred' | 'empty' | 'any';
}

/**
 * What is known of one log. JSON tells no types; each field's comes from, in this order: the table that the
 * log has already; Zeek's own logs (`STANDARD_LOGS`); what a field of that name is in several of these; its
 * first value. An inferred type that a later value does not fit becomes a wider number where both are numbers,
 * else a string, which holds the JSON of every value; a vector that was only seen empty takes the type of its
 * first element.
 */
class JsonLog {
  private readonly fields = new Map<string, Field>();
  private readonly known: ReadonlyMap<string, FieldType> | undefined;
  private current: LogSchema | undefined;
  private changes = 0;

  constructor(
    readonly path: string,
    knownTypes: KnownTypes,
  ) {
    this.known = knownTypes(path);
  }

  /** Changes with each field that is added and each type that is widened. */
  get revision(): number {
    return this.changes;
  }

  /**
   * Adds the fields that a record has and that were not seen before, and widens inferred types for its values.
   * @returns the values, in the order of the fields as of now.
   */
  learn(record: JsonRecord): LogValue[] {
    for (const name of record.names) {
      if (name === PATH_FIELD || this.fields.has(name) || record.value(name) === null) continue;
      this.add(record, name);
    }
    return this.values(record);
  }

  private add(record: JsonRecord, name: string): void {
    if (!name.isWellFormed()) throw misfit('a field name of Unicode characters', JSON.stringify(name));
    if (this.fields.size >= DEFAULT_CODEC_LIMITS.logFields) {
      throw misfit(`a log of at most ${DEFAULT_CODEC_LIMITS.logFields} fields`, name);
    }
    this.setField(name, this.fieldOf(record, name));
  }

  private setField(name: string, field: Field): void {
    this.fields.set(name, field);
    this.current = undefined;
    this.changes += 1;
  }

  /** A new schema, where there is one since it was last asked for. */
  newSchema(): LogSchema | undefined {
    if (this.current) return undefined;
    this.current = this.schema;
    return this.current;
  }

  get schema(): LogSchema {
    const types = new Map([...this.fields].map(([name, { type }]) => [name, type] as const));
    return this.current ?? fileSchema(this.path, types);
  }

  /** The values of a record in the order of the schema, which changes when an inferred type does not fit. */
  values(record: JsonRecord): LogValue[] {
    return [...this.fields].map(([name, field]) => this.value(record, name, field));
  }

  private fieldOf(record: JsonRecord, name: string): Field {
    const known = this.known?.get(name) ?? STANDARD_LOGS.get(this.path)?.fields.get(name);
    if (known) return { type: known, source: 'known' };
    const byName = FIELD_TYPES.get(name);
    return byName ? { type: byName, source: 'inferred' } : infer(record, name);
  }

  private value(record: JsonRecord, name: string, field: Field): LogValue {
    try {
      if (field.source === 'any') return jsonSource(record, name);
      if (field.source === 'empty' && !isEmpty(record, name)) throw misfit('an empty array', 'elements');
      if (field.source === 'inferred') expectExact(record, name, field.type);
      return jsonValue(record, name, field.type);
    } catch (error) {
      if (!(error instanceof ZeekwayError)) throw error;
      if (field.source === 'known' || field.source === 'any') {
        throw new ZeekwayError(error.code, `field ${name}: ${error.message}`);
      }
      const wider = field.source === 'empty' ? infer(record, name) : widen(record, name, field);
      this.setField(name, wider);
      return this.value(record, name, wider);
    }
  }
}

/** What holds the values of an inferred type and another value, which does not fit it. */
function widen(record: JsonRecord, name: string, { type }: Field): Field {
  const other = inferType(record, name);
  const isVector = type.type === 'vector';
  if (other && (other.type === 'vector') === isVector) {
    const [before, after] = isVector ? [type.subtype, other.subtype] : [type.type, other.type];
    const wider = joinTypes(before, after);
    if (wider !== undefined && wider !== before) {
      return { type: isVector ? { ...type, subtype: wider } : { ...type, type: wider }, source: 'inferred' };
    }
  }
  return { type: STRING, source: 'any' };
}

/** A number that was only taken for a double must be one: a large integer would lose digits. */
function expectExact(record: JsonRecord, name: string, type: FieldType): void {
  if (type.type !== 'double' && type.subtype !== 'double') return;
  const value = record.value(name);
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  for (let index = 0; index < values.length; index++) {
    if (!Number.isInteger(values[index]) || Number.isSafeInteger(values[index])) continue;
    const digits = digitsOf(record, name, index)();
    if (/^-?\d+$/.test(digits)) throw misfit('a double', digits);
  }
}

function infer(record: JsonRecord, name: string): Field {
  const type = inferType(record, name);
  if (!type) return { type: STRING, source: 'any' };
  return { type, source: isEmpty(record, name) ? 'empty' : 'inferred' };
}

/** Whether a value tells nothing of the type of its elements. */
function isEmpty(record: JsonRecord, name: string): boolean {
  const value = record.value(name) ?? [];
  return Array.isArray(value) && value.every((item) => item === null);
}

interface Parsed {
  readonly line: Line;
  readonly log: JsonLog;
  readonly record: JsonRecord;
  readonly values: readonly LogValue[];
  /** The log's when the values were made. */
  readonly revision: number;
}

/** Zeek's JSON logs: one object a line. Fields that come later in the file make the schema grow. */
export class JsonFormat implements LogFormat {
  private readonly logs = new Map<string, JsonLog>();

  constructor(
    private readonly items: LogItems,
    private readonly knownTypes: KnownTypes,
  ) {}

  read(lines: readonly Line[]): Item[] {
    // All lines are parsed first, so that the schema grows once for them and not with every record.
    const parsed = lines.filter((line) => line.bytes.length > 0).map((line) => this.parse(line));
    return parsed.flatMap((one) => ('record' in one ? this.record(one) : [one]));
  }

  private parse(line: Line): Parsed | Item {
    let path = this.items.path;
    try {
      if (line.isTooLong) throw tooLong();
      if (!isUtf8(line.bytes)) throw misfit('UTF-8', line.bytes.toString('latin1'));
      const record = JsonRecord.parse(line.bytes.toString('utf8'));
      const named = record.value(PATH_FIELD);
      if (typeof named === 'string' && named !== '') path = named;
      const log = this.log(path);
      const values = log.learn(record);
      return { line, log, record, values, revision: log.revision };
    } catch (error) {
      return this.items.badLine(line, path, error);
    }
  }

  private record({ line, log, record, values: learned, revision }: Parsed): Item[] {
    try {
      const values = revision === log.revision ? learned : log.values(record);
      const schema = log.newSchema();
      const item = this.items.record(log.schema, values);
      return schema ? [this.items.schema(schema), item] : [item];
    } catch (error) {
      return [this.items.badLine(line, log.path, error)];
    }
  }

  private log(path: string): JsonLog {
    let log = this.logs.get(path);
    if (!log) {
      log = new JsonLog(path, this.knownTypes);
      this.logs.set(path, log);
    }
    return log;
  }
}
