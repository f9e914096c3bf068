import { randomUUID } from 'node:crypto';
import { Batch } from '../../src/bridge/batch.js';
import { columnSpecs } from '../../src/bridge/columns.js';
import { recordWriter } from '../../src/bridge/rows.js';
import { planRecord } from '../../src/bridge/transcode.js';
import type { LogField, LogType } from '../../src/codec/log-record.js';
import type { Clock } from '../../src/core/clock.js';
import type { Logger } from '../../src/core/logger.js';
import { commitBatch } from '../../src/storage/batch.js';
import type { Database } from '../../src/storage/database.js';
import { ensureLogTable, type LogTable } from '../../src/storage/log-tables.js';
import type { LogItem, Origin } from '../../src/zeek/item.js';
import type { LogSchema } from '../../src/zeek/log-schema.js';

export const RECEIVED = 1_700_000_000_123_456_789n;

export const origin = (name: string): Origin => ({ kind: 'live', peer: randomUUID(), name });

export const field = (name: string, type: LogType, subtype: LogType = 'void'): LogField => ({
  name,
  type,
  subtype,
  optional: true,
});

export const schemaOf = (path: string, fields: readonly LogField[]): LogSchema => ({
  stream: `${path}::LOG`,
  writer: 'Log::WRITER_ASCII',
  path,
  fields,
});

export const logItem = (schema: LogSchema, serial: Uint8Array, from: Origin): LogItem => ({
  kind: 'log',
  schema,
  serial,
  origin: from,
  topic: `zeek/logs/${schema.stream}`,
  received: RECEIVED,
});

/** Transcodes records and COPYs them into the table of their schema; `_source` counts them from 0. */
export async function copyRecords(
  db: Database,
  schema: LogSchema,
  records: readonly Uint8Array[],
): Promise<LogTable> {
  const table = await ensureLogTable(db, schema, columnSpecs(schema));
  const target = { table: table.table, columns: [...table.columns, '_received', '_source'] };
  const write = recordWriter(planRecord(schema.fields));
  const batch = new Batch();
  for (const [source, serial] of records.entries()) {
    const item = logItem(schema, serial, origin('test'));
    batch.add(target, item, source, write);
  }
  const reached = { entry: 1, item: 0 };
  await commitBatch(db, { writer: randomUUID(), expected: undefined, reached, parts: batch.rowSets() });
  return table;
}

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
}

/** A logger that keeps its lines. */
export function keepingLogger(): Logger & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const keep = (level: LogLine['level']) => (_: object, message: string) => {
    lines.push({ level, message });
  };
  return { lines, info: keep('info'), warn: keep('warn'), error: keep('error') };
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wallNanos: () => BigInt(Date.now()) * 1_000_000n,
};
