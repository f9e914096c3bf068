import { readFileSync } from 'node:fs';

/*
 * Reads Zeek's own JSON logs and PostgreSQL's rows into one form, to compare them field by field. Independent
 * of src: what is compared here is what src made of the bytes.
 */

type Canonical = string | boolean | null | Canonical[];
type Json = string | number | boolean | null | Json[];

/** `JSON.parse`, with integers that a double cannot hold as text. */
function parseExactly(line: string): Record<string, Json> {
  return JSON.parse(line.replace(/(?<=[:,[])-?\d{16,}(?=[,\]}])/g, '"$&"'));
}

export function readJsonLog(file: string): Record<string, Json>[] {
  return readFileSync(file, 'utf8').trimEnd().split('\n').map(parseExactly);
}

export const parseRow = parseExactly;

/** The bytes that a text with `\xNN` escapes stands for, as hexadecimal. */
function bytesOf(text: string): string {
  return text
    .split(/(\\x[0-9a-f]{2})/)
    .map((part) =>
      /^\\x[0-9a-f]{2}$/.test(part) ? part.slice(2) : Buffer.from(part, 'utf8').toString('hex'),
    )
    .join('');
}

/** Seconds since the epoch with 6 decimals, from a number or from ISO 8601 with microseconds. */
function secondsOf(value: Json): string {
  if (typeof value === 'number') return value.toFixed(6);
  const match = /^(.{19})(?:\.(\d{1,6}))?\+00:00$/.exec(String(value));
  if (!match) throw new Error(`no time: ${value}`);
  return `${Date.parse(`${match[1]}Z`) / 1000}.${(match[2] ?? '').padEnd(6, '0')}`;
}

/** Whether the order of a set's elements counts: Broker has sets in an order of its own. */
export type SetOrder = 'as written' | 'any';

/** One value by its Zeek type, the same text for the same value. */
function canonical(value: Json, zeekType: string, order: SetOrder): Canonical {
  if (value === null) return null;
  const [, container, element] = /^(set|vector)\[(.+)\]$/.exec(zeekType) ?? [];
  if (element !== undefined) {
    const items = (value as Json[]).map((item) => canonical(item, element, order));
    return container === 'set' && order === 'any' ? items.sort() : items;
  }
  switch (zeekType) {
    case 'time':
      return secondsOf(value);
    case 'interval':
      return Number(value).toFixed(6);
    case 'double':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'string':
    case 'enum':
      return bytesOf(String(value));
    case 'subnet':
      // PostgreSQL leaves the length out where it is the whole address.
      return String(value).includes('/')
        ? String(value)
        : `${value}/${String(value).includes(':') ? 128 : 32}`;
    case 'bool':
      return value as boolean;
    default:
      return String(value);
  }
}

/** A record with what is unset left out, as Zeek's JSON has it, as one line that can be sorted. */
export function canonicalRecord(
  record: Record<string, Json>,
  types: ReadonlyMap<string, string>,
  order: SetOrder = 'as written',
): string {
  const fields = Object.entries(record)
    .filter(([name, value]) => value !== null && types.has(name))
    .map(([name, value]) => [name, canonical(value, types.get(name) as string, order)]);
  return JSON.stringify(Object.fromEntries(fields.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))));
}
