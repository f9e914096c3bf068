import { type JsonNode, readJson } from '../../codec/json-reader.js';
import { isLogScalar, type LogType, type LogValue } from '../../codec/log-record.js';
import { nameFromBytes, type Text, textFromBytes, textToBytes, unescapeText } from '../../codec/text.js';
import { parseTimestamp, secondsFromNanos } from '../../codec/time.js';
import { ZeekwayError } from '../../core/errors.js';
import type { FieldType } from '../../zeek/field-type.js';
import { absent } from './log-file.js';
import { addressFromText, integerFromText, misfit, portFromText, subnetFromText } from './scalars.js';

/** Values of Zeek's JSON logs (zeek/zeek src/threading/formatters/JSON.cc). */

/**
 * One line. `JSON.parse` is fast but keeps 53 bits of an integer and not how a number was written; where that
 * matters the line is read a second time by a parser that keeps the digits.
 */
export class JsonRecord {
  private exact: ReadonlyMap<string, JsonNode> | undefined;

  private constructor(
    private readonly values: Readonly<Record<string, unknown>>,
    private readonly text: string,
  ) {}

  get names(): string[] {
    return Object.keys(this.values);
  }

  /** The value of a field, null where there is none. */
  value(name: string): unknown {
    return Object.hasOwn(this.values, name) ? this.values[name] : null;
  }

  /** Throws `log_file_invalid` for what is no JSON object. */
  static parse(text: string): JsonRecord {
    let values: unknown;
    try {
      values = JSON.parse(text);
    } catch (error) {
      throw misfit(`a JSON object (${error instanceof Error ? error.message : error})`, text);
    }
    if (typeof values !== 'object' || values === null || Array.isArray(values)) {
      throw misfit('a JSON object', text);
    }
    return new JsonRecord(values as Record<string, unknown>, text);
  }

  /** The value of a field with numbers as they are written. */
  exactValue(name: string): JsonNode | undefined {
    if (!this.exact) {
      const node = readJson(Buffer.from(this.text));
      this.exact = node.kind === 'object' ? node.members : new Map();
    }
    return this.exact.get(name);
  }
}

/** Gives a number's digits as they are written. */
type Digits = () => string;

/** @param index of an element, where the field is an array. */
export function digitsOf(record: JsonRecord, name: string, index?: number): Digits {
  return () => {
    const field = record.exactValue(name);
    const node = index === undefined || field?.kind !== 'array' ? field : field.items[index];
    return node?.kind === 'number' ? node.text : String(record.value(name));
  };
}

/** Makes the value of a field. Throws `log_file_invalid` where it does not fit the type. */
export function jsonValue(record: JsonRecord, name: string, type: FieldType): LogValue {
  const value = record.value(name);
  if (value === null) return absent(type.type);
  if (type.type !== 'table' && type.type !== 'vector') {
    return scalar(type.type, value, digitsOf(record, name));
  }
  if (!Array.isArray(value)) throw misfit('an array', String(value));
  const element = type.subtype;
  const items = value.map(
    (item: unknown, index): LogValue =>
      item === null ? absent(element) : scalar(element, item, digitsOf(record, name, index)),
  );
  return { type: type.type, subtype: element, value: items };
}

/** The JSON of a field's value, to be kept as text where no type fits it. */
export function jsonSource(record: JsonRecord, name: string): LogValue {
  const value = record.value(name);
  if (value === null) return absent('string');
  if (typeof value === 'string') return { type: 'string', value: jsonText(value) };
  const node = record.exactValue(name);
  return { type: 'string', value: node ? nodeText(node) : JSON.stringify(value) };
}

function nodeText(node: JsonNode): string {
  switch (node.kind) {
    case 'number':
      return node.text;
    case 'string':
      return JSON.stringify(Buffer.from(node.bytes).toString());
    case 'array':
      return `[${node.items.map(nodeText).join(',')}]`;
    case 'object':
      return `{${[...node.members].map(([name, item]) => `${JSON.stringify(name)}:${nodeText(item)}`).join(',')}}`;
    default:
      return node.kind === 'null' ? 'null' : String(node.value);
  }
}

