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

function nameFromOtherBytes(bytes: Uint8Array): string {
  let result = '';
  let start = 0;
  while (start < bytes.length) {
    const length = utf8SequenceLength(bytes, start);
    if (length === 0) {
      result += String.fromCharCode(0xdc00 + (bytes[start] as number));
      start += 1;
    } else {
      result += asBuffer(bytes).toString('utf8', start, start + length);
      start += length;
    }
  }
  return result;
}

/** Length of the valid UTF-8 sequence at `at`, 0 where there is none. */
function utf8SequenceLength(bytes: Uint8Array, at: number): number {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length++) {
    if (isUtf8(bytes.subarray(at, at + length))) return length;
  }
  return 0;
}

const ESCAPED_BYTE = /[\uD800-\uDBFF][\uDC00-\uDFFF]|[\uDC80-\uDCFF]/g;

function wellFormedToBytes(text: string): Uint8Array {
  if (!text.isWellFormed()) {
    throw new ZeekwayError('encode_invalid', 'a string with a lone surrogate cannot be written as UTF-8');
  }
  return Buffer.from(text, 'utf8');
}

/** The bytes of a name. Throws `encode_invalid` for a lone surrogate that stands for no byte. */
export function nameToBytes(name: string): Uint8Array {
  if (name.isWellFormed()) return Buffer.from(name, 'utf8');
  const parts: Uint8Array[] = [];
  let start = 0;
  for (const match of name.matchAll(ESCAPED_BYTE)) {
    if (match[0].length === 2) continue;
    parts.push(wellFormedToBytes(name.slice(start, match.index)));
    parts.push(Uint8Array.of(match[0].charCodeAt(0) - 0xdc00));
    start = match.index + 1;
  }
  parts.push(wellFormedToBytes(name.slice(start)));
  return Buffer.concat(parts);
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
  if (!text.includes('\\x')) return Buffer.from(text, 'utf8');
  const parts: Uint8Array[] = [];
  let start = 0;
  for (const match of text.matchAll(/\\x([0-9a-fA-F]{2})/g)) {
    parts.push(Buffer.from(text.slice(start, match.index), 'utf8'));
    parts.push(Uint8Array.of(Number.parseInt(match[1] as string, 16)));
    start = match.index + match[0].length;
  }
  parts.push(Buffer.from(text.slice(start), 'utf8'));
  return Buffer.concat(parts);
}

/** A text for people and for text columns: itself, or escaped where it has to be (`escapeText`). */
export function displayText(text: Text): string {
  return escapeText(textToBytes(text));
}
