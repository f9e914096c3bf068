import {
  encodeLogRecord,
  type LogField,
  type LogScalar,
  type LogType,
  type LogValue,
} from '../codec/log-record.js';
import { nameFromBytes, type Text } from '../codec/text.js';
import { secondsFromNanos } from '../codec/time.js';
import { type Value, type ValueType, vector } from '../codec/value.js';
import { encodeValue } from '../codec/value-binary.js';
import { type ErrorCode, ZeekwayError } from '../core/errors.js';
import { type CodecLimits, DEFAULT_CODEC_LIMITS } from '../core/limits.js';
import { parseFieldType } from './field-type.js';
import type { LogSchema } from './log-schema.js';
import { eventMessage, networkTimestamp, type ZeekEvent } from './message.js';
import type { PayloadMessage } from './payload.js';

/**
 * Logs that Zeek publishes as events (zeek/events.zeek; docs/zeek-package.md, "The event", has the form), made into
 * what a log batch has: a schema, and records as a LogWrite has them.
 */

/** What the topics of these events begin with, where the site has not set another beginning. */
export const LOG_EVENT_TOPIC_PREFIX = 'zeekway/logs/';

const LOG_RECORDS = 'Zeekway::log_records';
const ARGUMENTS = ['stream', 'path', 'names', 'types', 'records'] as const;

/**
 * A writer that Zeek does not have: one peer may send a log both as events and natively, with the fields in another
 * order, and each record must find the schema of its own kind. The table is that of stream and path.
 */
const WRITER = 'Zeekway::WRITER_EVENT';

export const isLogEvent = ({ name }: ZeekEvent): boolean => name === LOG_RECORDS;

/**
 * Reads an event of `isLogEvent`. Records that do not fit come together as one `bad`, an event that can be read again,
 * whose reason is that of the first of them; so does the whole event where its other arguments are not understood.
 */
export function readLogEvent(event: ZeekEvent, limits: CodecLimits = DEFAULT_CODEC_LIMITS): PayloadMessage[] {
  try {
    const { schema, records } = readArguments(event.args, limits);
    return readRecords(event, schema, records);
  } catch (error) {
    if (!(error instanceof ZeekwayError)) throw error;
    const [stream] = event.args;
    const subject = stream?.type === 'string' ? nameOf(stream.value) : event.name;
    return [bad(event, event.args, { code: error.code, reason: error.message, subject })];
  }
}

function readRecords(event: ZeekEvent, schema: LogSchema, values: readonly Value[]): PayloadMessage[] {
  const records: Uint8Array[] = [];
  const unfit: Value[] = [];
  let reason = '';
  for (const [index, value] of values.entries()) {
    const record = readRecord(schema.fields, value);
    if (typeof record !== 'string') records.push(encodeLogRecord(record));
    else if (unfit.push(value) === 1) reason = `record ${index + 1} of ${values.length}, ${record}`;
  }
  const batch: PayloadMessage = { type: 'log-batch', schema, records };
  if (unfit.length === 0) return [batch];
  if (unfit.length > 1) reason += `; it is the first of ${unfit.length} that do not fit`;
  const args = [...event.args.slice(0, -1), vector(unfit)];
  return [batch, bad(event, args, { code: 'log_record_malformed', reason, subject: schema.stream })];
}

function bad(
  event: ZeekEvent,
  args: readonly Value[],
  letter: { code: ErrorCode; reason: string; subject: string },
): PayloadMessage {
  const raw = encodeValue(eventMessage(event.name, args, networkTimestamp(event)));
  return { type: 'bad', ...letter, raw };
}

const unlike = (expected: string, found: string): string => `expected ${expected}, found ${found}`;

function mismatch(where: string, expected: string, found: string, code: ErrorCode = 'message_malformed') {
  return new ZeekwayError(code, `${where}: ${unlike(expected, found)}`);
}

const nameOf = (text: Text): string => (typeof text === 'string' ? text : nameFromBytes(text));

function readArguments(
  args: readonly Value[],
  limits: CodecLimits,
): { schema: LogSchema; records: readonly Value[] } {
  if (args.length !== ARGUMENTS.length) {
    throw mismatch(LOG_RECORDS, `the arguments ${ARGUMENTS.join(', ')}`, `${args.length} arguments`);
  }
  const [stream, path, names, types, records] = args as [Value, Value, Value, Value, Value];
  const schema = {
    stream: readName(stream, 'stream'),
    writer: WRITER,
    path: readName(path, 'path'),
    fields: readFields(elements(names, 'names'), elements(types, 'types'), limits),
  };
  const values = elements(records, 'records');
  // What is left out of a record takes no room in the event, but does in the record that is made of it.
  if (values.length * schema.fields.length > limits.collectionItems) {
    const found = `${values.length} records of ${schema.fields.length} fields`;
    throw mismatch('records', `at most ${limits.collectionItems} values`, found);
  }
  return { schema, records: values };
}

