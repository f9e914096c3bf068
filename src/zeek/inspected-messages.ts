import { ByteReader } from '../codec/bytes.js';
import { type LogField, type LogType, readFieldCount } from '../codec/log-record.js';
import { nameFromBytes, nameToBytes } from '../codec/text.js';
import { claimItemCount, readItemCount, TAG } from '../codec/value-binary.js';
import { expectCount, expectEnum, expectList, expectString, expectTag } from './expect.js';
import { inspectLogValue, inspectValue, type Json, type Shown } from './inspected-values.js';
import { type LogKey, type SchemaRegistry, zeekType } from './log-schema.js';
import { readField, readFieldsHead } from './message.js';

/** Messages as an inspection shows them. Every part is absent where reading ended before it. */

export interface InspectedEvent {
  type: 'event';
  name?: string;
  args?: Json[];
  /** The byte at which each argument begins, where places are wanted. */
  argsAt?: number[];
  metadata?: { id: string; value: Json }[];
}

export interface InspectedLogCreate {
  type: 'log-create';
  stream?: string;
  writer?: string;
  path?: string;
  fields?: { name: string; type: string; optional: boolean }[];
}

/** A field of a log record. */
export interface InspectedField {
  /** The byte at which it begins, where places are wanted. */
  offset?: number;
  /** As the LogCreate in the same bytes has it; absent where there is none for it. */
  name?: string;
  /** Zeek's type: `count`, `set[addr]`; without the LogCreate no more than `set` and `vector`. */
  type: string;
  /** The type that was announced, where it is another one. */
  announced?: string;
  /** Absent where the field is unset. */
  value?: Json;
}

export interface InspectedLogWrite {
  type: 'log-write';
  stream?: string;
  writer?: string;
  path?: string;
  /** Where the serialized record begins, and how many bytes it has. */
  record?: { offset: number; bytes: number };
  fields?: InspectedField[];
}

/** A log batch of the ZeroMQ backend; its records follow. */
export interface InspectedLogBatch {
  type: 'log-batch';
  stream?: string;
  writer?: string;
  filter?: string;
  path?: string;
  fields?: { name: string; type: string; optional: boolean }[];
  records?: number;
}

/** One record of the log batch before it. */
export interface InspectedLogRecord {
  type: 'log-record';
  fields: InspectedField[];
}

export interface InspectedIdentifier {
  type: 'identifier-update';
  name?: string;
  value?: Json;
}

/** What is read, what is shown of it, and the fields of the logs in it. */
export interface Inspecting {
  readonly reader: ByteReader;
  readonly shown: Shown;
  readonly schemas: SchemaRegistry;
  /** Whether to tell the byte at which each argument and field begins. */
  readonly places: boolean;
}

/** A text of the bytes in front of the reader's place. */
function textOf({ reader, shown }: Inspecting, bytes: Uint8Array): string {
  const text = shown.text(bytes);
  shown.upTo = reader.offset;
  return text;
}

const nextString = (inspecting: Inspecting, what: string): string =>
  textOf(inspecting, expectString(inspecting.reader, what));

/** An enum label, and as it is shown. */
function nextEnum(inspecting: Inspecting, what: string): { label: string; text: string } {
  const label = expectEnum(inspecting.reader, what);
  return { label, text: textOf(inspecting, nameToBytes(label)) };
}

/** Reads the stream and the writer, with which both messages of a log begin, and returns their labels. */
function inspectNames(
  message: InspectedLogCreate | InspectedLogWrite,
  inspecting: Inspecting,
): Pick<LogKey, 'stream' | 'writer'> {
  const stream = nextEnum(inspecting, 'a stream');
  message.stream = stream.text;
  const writer = nextEnum(inspecting, 'a writer');
  message.writer = writer.text;
  return { stream: stream.label, writer: writer.label };
}

/*
 * Each reads the content of one message into it. They throw `DecodeError`, with all in the message that was read.
 */

