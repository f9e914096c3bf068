import test from 'ava';
import fc from 'fast-check';
import { completionAt } from '../../src/filter/complete.js';
import type { FilterColumn } from '../../src/filter/expression.js';
import { tokensOf } from '../../src/filter/tokens.js';

const column = (field: string, zeekType: string, sqlType = 'text'): FilterColumn => ({
  field,
  zeekType,
  sqlType,
  column: field,
});
const columns = [
  column('ts', 'time', 'timestamptz'),
  column('id.orig_h', 'addr', 'inet'),
  column('id.resp_h', 'addr', 'inet'),
  column('service', 'string'),
  column('proto', 'enum'),
  column('duration', 'interval', 'double precision'),
  column('tags', 'set[string]', 'text[]'),
  column('my-field', 'bool', 'boolean'),
];

/** What is offered where `¦` stands, and which columns' values. */
function offered(marked: string) {
  const at = marked.indexOf('¦');
  const text = marked.replace('¦', '');
  const { from, to, items, values } = completionAt(text, at, columns);
  return {
    word: text.slice(from, to),
    texts: items.map((item) => item.text),
    values: values.map(({ field }) => field),
  };
}

test('where a test begins, the fields', (t) => {
  const all = ['ts', 'id.orig_h', 'id.resp_h', 'service', 'proto', 'duration', 'tags', '`my-field`'];
  for (const text of ['¦', '(¦', 'proto == tcp && ¦', '!¦', 'not ¦'])
    t.deepEqual(offered(text).texts, all, text);
});

test('a field is found by a part of its name, and replaced whole', (t) => {
  t.deepEqual(offered('resp¦'), { word: 'resp', texts: ['id.resp_h'], values: [] });
  t.deepEqual(offered('proto == tcp && ser¦vic'), { word: 'servic', texts: ['service'], values: [] });
});

test('behind a field, the operators that its type has', (t) => {
  t.deepEqual(offered('service ¦').texts, ['==', '!=', 'in', '~', '!in', '!~', '&&', '||']);
  t.deepEqual(offered('id.orig_h ¦').texts, ['==', '!=', 'in', '!in', '&&', '||']);
  t.deepEqual(offered('tags ¦').texts, ['has', '~', '!~', '&&', '||']);
  t.deepEqual(offered('duration >¦'), { word: '>', texts: ['>='], values: [] });
});

test('behind an operator, values of that field', (t) => {
  t.deepEqual(offered('service == ¦'), { word: '', texts: ['unset'], values: ['service'] });
  t.deepEqual(offered('service == "dn¦s"').word, '"dns"');
  t.deepEqual(offered('service == "dn¦').values, ['service']);
  t.deepEqual(offered('id$orig_h !in {10.0.0.1, ¦').values, ['id.orig_h']);
  t.deepEqual(offered('proto not in {tcp, u¦').values, ['proto']);
  t.deepEqual(offered('tags has ¦').values, ['tags']);
  t.deepEqual(offered('`my-field` == ¦').texts, ['T', 'F', 'unset']);
  t.deepEqual(offered('ts >= -¦').texts, []);
  t.deepEqual(offered('ts >= ¦').texts, ['-15min', '-1h', '-1d', 'now']);
});

test('behind a test, what joins it with another', (t) => {
  t.deepEqual(offered('service == "dns" ¦').texts, ['&&', '||']);
});

test('nothing in a pattern, or behind what is wrong', (t) => {
  t.deepEqual(offered('service ~ /d¦').texts, []);
  t.deepEqual(offered('service = = ¦').texts, []);
});

test('whatever is written, the words are all of it, and the replaced part is around the cursor', (t) => {
  const bits = fc.constantFrom(
    'service',
    ' ',
    '"',
    '\\',
    '/',
    '`',
    '==',
    '&&',
    '{',
    ',',
    'in',
    '10.0.0.0/8',
    '💥',
  );
  fc.assert(
    fc.property(fc.array(bits), fc.nat(), (parts, place) => {
      const text = parts.join('');
      const at = place % (text.length + 1);
      const joined = tokensOf(text).map((token) => token.text);
      const { from, to } = completionAt(text, at, columns);
      return joined.join('') === text && from <= at && at <= to && to <= text.length;
    }),
  );
  t.pass();
});