function readFields(names: readonly Value[], types: readonly Value[], limits: CodecLimits): LogField[] {
  if (names.length > limits.logFields) {
    throw mismatch('names', `at most ${limits.logFields} fields`, String(names.length));
  }
  if (types.length !== names.length) {
    throw mismatch('types', `as many as names (${names.length})`, String(types.length));
  }
  return names.map((value, index) => {
    const name = readName(value, `names[${index}]`);
    const text = readName(types[index] as Value, `types[${index}]`);
    const type = parseFieldType(text);
    if (type) return { name, ...type, optional: true };
    const expected = 'a type that a log can hold';
    throw mismatch(`field "${name}"`, expected, JSON.stringify(text), 'log_schema_invalid');
  });
}

function readName(value: Value, what: string): string {
  if (value.type === 'string') return nameOf(value.value);
  throw mismatch(what, 'string', value.type);
}

function elements(value: Value, what: string): readonly Value[] {
  if (value.type === 'vector') return value.value;
  throw mismatch(what, 'vector', value.type);
}

/**
 * The values of a record, or why it does not fit. A text and no error: an event has room for a million of them, each of
 * which would take its stack along.
 */
function readRecord(fields: readonly LogField[], record: Value): LogValue[] | string {
  if (record.type !== 'vector') return `values: ${unlike('vector', record.type)}`;
  const given = record.value;
  if (given.length > fields.length) {
    return `behind field "${fields.at(-1)?.name ?? ''}": ${unlike(`at most ${fields.length} values`, String(given.length))}`;
  }
  const values: LogValue[] = [];
  for (const [index, field] of fields.entries()) {
    const value = given[index];
    const read = value === undefined || isHole(value) ? absent(field.type) : readField(field, value);
    if (typeof read === 'string') return `field "${field.name}"${read}`;
    values.push(read);
  }
  return values;
}

/** What stands for an unset field and for a hole of a vector. */
const isHole = (value: Value): boolean =>
  value.type === 'vector' && value.value.length === 1 && value.value[0]?.type === 'none';

/** As in Zeek's own records, the subtype is `void` also for sets and vectors: the elements tell their type. */
const absent = (type: LogType): LogValue => ({ type, subtype: 'void', absent: true });

function readField({ type, subtype }: LogField, value: Value): LogValue | string {
  if (type !== 'table' && type !== 'vector') {
    const read = readScalar(type as LogScalar, value);
    return typeof read === 'string' ? `: ${read}` : read;
  }
  const container = type === 'table' ? 'set' : 'vector';
  if (value.type !== container) return `: ${unlike(`${container} of ${subtype}`, value.type)}`;
  const items: LogValue[] = [];
  for (const item of value.value) {
    const isAbsent = type === 'vector' && isHole(item);
    const read = isAbsent ? absent(subtype) : readScalar(subtype as LogScalar, item);
    if (typeof read === 'string') return `, element ${items.length + 1}: ${read}`;
    items.push(read);
  }
  return { type, subtype: 'void', value: items };
}

/** The Broker type of the values of each of Zeek's types. */
const BROKER_TYPES = {
  bool: 'boolean',
  int: 'integer',
  count: 'count',
  double: 'real',
  time: 'real',
  interval: 'real',
  string: 'string',
  enum: 'enum-value',
  port: 'port',
  addr: 'address',
  subnet: 'subnet',
  func: 'vector',
  file: 'string',
} as const satisfies Record<LogScalar, ValueType>;

function readScalar(type: LogScalar, value: Value): LogValue | string {
  // The keys of a set have the type that Broker has for them.
  if (type === 'time' && value.type === 'timestamp') return { type, value: secondsFromNanos(value.value) };
  if (type === 'interval' && value.type === 'timespan') return { type, value: secondsFromNanos(value.value) };
  if (value.type !== BROKER_TYPES[type]) return unlike(`${BROKER_TYPES[type]} for ${type}`, value.type);
  if (value.type !== 'vector') return { type, value: value.value } as LogValue;
  const [name] = value.value;
  if (name?.type === 'string') return { type: 'func', value: name.value };
  return unlike('vector that begins with the name of a func', name?.type ?? 'an empty one');
}
