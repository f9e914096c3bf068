import { Address, Subnet } from '../../codec/address.js';
import { ByteWriter } from '../../codec/bytes.js';
import { nameFromBytes, nameToBytes, textFromBytes } from '../../codec/text.js';
import { address, string, subnet, type TableEntry, timespan, type Value } from '../../codec/value.js';
import { ZeekwayError } from '../../core/errors.js';
import { DEFAULT_CODEC_LIMITS } from '../../core/limits.js';
import { INTERVAL, intervalNanos, SCALAR_TYPES, SPACED_INTERVAL, WORD, wordByForm } from './words.js';

/**
 * Reads a value in Zeek's notation, as scripts have it:
 *
 *     T  42  -42  +42  1.5  1e9  "text\n"  Notice::LOG  1.2.3.4  [::1]  10.0.0.0/8  80/tcp  5secs  1.5 min
 *     2024-01-02T03:04:05.123456Z  {a, b}  [a, b]  {[k] = v}  none
 *
 * and with its type where the form does not tell it: `int(5)`, `string(5)`, `time(1700000000.5)`, `set()`, `table()`.
 * A word that is nothing else is a string. Throws `notation_invalid`, which names the character (from 1) and what was
 * expected.
 */
export function parseNotation(text: string): Value {
  const scanner = new Scanner(text);
  const half = text.search(HALF_CHARACTER);
  if (half >= 0) scanner.refuse(half, 'expected text, found half a character');
  const value = parseValue(scanner, 0);
  if (scanner.next() !== '') scanner.fail('the end (a string with spaces or brackets stands in quotes)');
  return value;
}

/** A lone surrogate, but for those that stand for bytes (codec/text.ts). */
const HALF_CHARACTER = /[\u{d800}-\u{dbff}\u{dc00}-\u{dc7f}\u{dd00}-\u{dfff}]/u;

class Scanner {
  at = 0;

  constructor(readonly text: string) {}

  /** The next character that is no white space, without taking it; empty at the end. */
  next(): string {
    this.match(/\s*/y);
    return this.text.charAt(this.at);
  }

  /** Takes what matches here. @param pattern a sticky one. */
  match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (!found) return undefined;
    this.at += found[0].length;
    return found;
  }

  /** Takes a character where it is the next one. */
  take(character: string): boolean {
    if (this.next() !== character) return false;
    this.at += 1;
    return true;
  }

  expect(character: string, expected = `"${character}"`): void {
    if (!this.take(character)) this.fail(expected);
  }

  fail(expected: string, at = this.at): never {
    const found = this.text.slice(at, at + 20);
    this.refuse(at, `expected ${expected}, found ${found === '' ? 'the end' : JSON.stringify(found)}`);
  }

  refuse(at: number, what: string): never {
    const character = [...this.text.slice(0, at)].length + 1;
    throw new ZeekwayError('notation_invalid', `at character ${character}: ${what}`);
  }

  /** Makes a value of what began at `at`, which an error is told with. */
  make(at: number, make: () => Value): Value {
    try {
      return make();
    } catch (error) {
      if (error instanceof ZeekwayError) this.refuse(at, error.message);
      throw error;
    }
  }
}

function parseValue(scanner: Scanner, depth: number): Value {
  const next = scanner.next();
  if (depth > DEFAULT_CODEC_LIMITS.depth) {
    scanner.fail(`values nested at most ${DEFAULT_CODEC_LIMITS.depth} deep`);
  }
  switch (next) {
    case '"':
      return string(textFromBytes(parseQuoted(scanner)));
    case '{':
      return parseBraces(scanner, depth);
    case '[':
      return bracketedAddress(scanner) ?? { type: 'vector', value: parseItems(scanner, '[', ']', depth) };
    default:
      return parseInterval(scanner) ?? parseWord(scanner, depth);
  }
}

/** `[::1]` and `[2001:db8::]/32`: an address, though a vector of words may look like it. */
function bracketedAddress(scanner: Scanner): Value | undefined {
  const at = scanner.at;
  const [text] = scanner.match(/\[[0-9a-fA-F:.]{2,45}\](?:\/\d{1,3})?/y) ?? [];
  if (text === undefined || !text.includes(':')) {
    scanner.at = at;
    return undefined;
  }
  if (text.includes('/')) return scanner.make(at, () => subnet(Subnet.parse(text)));
  try {
    return address(Address.parse(text));
  } catch (error) {
    if (!(error instanceof ZeekwayError)) throw error;
    scanner.at = at;
    return undefined;
  }
}

/** A number with a unit, or several, as Zeek prints them: `1.0 hr 30.0 mins`. */
function parseInterval(scanner: Scanner): Value | undefined {
  const at = scanner.at;
  const parts: RegExpExecArray[] = [];
  for (let part = scanner.match(INTERVAL); part; part = scanner.match(SPACED_INTERVAL)) parts.push(part);
  if (parts.length === 0) return undefined;
  return scanner.make(at, () => {
    const nanos = parts.map(([, number = '', unit = '']) => intervalNanos(number, unit));
    return timespan(nanos.reduce((sum, each) => sum + each, 0n));
  });
}

