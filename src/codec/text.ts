import { isUtf8 } from 'node:buffer';
import { ZeekwayError } from '../core/errors.js';

/**
 * Zeek's strings are byte strings. Three forms of them, each without loss:
 *
 * - `Text`: a `string` where the bytes are UTF-8 (almost always), else the bytes. For values.
 * - names (topics, enum labels, event names): always a `string`; a byte that is not UTF-8 becomes a lone
 *   surrogate U+DC80..U+DCFF, which cannot come from UTF-8, and turns back into that byte.
 * - escaped: Zeek's own `\xNN` form, for places that hold nothing but text (PostgreSQL, JSON, terminals).
 */
export type Text = string | Uint8Array;

const asBuffer = (bytes: Uint8Array): Buffer =>
  bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

/** Up to so many bytes, reading them here is faster than one call into native code. */
const SHORT_BYTES = 8;
/** Up to so many bytes, looking for ASCII here and one call is faster than two calls. */
const MIDDLE_BYTES = 64;

/** The bytes from `start` to `end` as text where they are few and ASCII, as most are. */
function shortAscii(bytes: Uint8Array, start: number, end: number): string | undefined {
  if (end - start > MIDDLE_BYTES) return undefined;
  for (let at = start; at < end; at++) if ((bytes[at] as number) >= 0x80) return undefined;
  if (end - start > SHORT_BYTES) return asBuffer(bytes).toString('latin1', start, end);
  let text = '';
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at] as number);
  return text;
}

/** The bytes from `start` to `end` as text, or a copy of the bytes where they are not UTF-8. */
export function textFromBytes(bytes: Uint8Array, start = 0, end = bytes.length): Text {
  const short = shortAscii(bytes, start, end);
  if (short !== undefined) return short;
  const part = bytes.subarray(start, end);
  return isUtf8(part) ? asBuffer(part).toString('utf8') : Uint8Array.from(part);
}

export function textToBytes(text: Text): Uint8Array {
  return typeof text === 'string' ? nameToBytes(text) : text;
}

/** The one form of a text: a `Uint8Array` that holds UTF-8 becomes a `string`. */
export function canonicalText(text: Text): Text {
  return typeof text === 'string' ? text : textFromBytes(text);
}

/** Reads a name: UTF-8, and bytes that are not as U+DC80..U+DCFF. */
export function nameFromBytes(bytes: Uint8Array, start = 0, end = bytes.length): string {
  const text = textFromBytes(bytes, start, end);
  return typeof text === 'string' ? text : nameFromOtherBytes(text);
}

/** One pass with two bytes of room for each: a name may be as long as a frame. */
function nameFromOtherBytes(bytes: Uint8Array): string {
  const units = Buffer.allocUnsafe(2 * bytes.length);
  let size = 0;
  const put = (unit: number): void => {
    size = units.writeUInt16LE(unit, size);
  };
  for (let at = 0; at < bytes.length; ) {
    const length = utf8SequenceLength(bytes, at);
    if (length === 0) put(0xdc00 + (bytes[at] as number));
    else if (length === 1) put(bytes[at] as number);
    else for (const unit of codeUnits(codePoint(bytes, at, length))) put(unit);
    at += length === 0 ? 1 : length;
  }
  return units.toString('utf16le', 0, size);
}

const FIRST_BITS = [0, 0x7f, 0x1f, 0x0f, 0x07] as const;

/** The character in a valid UTF-8 sequence. */
function codePoint(bytes: Uint8Array, at: number, length: number): number {
  let code = (bytes[at] as number) & (FIRST_BITS[length] as number);
  for (let index = 1; index < length; index++) code = (code << 6) | ((bytes[at + index] as number) & 0x3f);
  return code;
}

const codeUnits = (code: number): number[] =>
  code < 0x10000 ? [code] : [0xd800 + ((code - 0x10000) >> 10), 0xdc00 + (code & 0x3ff)];

/** Length of the valid UTF-8 sequence at `at`, 0 where there is none (RFC 3629, table of section 4). */
function utf8SequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number;
  if (first < 0x80) return 1;
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (at + length > bytes.length) return 0;
  for (let index = 1; index < length; index++) if (((bytes[at + index] as number) & 0xc0) !== 0x80) return 0;
  const second = bytes[at + 1] as number;
  const tooLong = (first === 0xe0 && second < 0xa0) || (first === 0xf0 && second < 0x90);
  const tooHigh = (first === 0xed && second > 0x9f) || (first === 0xf4 && second > 0x8f);
  return tooLong || tooHigh ? 0 : length;
}

