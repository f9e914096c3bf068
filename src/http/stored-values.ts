import { DecodeError } from '../codec/bytes.js';
import { readJson } from '../codec/json-reader.js';
import { encodeValueJson, valueFromJson } from '../codec/value-json.js';
import type { JsonValue } from './values.js';

/**
 * The arguments of a stored event, a JSON array of values, as JSON for clients: see `storedValue`. Throws `DecodeError` for
 * anything else.
 */
export function eventArgs(stored: string): JsonValue[] {
  const node = readJson(Buffer.from(stored, 'utf8'));
  if (node.kind !== 'array')
    throw new DecodeError('decode_invalid', 0, 'an array of arguments', `a ${node.kind}`);
  return node.items.map(valueJson);
}

/**
 * A stored value (Broker's JSON, with all digits) as JSON for clients: the same, with integers beyond 2^53 - 1 as strings.
 * Throws `DecodeError` for anything else.
 */
export const storedValue = (stored: string): JsonValue => valueJson(readJson(Buffer.from(stored, 'utf8')));

function valueJson(node: ReturnType<typeof readJson>): JsonValue {
  const value = valueFromJson(node, { strings: 'escaped' });
  const json = encodeValueJson(value, { strings: 'escaped', bigIntegers: 'string' });
  return JSON.parse(json.toString('utf8'));
}
