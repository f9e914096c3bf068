import { isLogScalar, LOG_TYPES, type LogField, type LogType } from '../codec/log-record.js';

/** The type of a field: what a reader of its values needs to know of it. */
export type FieldType = Pick<LogField, 'type' | 'subtype'>;

const CONTAINER = /^(set|table|vector)\[(\w+)\]$|^(vector) of (\w+)$/;
const TYPES: ReadonlySet<string> = new Set(LOG_TYPES);
const isType = (name: string): name is LogType => TYPES.has(name);

/**
 * The type that a name of Zeek's stands for: `count`, `set[string]`, and `vector[string]` as the `#types` of a log file
 * have it, or `vector of string` as `record_fields` does. `undefined` for what no log can hold.
 */
export function parseFieldType(text: string): FieldType | undefined {
  const container = CONTAINER.exec(text);
  const name = container?.[2] ?? container?.[4] ?? text;
  if (!isType(name) || !isLogScalar(name)) return undefined;
  if (!container) return { type: name, subtype: 'void' };
  const isVector = (container[1] ?? container[3]) === 'vector';
  return { type: isVector ? 'vector' : 'table', subtype: name };
}
