import { elementType, type FilterColumn, TEXT_TYPES } from './expression.js';

/** Fields and values as a filter has them. */

const NAME = /^[A-Za-z_]\w*(?:[.$:]\w+)*$/;
const LABEL = /^[A-Za-z_]\w*(?:::[A-Za-z_]\w*)*$/;
/** `A::b` is a label and the beginning of an address. */
const LIKE_ADDRESS = /^[0-9a-f:]+$/i;
/** Words that mean something else where a label could stand. */
const RESERVED = /^(and|or|not|in|has|any|t|f|true|false|unset|null|now)$/i;

/** Where a name has other characters it stands in backquotes. */
export const fieldText = (name: string): string =>
  NAME.test(name) && !RESERVED.test(name) ? name : `\`${name}\``;

/**
 * A value of a column as answers show it, as the filter that finds it writes it. `undefined` where no filter could.
 * @param names the fields of the log: a label that is named like one would be the field.
 */
export function valueText(
  column: FilterColumn,
  value: string,
  names: ReadonlySet<string>,
): string | undefined {
  const type = elementType(column.zeekType);
  const isLabel = LABEL.test(value) && !RESERVED.test(value) && !LIKE_ADDRESS.test(value);
  if (type === 'enum' && isLabel && !names.has(value)) return value;
  if (TEXT_TYPES.has(type)) return quoted(value);
  if (type === 'bool') return value === 't' ? 'T' : 'F';
  if (type === 'time') return value.replace(' ', 'T').replace(/\+00$/, 'Z');
  if (type === 'subnet' && !value.includes('/')) return `${value}/${value.includes(':') ? 128 : 32}`;
  return /^(-?Infinity|NaN)$/i.test(value) ? undefined : value;
}

/** In double quotes. What answers show as `\xff` is a byte already, and stays as it is. */
function quoted(value: string): string {
  const escaped = value.replace(/\\x[0-9a-f]{2}|[\\"]/gi, (part) => (part.length > 1 ? part : `\\${part}`));
  const plain = escaped.replace(/\p{Cc}/gu, (one) => {
    const code = one.charCodeAt(0);
    return code < 0x80 ? `\\x${code.toString(16).padStart(2, '0')}` : one;
  });
  return `"${plain}"`;
}