/** The bytes of a name. Throws `encode_invalid` for a lone surrogate that stands for no byte. */
export function nameToBytes(name: string): Uint8Array {
  return name.isWellFormed() ? Buffer.from(name, 'utf8') : otherNameToBytes(name);
}

function otherNameToBytes(name: string): Uint8Array {
  // Lone surrogates become three bytes each (those of U+FFFD), which leaves their places empty.
  const bytes = Buffer.from(name, 'utf8');
  let from = 0;
  let size = 0;
  for (let at = 0; at < name.length; at++) {
    const code = name.codePointAt(at) as number;
    const length = utf8Length(code);
    if (code >= 0xd800 && code <= 0xdfff) {
      if (code < 0xdc80 || code > 0xdcff) {
        throw new ZeekwayError('encode_invalid', 'a string with a lone surrogate cannot be written as UTF-8');
      }
      bytes[size++] = code - 0xdc00;
    } else {
      for (let index = 0; index < length; index++) bytes[size++] = bytes[from + index] as number;
    }
    from += length;
    if (code >= 0x10000) at += 1;
  }
  return bytes.subarray(0, size);
}

const utf8Length = (code: number): number => (code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);

/** The value of a hexadecimal digit in ASCII. */
function hexDigit(byte: number | undefined): number | undefined {
  if (byte === undefined) return undefined;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : undefined;
}

const hexByte = (byte: number): string => `\\x${byte.toString(16).padStart(2, '0')}`;

/** A backslash that could be taken for the begin of an escape. */
const LOOKS_ESCAPED = /\\(?=x[0-9a-fA-F]{2})/g;

/**
 * What Zeek's JSON does not show as it is: controls but for the five with a letter of their own, the C1 controls,
 * the private use area and the specials (zeek/zeek src/util.cc, `json_escape_utf8`).
 */
const NOT_SHOWN = /[^ -~\b\f\n\r\t\u00a0-\udfff\uf900-\uffef]/;
const NOT_SHOWN_BYTES = /[^ -~\b\f\n\r\t]/g;

/**
 * The bytes as text that PostgreSQL and JSON can hold, reversible by `unescapeText`.
 *
 * As Zeek's JSON writer does it: a string that is UTF-8, and has nothing in it that should not be shown, is
 * itself; of any other, every byte that is not printable ASCII becomes `\xNN`. A backslash that stands before
 * something like `x41` becomes `\x5c` (Zeek leaves it, and cannot tell the two apart any more).
 */
export function escapeText(bytes: Uint8Array): string {
  const buffer = asBuffer(bytes);
  const text = isUtf8(bytes) ? buffer.toString('utf8') : undefined;
  if (text !== undefined && !NOT_SHOWN.test(text)) return text.replace(LOOKS_ESCAPED, '\\x5c');
  return buffer
    .toString('latin1')
    .replace(LOOKS_ESCAPED, '\\x5c')
    .replace(NOT_SHOWN_BYTES, (char) => hexByte(char.charCodeAt(0)));
}

/** The bytes that `escapeText` was given. */
export function unescapeText(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'utf8');
  let size = 0;
  for (let from = 0; from < bytes.length; size++) {
    const escaped = escapedByte(bytes, from);
    bytes[size] = escaped ?? (bytes[from] as number);
    from += escaped === undefined ? 1 : 4;
  }
  return bytes.subarray(0, size);
}

/** The byte that `\xNN` at this place stands for. */
function escapedByte(bytes: Uint8Array, at: number): number | undefined {
  if (bytes[at] !== 0x5c || bytes[at + 1] !== 0x78) return undefined;
  const [high, low] = [hexDigit(bytes[at + 2]), hexDigit(bytes[at + 3])];
  return high === undefined || low === undefined ? undefined : 16 * high + low;
}

/** A text for people and for text columns: itself, or escaped where it has to be (`escapeText`). */
export function displayText(text: Text): string {
  return escapeText(textToBytes(text));
}
