import type { LogField } from '../codec/log-record.js';
import { PEER_LOG_SCHEMAS } from '../core/limits.js';

/** What one LogCreate announces: the fields of the records that a stream writes under a path. */
export interface LogSchema {
  /** The stream's enum label: `Conn::LOG`. */
  readonly stream: string;
  /** The writer's enum label: `Log::WRITER_ASCII`. */
  readonly writer: string;
  /** The log's name: `conn`. One stream may write several paths. */
  readonly path: string;
  readonly fields: readonly LogField[];
}

/** A field's type as Zeek scripts write it: `count`, `set[addr]`, `vector[string]`. */
export function zeekType({ type, subtype }: Pick<LogField, 'type' | 'subtype'>): string {
  if (type === 'table') return `set[${subtype}]`;
  return type === 'vector' ? `vector[${subtype}]` : type;
}

/** Whether two announcements say the same. */
export const isSameSchema = (one: LogSchema, other: LogSchema): boolean =>
  one.stream === other.stream &&
  one.writer === other.writer &&
  one.path === other.path &&
  one.fields.length === other.fields.length &&
  one.fields.every((field, index) => isSameField(field, other.fields[index] as LogField));

const isSameField = (one: LogField, other: LogField): boolean =>
  one.name === other.name &&
  one.secondaryName === other.secondaryName &&
  one.type === other.type &&
  one.subtype === other.subtype &&
  one.optional === other.optional;

/** What names a schema: records carry these three and not the fields. */
export type LogKey = Pick<LogSchema, 'stream' | 'writer' | 'path'>;

/**
 * The schemas that one peer announced, at most `PEER_LOG_SCHEMAS`. A later announcement of the same key
 * replaces the earlier one.
 */
export class SchemaRegistry {
  private readonly schemas = new Map<string, LogSchema>();
  /** What was found last: the records of a batch are mostly of one log. */
  private last: LogSchema | undefined;

  private static key({ stream, writer, path }: LogKey): string {
    return `${stream}\n${writer}\n${path}`;
  }

  /** False when the peer has announced as many as it may, and this one is new. */
  add(schema: LogSchema): boolean {
    const key = SchemaRegistry.key(schema);
    if (this.schemas.size >= PEER_LOG_SCHEMAS && !this.schemas.has(key)) return false;
    this.schemas.set(key, schema);
    this.last = undefined;
    return true;
  }

  find(key: LogKey): LogSchema | undefined {
    const { last } = this;
    if (last?.stream === key.stream && last.path === key.path && last.writer === key.writer) return last;
    this.last = this.schemas.get(SchemaRegistry.key(key));
    return this.last;
  }
}
