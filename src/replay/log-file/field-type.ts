import { isLogScalar, LOG_TYPES, type LogField, type LogType } from '../../codec/log-record.js';

/** The type of a field: what a log file needs to know of it. */
export type FieldType = Pick<LogField, 'type' | 'subtype'>;

const CONTAINER = /^(set|table|vector)\[(\w+)\]$/;
const TYPES: ReadonlySet<string> = new Set(LOG_TYPES);
const isType = (name: string): name is LogType => TYPES.has(name);

/** The type that a `#types` line names: `count`, `set[string]`. `undefined` for what no log can hold. */
export function parseFieldType(text: string): FieldType | undefined {
  const container = CONTAINER.exec(text);
  const name = container?.[2] ?? text;
  if (!isType(name) || !isLogScalar(name)) return undefined;
  if (!container) return { type: name, subtype: 'void' };
  return { type: container[1] === 'vector' ? 'vector' : 'table', subtype: name };
}
