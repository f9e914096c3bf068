import test from 'ava';
import fc from 'fast-check';
import { compileFilter } from '../../src/filter/check.js';
import { makePredicate } from '../../src/filter/predicate.js';
import { expectedAfter, FilterError } from '../../src/filter/syntax.js';
import { filterSql } from '../../src/storage/queries/filter-sql.js';
import { Values } from '../../src/storage/queries/values.js';
import { testDatabase } from '../support/database.js';
import { column } from './columns.js';

/*
 * Whatever somebody writes is a filter or an error with a place, and never a part of the statement.
 */

/** Names as a hostile peer could announce them, too. */
const COLUMNS = [
  column('ts', 'time', 'timestamptz'),
  column('a', 'addr', 'inet'),
  column('p', 'port', 'integer'),
  column('proto', 'enum', 'text'),
  column('s', 'string', 'text'),
  column('n', 'count', 'numeric(20,0)'),
  column('iv', 'interval', 'double precision'),
  column('tags', 'set[string]', 'text[]'),
  column('nets', 'set[subnet]', 'inet[]'),
  column('x"; DROP TABLE t; --', 'string', 'text'),
  column('flag', 'bool', 'boolean'),
];
const options = { path: 't', columns: COLUMNS, now: Date.parse('2026-11-24T12:00:00Z') };

const token = fc.constantFrom(
  ...COLUMNS.map(({ field }) => `\`${field}\``),
  ...['ts', 'a', 'p', 'proto', 's', 'n', 'iv', 'tags', 'nets', 'flag', '|tags|', 'any string', 'any addr'],
  ...[
    '==',
    '!=',
    '<',
    '<=',
    '>',
    '>=',
    '~',
    '!~',
    'in',
    '!in',
    'has',
    '&&',
    '||',
    '!',
    '(',
    ')',
    '{',
    '}',
    ',',
    ' ',
  ],
  ...[
    '"x"',
    '"\'; DROP TABLE t; --"',
    '"\\""',
    '"$1"',
    '"\\x00"',
    '"%"',
    '/a|b/',
    '/[$]{2}/i',
    "/'/",
    '/***=x/',
    '"*"',
  ],
  ...[
    '1',
    '-1',
    '1e400',
    '10MB',
    '5min',
    'now',
    '-1h',
    '2026-11-24',
    '10.0.0.1',
    '10.0.0.0/8',
    '::1',
    '443/tcp',
    'T',
  ],
  ...['unset', 'tcp', 'Notice::LOG', "'", ';', '--', '/*', '$1', '\\', '\0', '\ud800', 'é', '"', '/', '`'],
);
const text = fc.oneof(
  fc.array(token, { maxLength: 14 }).map((tokens) => tokens.join(' ')),
  fc.array(token, { maxLength: 8 }).map((tokens) => tokens.join('')),
  fc.string({ unit: 'binary', maxLength: 60 }),
);

/** All that a statement may consist of. */
const VOCABULARY = new RegExp(
  [
    ...COLUMNS.map((one) => `"${one.column.replaceAll('"', '""').replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}"`),
    String.raw`\$\d+::(?:timestamptz|inet|integer|text|numeric|double precision|boolean)(?:\[\])?`,
    'AND|OR|IS NOT TRUE|IS NOT NULL|TRUE|FALSE|COLLATE "C"|cardinality|char_length|= ANY|>>= ANY|EXISTS',
    'SELECT 1 FROM unnest|AS element WHERE|element|<<=|<=|>=|<|>|=|~',
    '[() ]',
  ].join('|'),
  'g',
);

test('nothing but columns and placeholders comes into the statement, and PostgreSQL takes it', async (t) => {
  const { db } = await testDatabase(t);
  const definition = COLUMNS.map((one) => `"${one.column.replaceAll('"', '""')}" ${one.sqlType}`).join(', ');
  await db.pool.query(`CREATE TABLE fuzzed (${definition})`);
  await db.pool.query(`INSERT INTO fuzzed (s, tags, n, ts, a) VALUES ('x', '{a,b}', 5, now(), '10.0.0.1')`);
  let understood = 0;
  const outcome = await fc.check(
    fc.asyncProperty(text, async (filter) => {
      expectedAfter(filter.slice(0, 200));
      let expression: ReturnType<typeof compileFilter>;
      try {
        expression = compileFilter(filter, options);
      } catch (error) {
        if (!(error instanceof FilterError)) throw error;
        const { from, to } = error.at;
        return from >= 0 && from < to && from <= filter.length;
      }
      understood += 1;
      makePredicate(expression)(() => undefined);
      const values = new Values();
      const where = filterSql(expression, values);
      const rest = where.replace(VOCABULARY, '');
      if (rest !== '') throw new Error(`${rest} in ${where}`);
      await db.pool.query(`SELECT count(*) FROM fuzzed WHERE ${where}`, values.list as string[]);
      return true;
    }),
    { numRuns: 20_000 },
  );
  t.false(outcome.failed, `${JSON.stringify(outcome.counterexample)}: ${outcome.errorInstance}`);
  t.true(understood > 300, `${understood} were filters`);
});