export function inspectEvent(message: InspectedEvent, inspecting: Inspecting): void {
  const { reader, shown } = inspecting;
  expectTag(reader, TAG.vector, 'an event');
  const at = reader.offset;
  const parts = readItemCount(reader, 'an event');
  if (parts !== 2 && parts !== 3) {
    reader.fail('decode_invalid', at, 'an event of 2 or 3 elements', String(parts));
  }
  message.name = nextString(inspecting, 'an event name');
  expectTag(reader, TAG.vector, 'event arguments');
  const size = claimItemCount(reader, 'event arguments');
  const args: Json[] = [];
  message.args = args;
  shown.upTo = reader.offset;
  if (inspecting.places) message.argsAt = [];
  for (let index = 0; index < size; index++) {
    message.argsAt?.push(reader.offset);
    inspectValue(reader, shown, (arg) => args.push(arg));
  }
  if (parts === 2) return;
  expectTag(reader, TAG.vector, 'event metadata');
  const entries = claimItemCount(reader, 'event metadata');
  const metadata: { id: string; value: Json }[] = [];
  message.metadata = metadata;
  for (let index = 0; index < entries; index++) {
    expectList(reader, 2, 'a metadata entry');
    const id = String(expectCount(reader, 'a metadata ID'));
    inspectValue(reader, shown, (value) => metadata.push({ id, value }));
  }
}

export function inspectLogCreate(message: InspectedLogCreate, inspecting: Inspecting): void {
  const { reader, shown, schemas } = inspecting;
  expectList(reader, 4, 'a LogCreate');
  const { stream, writer } = inspectNames(message, inspecting);
  expectList(reader, 6, 'a writer info');
  const path = expectString(reader, 'a path');
  message.path = textOf(inspecting, path);
  const size = readFieldsHead(reader);
  const fields: LogField[] = [];
  message.fields = [];
  shown.upTo = reader.offset;
  for (let index = 0; index < size; index++) {
    shown.claim();
    const field = readField(reader);
    const name = textOf(inspecting, nameToBytes(field.name));
    message.fields.push({ name, type: zeekType(field), optional: field.optional });
    fields.push({ ...field, name });
  }
  schemas.add({ stream, writer, path: nameFromBytes(path), fields });
}

export function inspectLogWrite(message: InspectedLogWrite, inspecting: Inspecting): void {
  const { reader, shown, schemas } = inspecting;
  expectList(reader, 4, 'a LogWrite');
  const { stream, writer } = inspectNames(message, inspecting);
  const path = expectString(reader, 'a path');
  message.path = textOf(inspecting, path);
  const serial = expectString(reader, 'a serialized record');
  const offset = reader.offset - serial.length;
  message.record = { offset, bytes: serial.length };
  shown.upTo = offset;
  const key: LogKey = { stream, writer, path: nameFromBytes(path) };
  const record = new ByteReader(reader.bytes, reader.limits, offset, reader.offset);
  const size = readFieldCount(record);
  const fields: InspectedField[] = [];
  message.fields = fields;
  shown.upTo = record.offset;
  inspectFields({ ...inspecting, reader: record }, size, schemas.find(key)?.fields ?? [], fields);
  record.expectEnd('the record');
}

/** Reads the values of a record into `fields`. */
export function inspectFields(
  { reader, shown, places }: Inspecting,
  size: number,
  announced: readonly LogField[],
  fields: InspectedField[],
): void {
  for (let index = 0; index < size; index++) {
    const { offset } = reader;
    inspectLogValue(reader, shown, (type, value) => {
      const field = announced[index];
      shown.claimText(field?.name.length ?? 0);
      fields.push({
        ...(places ? { offset } : {}),
        ...typed(type, field),
        ...(value === undefined ? {} : { value }),
      });
    });
  }
}

/** A field of the record by its own type, and what was announced of it: a name in the form that is shown. */
function typed(type: LogType, announced: LogField | undefined): InspectedField {
  const found = type === 'table' ? 'set' : type;
  if (announced === undefined) return { type: found };
  const { name } = announced;
  const known = zeekType(announced);
  return announced.type === type ? { name, type: known } : { name, type: found, announced: known };
}

export function inspectIdentifier(message: InspectedIdentifier, inspecting: Inspecting): void {
  const { reader, shown } = inspecting;
  expectList(reader, 2, 'an IdentifierUpdate');
  message.name = nextString(inspecting, 'an identifier');
  inspectValue(reader, shown, (value) => {
    message.value = value;
  });
}
