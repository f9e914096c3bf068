import { ByteWriter } from '../../codec/bytes.js';
import { type LogType, type LogValue, writeLogValue } from '../../codec/log-record.js';
import { ZeekwayError } from '../../core/errors.js';
import { DEAD_LETTER_BYTES } from '../../core/limits.js';
import type { FieldType } from '../../zeek/field-type.js';
import type { Item, Origin } from '../../zeek/item.js';
import type { LogSchema } from '../../zeek/log-schema.js';
import type { Line } from './lines.js';
import { STANDARD_LOGS } from './standard-logs.js';

/** The types of a log's fields where they are known already, from its table; `undefined` where it has none. */
export type KnownTypes = (path: string) => ReadonlyMap<string, FieldType> | undefined;

/** Reads the lines of one format. */
export interface LogFormat {
  /** The items of some whole lines, in order. */
  read(lines: readonly Line[]): Item[];
}

/** Makes the items of one log file. */
export class LogItems {
  private readonly writer = new ByteWriter(4096);
  private readonly base: { readonly origin: Origin; readonly topic: string; readonly received: bigint };

  /** @param received nanoseconds since the Unix epoch, given to all items. */
  constructor(
    /** The base name of the file. */
    readonly file: string,
    /** The path that the file's name tells. */
    readonly path: string,
    received: bigint,
  ) {
    this.base = { origin: { kind: 'backfill', peer: '', name: file }, topic: '', received };
  }

  schema(schema: LogSchema): Item {
    return { kind: 'schema', schema, ...this.base };
  }

  record(schema: LogSchema, values: readonly LogValue[]): Item {
    // As encodeLogRecord writes it, but without a new buffer that grows for each record.
    const writer = this.writer;
    writer.clear();
    writer.i32(values.length);
    for (const value of values) writeLogValue(writer, value);
    return { kind: 'log', schema, serial: Buffer.from(writer.written()), ...this.base };
  }

  /** A line that cannot be read; anything but a `ZeekwayError` is thrown on. */
  badLine(line: Line, path: string, error: unknown): Item {
    if (!(error instanceof ZeekwayError)) throw error;
    return {
      kind: 'dead-letter',
      code: 'log_file_invalid',
      reason: `${this.file} line ${line.number}: ${error.message}`,
      subject: path,
      raw: line.bytes.subarray(0, DEAD_LETTER_BYTES),
      ...this.base,
    };
  }
}

/**
 * The schema of a log read from a file. Files do not tell the stream; the names of Zeek's own logs do. All
 * fields count as optional, because no file tells which are.
 */
export function fileSchema(path: string, fields: ReadonlyMap<string, FieldType>): LogSchema {
  return {
    stream: STANDARD_LOGS.get(path)?.stream ?? '',
    writer: 'Log::WRITER_ASCII',
    path,
    fields: [...fields].map(([name, { type, subtype }]) => ({ name, type, subtype, optional: true })),
  };
}

export function tooLong(): ZeekwayError {
  return new ZeekwayError('log_file_invalid', 'the line is too long');
}

/** An unset value, as Zeek writes it on the wire: without the subtype of a container. */
export const absent = (type: LogType): LogValue => ({ type, subtype: 'void', absent: true });
