import test from 'ava';
import fc from 'fast-check';
import { freeColumnName, freeTableName, partitionNames } from '../../src/storage/log-names.js';

const none: ReadonlySet<string> = new Set();

test('a field keeps its own name where it can', (t) => {
  t.is(freeColumnName('id.orig_h', 'inet', none), 'id.orig_h');
  t.is(freeColumnName('Straße "x"', 'text', none), 'Straße "x"');
});

test('a taken, provenance or system column name gets the type', (t) => {
  t.is(freeColumnName('duration', 'text', new Set(['duration'])), 'duration:text');
  t.is(freeColumnName('_received', 'timestamptz', none), '_received:timestamptz');
  t.is(freeColumnName('_source', 'text[]', none), '_source:text[]');
  t.is(freeColumnName('xmin', 'bigint', none), 'xmin:bigint');
});

test('a field that has the name of another one with its type gets a digest', (t) => {
  t.is(freeColumnName('a', 'text', new Set(['a', 'a:text'])), 'a:text~a567078b');
});

test('names that are too long are cut between characters and told apart by a digest', (t) => {
  const long = 'ü'.repeat(40);
  const name = freeColumnName(long, 'text', none);
  t.is(name, `${'ü'.repeat(27)}~${name.slice(-8)}`);
  t.not(freeColumnName(`${long}a`, 'text', none), freeColumnName(`${long}b`, 'text', none));
  t.is(freeTableName('x'.repeat(63), none), 'x'.repeat(63));
  t.is(Buffer.byteLength(freeTableName('x'.repeat(64), none)), 63);
});

test('a table gives way to another relation of its name', (t) => {
  t.is(freeTableName('conn_ts_idx', new Set(['conn_ts_idx'])), 'conn_ts_idx:log');
});

test('any names become different ones that PostgreSQL does not cut', (t) => {
  const names = fc.uniqueArray(fc.string({ unit: 'grapheme', maxLength: 90 }), {
    minLength: 1,
    maxLength: 40,
  });
  fc.assert(
    fc.property(names, (fields) => {
      const taken = new Set<string>();
      for (const field of fields) {
        const name = freeColumnName(field, 'text', taken);
        if (taken.has(name) || name === '' || Buffer.byteLength(name) > 63 || !name.isWellFormed())
          return false;
        taken.add(name);
      }
      return true;
    }),
  );
  t.pass();
});

test('partitions of different tables have different names, however long', (t) => {
  t.is(partitionNames('conn', '20261124')[0], 'conn_20261124');
  t.is(partitionNames('conn_20261124', 'default')[0], 'conn_20261124_default');
  const tables = ['conn', 'conn_20261124', 'conn_default', 'x'.repeat(54), 'x'.repeat(55), 'x'.repeat(63)];
  tables.push(`${'x'.repeat(54)}y`, `${'ü'.repeat(31)}`, `${'ü'.repeat(31)}x`);
  const names = tables.flatMap((table) =>
    ['20261124', '20261125', 'default'].flatMap((suffix) => partitionNames(table, suffix)),
  );
  t.is(new Set(names).size, names.length);
  t.true(names.every((name) => Buffer.byteLength(name) <= 63 && name.isWellFormed()));
  t.is(partitionNames('x'.repeat(63), '20261124')[0]?.slice(-9), '_20261124');
});
