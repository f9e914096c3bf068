import type { Expression, FilterColumn } from './expression.js';
import { formatMicros } from './time.js';

/** What every row of a filter's result has, which tells where rows need not be looked for. */

type TestExpression = Extract<Expression, { kind: 'test' }>;

/** The tests that all rows pass: those joined by AND at the top. */
export function conjuncts(expression: Expression): TestExpression[] {
  if (expression.kind === 'test') return [expression];
  return expression.kind === 'and' ? expression.parts.flatMap(conjuncts) : [];
}

/** The range of a time column, half open, in ISO 8601 with six decimals (which sort as they are). */
export function timeBounds(
  expression: Expression,
  isTime: (column: FilterColumn) => boolean,
): { from?: string; to?: string } {
  let [from, to]: (bigint | undefined)[] = [];
  for (const { column, test } of conjuncts(expression)) {
    if (!isTime(column) || test.kind !== 'order' || typeof test.scalar.value !== 'bigint') continue;
    const { order } = test;
    const [at, next] = [test.scalar.value, test.scalar.value + 1n];
    if (order === '>=' || order === '==') from = from === undefined || at > from ? at : from;
    if (order === '>') from = from === undefined || next > from ? next : from;
    if (order === '<') to = to === undefined || at < to ? at : to;
    if (order === '<=' || order === '==') to = to === undefined || next < to ? next : to;
  }
  return {
    ...(from === undefined ? {} : { from: formatMicros(from) }),
    ...(to === undefined ? {} : { to: formatMicros(to) }),
  };
}