function scalar(type: LogType, value: unknown, digits: Digits): LogValue {
  if (!isLogScalar(type)) throw misfit('a scalar', type);
  switch (type) {
    case 'bool':
      if (typeof value !== 'boolean') throw misfit('true or false', String(value));
      return { type, value };
    case 'int':
    case 'count':
      return { type, value: integer(type, value, digits) };
    case 'time':
      return { type, value: time(value, digits) };
    case 'double':
    case 'interval':
      return { type, value: number(type, value) };
    case 'port':
      return { type, value: portFromText(String(number(type, value))) };
    case 'addr':
      return { type, value: addressFromText(string(type, value)) };
    case 'subnet':
      return { type, value: subnetFromText(string(type, value)) };
    case 'enum':
      return { type, value: nameFromBytes(textToBytes(jsonText(string(type, value)))) };
    default:
      return { type, value: jsonText(string(type, value)) };
  }
}

function string(type: string, value: unknown): string {
  if (typeof value !== 'string') throw misfit(`a ${type} (a string)`, String(value));
  return value;
}

function number(type: string, value: unknown): number {
  if (typeof value !== 'number') throw misfit(`a ${type} (a number)`, String(value));
  return value;
}

function integer(type: 'int' | 'count', value: unknown, digits: Digits): bigint {
  return integerFromText(type, Number.isSafeInteger(value) ? String(value) : digits());
}

/** Milliseconds are told from seconds by their size: 10^11 seconds are the year 5138... */
const MILLISECONDS_FROM = 1e11;
/** A fraction that Zeek rounded up to a whole second without carrying it over. */
const ROUNDED_UP = /\.1000000Z$/;

/** Some log pipelines put numbers in quotes. */
const NUMBER_TEXT = /^-?\d+(\.\d+)?$/;

/**
 * The three forms of `LogAscii::json_timestamps`: seconds, which always have a decimal point; milliseconds,
 * which never have one; ISO 8601. Whole seconds without a point, as other tools rewrite them, are known by
 * their size.
 */
function time(value: unknown, digits: Digits): number {
  if (typeof value === 'string')
    return NUMBER_TEXT.test(value) ? time(Number(value), () => value) : isoTime(value);
  const seconds = number('time', value);
  const isMilliseconds = Math.abs(seconds) >= MILLISECONDS_FROM && /^-?\d+$/.test(digits());
  return isMilliseconds ? seconds / 1000 : seconds;
}

function isoTime(text: string): number {
  try {
    if (ROUNDED_UP.test(text)) return secondsFromNanos(parseTimestamp(text.replace(ROUNDED_UP, 'Z'))) + 1;
    return secondsFromNanos(parseTimestamp(text));
  } catch (error) {
    if (!(error instanceof ZeekwayError)) throw error;
    throw misfit('a time', text);
  }
}

/**
 * The bytes of a string, in which Zeek writes what is not UTF-8, and control characters, as `\xNN`. A string
 * that itself holds a backslash, an x and two hex digits looks the same; it is read as the byte.
 */
function jsonText(value: string): Text {
  if (!value.isWellFormed()) throw misfit('a string of Unicode characters', JSON.stringify(value));
  return value.includes('\\x') ? textFromBytes(unescapeText(value)) : value;
}

/** The numeric types in the order in which they are tried. What the last of them cannot hold makes the field a text. */
const NUMBERS: readonly LogType[] = ['int', 'count', 'double'];

/** The type to try for values of both; `undefined` where there is none. */
export function joinTypes(a: LogType, b: LogType): LogType | undefined {
  if (a === b) return a;
  const [first, second] = [NUMBERS.indexOf(a), NUMBERS.indexOf(b)];
  return first < 0 || second < 0 ? undefined : NUMBERS[Math.max(first, second)];
}

/** The type that a value suggests, where nothing else tells; `undefined` where no log type fits. */
export function inferType(record: JsonRecord, name: string): FieldType | undefined {
  const value = record.value(name);
  if (!Array.isArray(value)) {
    const type = inferScalar(value, digitsOf(record, name));
    return type && { type, subtype: 'void' };
  }
  let subtype: LogType | undefined;
  for (const [index, item] of value.entries()) {
    if (item === null) continue;
    const type = inferScalar(item, digitsOf(record, name, index));
    subtype = type && joinTypes(subtype ?? type, type);
    if (subtype === undefined) return undefined;
  }
  return { type: 'vector', subtype: subtype ?? 'string' };
}

function inferScalar(value: unknown, digits: Digits): LogType | undefined {
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'string':
      return 'string';
    case 'number': {
      const text = digits();
      if (!/^-?\d+$/.test(text)) return 'double';
      const whole = BigInt(text);
      if (BigInt.asIntN(64, whole) === whole) return 'int';
      return BigInt.asUintN(64, whole) === whole ? 'count' : 'double';
    }
    default:
      return undefined;
  }
}
