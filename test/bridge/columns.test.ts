import test from 'ava';
import { columnSpecs } from '../../src/bridge/columns.js';
import { LOG_SCALARS, type LogField, type LogType } from '../../src/codec/log-record.js';

const field = (name: string, type: LogType, subtype: LogType = 'void'): LogField => ({
  name,
  type,
  subtype,
  optional: false,
});
const schema = (fields: LogField[], path = 'x') => ({ stream: 'X::LOG', writer: 'W', path, fields });

test('every type of Zeek has its column type, alone, in a set and in a vector', (t) => {
  const types = Object.fromEntries(
    LOG_SCALARS.map((type) => {
      const specs = columnSpecs(
        schema([field('one', type), field('set', 'table', type), field('vector', 'vector', type)]),
      );
      t.deepEqual(
        specs.map(({ field, zeekType }) => [field, zeekType]),
        [
          ['one', type],
          ['set', `set[${type}]`],
          ['vector', `vector[${type}]`],
        ],
      );
      const [one, ...containers] = specs.map(({ sqlType }) => sqlType);
      t.deepEqual(containers, [`${one}[]`, `${one}[]`]);
      return [type, one];
    }),
  );
  t.deepEqual(types, {
    bool: 'boolean',
    int: 'bigint',
    count: 'numeric(20,0)',
    double: 'double precision',
    time: 'timestamptz',
    interval: 'double precision',
    string: 'text',
    enum: 'text',
    port: 'integer',
    addr: 'inet',
    subnet: 'inet',
    func: 'text',
    file: 'text',
  });
});

test('bytes in names that text cannot hold are escaped', (t) => {
  const [spec] = columnSpecs(schema([field('a\0\udcff\\b', 'count')]));
  t.is(spec?.field, 'a\\x00\\xff\\b');
});

const INVALID: [string, LogField[], RegExp, path?: string][] = [
  ['a record as a field', [field('r', 'record')], /field "r" of type record/],
  ['a set of sets', [field('r', 'table', 'table')], /field "r" of type set\[table\]/],
  ['two fields of one name', [field('r', 'int'), field('r', 'count')], /two fields named "r"/],
  ['a field without a name', [field('', 'int')], /a field without a name/],
  ['no path', [field('r', 'int')], /X::LOG announces a log without a path/, ''],
];
for (const [what, fields, message, path] of INVALID) {
  test(`refused: ${what}`, (t) => {
    t.throws(() => columnSpecs(schema(fields, path)), { code: 'log_schema_invalid', message });
  });
}
