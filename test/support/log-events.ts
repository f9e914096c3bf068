import { decodeLogRecord, isAbsent, type LogField, type LogValue } from '../../src/codec/log-record.js';
import { nameToBytes } from '../../src/codec/text.js';
import { nanosFromSeconds } from '../../src/codec/time.js';
import { none, set, string, timespan, timestamp, type Value, vector } from '../../src/codec/value.js';
import { Interpreter } from '../../src/zeek/interpreter.js';
import type { Item } from '../../src/zeek/item.js';
import type { LogSchema } from '../../src/zeek/log-schema.js';
import { eventMessage } from '../../src/zeek/message.js';
import { type RecordingName, recordedPayloads } from './recordings.js';

/** What zeek/events.zeek makes of logs, as docs/zeek-package.md ("The event") has it. */

const UNSET: Value = vector([none]);

const BROKER_TYPES = {
  bool: 'boolean',
  int: 'integer',
  count: 'count',
  double: 'real',
  time: 'real',
  interval: 'real',
  string: 'string',
  file: 'string',
  enum: 'enum-value',
  port: 'port',
  addr: 'address',
  subnet: 'subnet',
} as const;

/** The value of a field, or of an element of a vector. */
export function eventValue(value: LogValue): Value {
  if (isAbsent(value)) return UNSET;
  switch (value.type) {
    case 'table':
      return set(value.value.map(keyValue));
    case 'vector':
      return vector(value.value.map(eventValue));
    case 'func':
      return vector([string(value.value)]);
    default:
      return { type: BROKER_TYPES[value.type], value: value.value } as Value;
  }
}

/** The value of an element of a set. */
export function keyValue(value: LogValue): Value {
  if (isAbsent(value)) throw new TypeError('a set has no holes');
  if (value.type === 'time') return timestamp(nanosFromSeconds(value.value));
  if (value.type === 'interval') return timespan(nanosFromSeconds(value.value));
  return eventValue(value);
}

function eventType({ type, subtype }: LogField): string {
  if (type === 'table') return `set[${subtype}]`;
  return type === 'vector' ? `vector of ${subtype}` : type;
}

const names = (texts: readonly string[]): Value => vector(texts.map((text) => string(nameToBytes(text))));

/** The event of some records; one may have fewer values than there are fields. */
export function logEvent(
  { stream, path, fields }: Pick<LogSchema, 'stream' | 'path' | 'fields'>,
  records: readonly (readonly LogValue[])[],
): Value {
  return eventMessage('Zeekway::log_records', [
    string(nameToBytes(stream)),
    string(nameToBytes(path)),
    names(fields.map(({ name }) => name)),
    names(fields.map(eventType)),
    vector(records.map((record) => vector(record.map(eventValue)))),
  ]);
}

/** When what was recorded is said to have come. */
export const RECEIVED = 1_700_000_000_000_000_000n;

/** The records of a recording, and the announcements before them. */
export function nativeItems(name: RecordingName): Item[] {
  const interpreters = new Map<string, Interpreter>();
  const items = recordedPayloads([name]).flatMap(({ topic, sender, bytes }) => {
    const interpreter = interpreters.get(sender) ?? new Interpreter({ kind: 'live', peer: sender, name });
    interpreters.set(sender, interpreter);
    return interpreter.interpret(topic, bytes, RECEIVED);
  });
  return items.filter(({ kind }) => kind === 'log' || kind === 'schema');
}

/** `Zeekway::event_batch_size`. */
const BATCH = 100;

/** What comes of the same records as events. */
export function recordedLogEvents(name: RecordingName): { topic: string; value: Value }[] {
  const logs = new Map<LogSchema, (readonly LogValue[])[]>();
  for (const item of nativeItems(name)) {
    if (item.kind !== 'log') continue;
    const records = logs.get(item.schema) ?? [];
    records.push(decodeLogRecord(item.serial));
    logs.set(item.schema, records);
  }
  return [...logs].flatMap(([schema, records]) =>
    Array.from({ length: Math.ceil(records.length / BATCH) }, (_, index) => ({
      topic: `zeekway/logs/${schema.path}`,
      value: logEvent(schema, records.slice(index * BATCH, (index + 1) * BATCH)),
    })),
  );
}
