import { tokensOf } from '../../src/filter/tokens.js';
import { fieldText, valueText } from '../../src/filter/written.js';
import type { Field, Value } from '../api/types.js';

/** Filters that clicks make. */

const isContainer = (type: string): boolean => /^(set|vector|table)\b/.test(type);

/** The test that finds rows with this value of a field; `undefined` where none can. */
export function testFor(
  field: Field,
  value: Value | undefined,
  fields: readonly Field[],
): string | undefined {
  const name = fieldText(field.name);
  if (value === undefined || value === null) return `${name} == unset`;
  if (typeof value === 'object') return undefined;
  const names = new Set(fields.map((one) => one.name));
  const text = typeof value === 'boolean' ? (value ? 't' : 'f') : String(value);
  const written = valueText({ ...field, field: field.name, zeekType: field.type }, text, names);
  return written === undefined ? undefined : `${name} ${isContainer(field.type) ? 'has' : '=='} ${written}`;
}

/** The filter that holds where both do. */
export function withTest(filter: string, test: string): string {
  const before = filter.trim();
  if (before === '') return test;
  const isEither = tokensOf(before).some(({ kind, text }) =>
    kind === 'word' ? text.toLowerCase() === 'or' : text === '||',
  );
  return `${isEither ? `(${before})` : before} && ${test}`;
}

export const withoutTest = (filter: string, test: string): string => withTest(filter, `!(${test})`);

/** What is about a host, wherever its address stands. */
export const aboutHost = (address: string): string => `any addr == ${address}`;
