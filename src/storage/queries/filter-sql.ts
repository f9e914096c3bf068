import pg from 'pg';
import type { Expression, FilterColumn, Order, Test, ValueTest } from '../../filter/expression.js';
import { isContainer } from '../../filter/expression.js';
import type { Values } from './values.js';

/**
 * A filter as a condition of SQL. All that a user wrote is a value of the statement; names of columns are the
 * catalogue's. A NULL anywhere counts as a test that does not hold: AND and OR keep that, and a negation asks for it.
 */
export function filterSql(expression: Expression, values: Values): string {
  switch (expression.kind) {
    case 'and':
    case 'or':
      return `(${expression.parts.map((part) => filterSql(part, values)).join(` ${expression.kind.toUpperCase()} `)})`;
    case 'not':
      return `(${filterSql(expression.part, values)}) IS NOT TRUE`;
    case 'constant':
      return expression.value ? 'TRUE' : 'FALSE';
    case 'test':
      return testSql(expression.column, expression.test, values);
  }
}

const SQL_ORDERS: Readonly<Record<Order, string>> = { '==': '=', '<': '<', '<=': '<=', '>': '>', '>=': '>=' };

/** Bytes decide the order of texts, and not the language of the database. */
const COLLATION = 'COLLATE "C"';

function testSql(column: FilterColumn, test: Test, values: Values): string {
  const name = pg.escapeIdentifier(column.column);
  switch (test.kind) {
    case 'exists':
      return `${name} IS NOT NULL`;
    case 'size': {
      const size = isContainer(column) ? `cardinality(${name})` : `char_length(${name})`;
      return `${size} ${SQL_ORDERS[test.order]} ${values.add(String(test.size), 'numeric')}`;
    }
    case 'columns': {
      const other = pg.escapeIdentifier(test.other.column);
      const collation = column.sqlType === 'text' ? ` ${COLLATION}` : '';
      return `${name}${collation} ${SQL_ORDERS[test.order]} ${other}${collation}`;
    }
    case 'any':
      return elementSql(name, test.test, values);
    default:
      return valueSql(name, test, values);
  }
}

function elementSql(array: string, test: ValueTest, values: Values): string {
  // Without a subquery it is faster, and an index of a user's own can serve it.
  if (test.kind === 'order' && test.order === '==') {
    return `${values.add(test.scalar.text, test.scalar.sqlType)} = ANY(${array})`;
  }
  if (test.kind === 'within') return `${values.add(test.subnet, 'inet')} >>= ANY(${array})`;
  return `EXISTS (SELECT 1 FROM unnest(${array}) AS element WHERE ${valueSql('element', test, values)})`;
}

function valueSql(name: string, test: ValueTest, values: Values): string {
  switch (test.kind) {
    case 'order': {
      const { text, sqlType } = test.scalar;
      const collation = sqlType === 'text' && test.order !== '==' ? ` ${COLLATION}` : '';
      return `${name} ${SQL_ORDERS[test.order]} ${values.add(text, sqlType)}${collation}`;
    }
    case 'one-of': {
      const type = test.scalars[0]?.sqlType ?? 'text';
      const texts = test.scalars.map(({ text }) => text);
      return `${name} = ANY(${values.add(texts, `${type}[]`)})`;
    }
    case 'within':
      return `${name} <<= ${values.add(test.subnet, 'inet')}`;
    case 'matches':
      // What begins with "***=" or "***:" would be read as a pattern of another kind.
      return `${name} ~ (${values.add(`(?:${test.pattern.source})`, 'text')} ${COLLATION})`;
  }
}
