import type { LogField } from '../codec/log-record.js';

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

/** What names a schema: records carry these three and not the fields. */
export type LogKey = Pick<LogSchema, 'stream' | 'writer' | 'path'>;

/** The schemas that one peer announced. A later announcement of the same key replaces the earlier one. */
export class SchemaRegistry {
  private readonly schemas = new Map<string, LogSchema>();

  private static key({ stream, writer, path }: LogKey): string {
    return `${stream}\n${writer}\n${path}`;
  }

  add(schema: LogSchema): void {
    this.schemas.set(SchemaRegistry.key(schema), schema);
  }

  find(key: LogKey): LogSchema | undefined {
    return this.schemas.get(SchemaRegistry.key(key));
  }

  all(): LogSchema[] {
    return [...this.schemas.values()];
  }
}
