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

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

/** The bytes as text, or a copy of the bytes where they are not UTF-8. */
export function textFromBytes(bytes: Uint8Array): Text {
  return isUtf8(bytes) ? asBuffer(bytes).toString('utf8') : Uint8Array.from(bytes);
}

export function textToBytes(text: Text): Uint8Array {
  return typeof text === 'string' ? nameToBytes(text) : text;
}

/** The one form of a text: a `Uint8Array` that holds UTF-8 becomes a `string`. */
export function canonicalText(text: Text): Text {
  return typeof text === 'string' ? text : textFromBytes(text);
}

/** Reads a name: UTF-8, and bytes that are not as U+DC80..U+DCFF. */
export function nameFromBytes(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return asBuffer(bytes).toString('utf8');
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
 * The bytes as text that PostgreSQL and JSON can hold, reversible by `unescapeText`.
 *
 * As Zeek's JSON writer does it: when the string is not UTF-8, every byte above 0x7f becomes `\xNN`; NUL
 * always does. A backslash that stands before something like `x41` becomes `\x5c` (Zeek leaves it, and
 * cannot tell the two apart any more); every other backslash stays as it is.
 */
export function escapeText(bytes: Uint8Array): string {
  const buffer = asBuffer(bytes);
  if (isUtf8(bytes)) {
    const text = buffer.toString('utf8');
    if (!text.includes('\\') && !text.includes('\0')) return text;
    return text.replace(LOOKS_ESCAPED, '\\x5c').replaceAll('\0', '\\x00');
  }
  return buffer
    .toString('latin1')
    .replace(LOOKS_ESCAPED, '\\x5c')
    .replace(/[\0\x80-\xff]/g, (char) => hexByte(char.charCodeAt(0)));
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

/** A text for people and for text columns: itself, or escaped where it is bytes or holds NUL. */
export function displayText(text: Text): string {
  return escapeText(textToBytes(text));
}
