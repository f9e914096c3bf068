import { readJson } from '../../codec/json-reader.js';
import { unescapeText } from '../../codec/text.js';
import { real } from '../../codec/value.js';
import { valueFromJson } from '../../codec/value-json.js';
import type { Json } from '../inspected-values.js';
import { printNotation, quoteText } from './print.js';

/**
 * An inspected value (the JSON of `inspectValue`) in Zeek's notation. Where reading ended in the middle of it, what is
 * not there is shown as `...`.
 */
export function inspectedNotation(json: Json | undefined): string {
  if (json === undefined || !isTyped(json)) return '...';
  const { '@data-type': type, data } = json;
  if (Array.isArray(data)) {
    const items = data.map((item) => (type === 'table' ? entryNotation(item) : inspectedNotation(item)));
    if (type === 'vector') return `[${items.join(', ')}]`;
    return items.length === 0 ? `${type}()` : `{${items.join(', ')}}`;
  }
  if (type === 'string' && typeof data === 'string') return quoteText(unescapeText(data));
  // As text it would lose the sign of a zero.
  if (type === 'real' && typeof data === 'number') return printNotation(real(data));
  const text = Buffer.from(JSON.stringify(json), 'utf8');
  return printNotation(valueFromJson(readJson(text), { strings: 'escaped' }));
}

interface Typed {
  readonly '@data-type': string;
  readonly data: Json;
}

const isTyped = (json: Json): json is Typed & { [key: string]: Json } =>
  json !== null && typeof json === 'object' && '@data-type' in json;

function entryNotation(entry: Json): string {
  if (entry === null || typeof entry !== 'object' || Array.isArray(entry)) return '...';
  const { key, value } = entry;
  const shown = inspectedNotation(key);
  const isSeveral = key !== undefined && isTyped(key) && key['@data-type'] === 'vector';
  const hasItems = isSeveral && Array.isArray(key['data']) && key['data'].length > 1;
  return `[${hasItems ? shown.slice(1, -1) : shown}] = ${inspectedNotation(value)}`;
}