function parseWord(scanner: Scanner, depth: number): Value {
  const at = scanner.at;
  const [word] = scanner.match(WORD) ?? [];
  if (word === undefined) return scanner.fail('a value');
  if (scanner.text.charAt(scanner.at) !== '(') return scanner.make(at, () => wordByForm(word));
  switch (word) {
    case 'set':
    case 'vector':
      return { type: word, value: parseItems(scanner, '(', ')', depth) };
    case 'table':
      return { type: word, value: parseEntries(scanner, depth) };
    default: {
      const make = SCALAR_TYPES.get(word);
      if (make) return parseTyped(scanner, make);
      return scanner.fail(`a type (${[...SCALAR_TYPES.keys()].join(', ')}, set, vector, table)`, at);
    }
  }
}

/** What stands in the parentheses of a type: a text in quotes, or all up to their end. */
function parseTyped(scanner: Scanner, make: (text: string) => Value): Value {
  scanner.expect('(');
  const isQuoted = scanner.next() === '"';
  const at = scanner.at;
  const text = isQuoted ? nameFromBytes(parseQuoted(scanner)) : scanner.match(/[^()"]*/y)?.[0].trim();
  scanner.expect(')');
  // What is quoted may be bytes that are no UTF-8: a name keeps those, a string is made of the bytes.
  return scanner.make(at, () => {
    const value = make(text ?? '');
    return value.type === 'string' ? string(textFromBytes(nameToBytes(text ?? ''))) : value;
  });
}

function parseItems(scanner: Scanner, open: string, close: string, depth: number): Value[] {
  scanner.expect(open);
  const items: Value[] = [];
  if (scanner.take(close)) return items;
  do items.push(parseValue(scanner, depth + 1));
  while (scanner.take(','));
  scanner.expect(close, `"," or "${close}"`);
  return items;
}

function parseEntries(scanner: Scanner, depth: number): TableEntry[] {
  scanner.expect('(');
  const entries: TableEntry[] = [];
  if (scanner.take(')')) return entries;
  do {
    scanner.next();
    const at = scanner.at;
    entries.push(parseEntry(scanner, at, parseValue(scanner, depth + 1), depth));
  } while (scanner.take(','));
  scanner.expect(')', '"," or ")"');
  return entries;
}

/** A set, or a table where "=" follows the first element. */
function parseBraces(scanner: Scanner, depth: number): Value {
  scanner.expect('{');
  const items: Value[] = [];
  const entries: TableEntry[] = [];
  if (scanner.take('}')) return { type: 'set', value: items };
  do {
    scanner.next();
    const at = scanner.at;
    const item = parseValue(scanner, depth + 1);
    const isEntry = scanner.next() === '=';
    if (entries.length > 0 || (isEntry && items.length === 0)) {
      entries.push(parseEntry(scanner, at, item, depth));
    } else {
      items.push(item);
    }
  } while (scanner.take(','));
  scanner.expect('}', '"," or "}"');
  return entries.length > 0 ? { type: 'table', value: entries } : { type: 'set', value: items };
}

/** The rest of an entry, whose key in its brackets was read as a value that began at `at`. */
function parseEntry(scanner: Scanner, at: number, bracketed: Value, depth: number): TableEntry {
  if (scanner.text.charAt(at) !== '[' || bracketed.type === 'subnet') scanner.fail('a key in brackets', at);
  const key = keyOf(bracketed) ?? scanner.fail('a key in the brackets', at + 1);
  scanner.expect('=');
  return [key, parseValue(scanner, depth + 1)];
}

/** The brackets of a key look like those of a vector. Several values in them are one key. */
function keyOf(bracketed: Value): Value | undefined {
  if (bracketed.type !== 'vector') return bracketed;
  return bracketed.value.length > 1 ? bracketed : bracketed.value[0];
}

const ESCAPES: ReadonlyMap<string, number> = new Map([
  ['a', 0x07],
  ['b', 0x08],
  ['f', 0x0c],
  ['n', 0x0a],
  ['r', 0x0d],
  ['t', 0x09],
  ['v', 0x0b],
]);

/** The bytes of a text in quotes, with the escapes of Zeek's scripts (zeek/zeek src/util.cc, `expand_escape`). */
function parseQuoted(scanner: Scanner): Uint8Array {
  const begin = scanner.at;
  scanner.expect('"');
  const bytes = new ByteWriter();
  for (;;) {
    const [plain] = scanner.match(/[^"\\]+/y) ?? [];
    if (plain !== undefined) bytes.put(nameToBytes(plain));
    if (scanner.match(/"/y)) return bytes.finish();
    const [, hex, octal, other] = scanner.match(/\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|([^x]))/suy) ?? [];
    if (hex !== undefined) bytes.u8(Number.parseInt(hex, 16));
    else if (octal !== undefined) bytes.u8(Number.parseInt(octal, 8) & 0xff);
    else if (other !== undefined) putOther(bytes, other);
    else if (scanner.at + 1 < scanner.text.length) scanner.fail('an escape, like \\n or \\xff');
    else scanner.refuse(begin, 'expected a closing quote, found the end');
  }
}

/** An escape of one letter; any other character stands for itself. */
function putOther(bytes: ByteWriter, letter: string): void {
  const byte = ESCAPES.get(letter);
  if (byte === undefined) bytes.put(nameToBytes(letter));
  else bytes.u8(byte);
}
