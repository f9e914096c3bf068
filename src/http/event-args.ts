import { DecodeError } from '../codec/bytes.js';
import { readJson } from '../codec/json-reader.js';
import { encodeValueJson, valueFromJson } from '../codec/value-json.js';
import type { JsonValue } from './values.js';

/**
 * The arguments of a stored event (a JSON array of Broker's JSON values, with all digits) as JSON for
 * clients: the same, with integers beyond 2^53 - 1 as strings. Throws `DecodeError` for anything else.
 */
export function eventArgs(stored: string): JsonValue[] {
  const node = readJson(Buffer.from(stored, 'utf8'));
  if (node.kind !== 'array')
    throw new DecodeError('decode_invalid', 0, 'an array of arguments', `a ${node.kind}`);
  return node.items.map((item) => {
    const value = valueFromJson(item, { strings: 'escaped' });
    const json = encodeValueJson(value, { strings: 'escaped', bigIntegers: 'string' });
    return JSON.parse(json.toString('utf8')) as JsonValue;
  });
}
