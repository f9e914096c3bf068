import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { pathFromFileName } from '../../src/replay/log-file/name.js';
import type { FieldType } from '../../src/zeek/field-type.js';
import { fixtureFile } from '../support/recordings.js';
import { deadLetters, keep, logItems, plainRow, row, rows, schemas } from './log-rows.js';
import { codes, OPTIONS, read } from './reading.js';

const HEADER = [
  '#separator \\x09',
  '#set_separator\t,',
  '#empty_field\t(empty)',
  '#unset_field\t-',
  '#path\ttest',
];
const tsvFile = (fields: string, types: string, ...records: string[]): Buffer =>
  Buffer.from([...HEADER, `#fields\t${fields}`, `#types\t${types}`, ...records, ''].join('\n'), 'latin1');

test('TSV: escapes, empty and unset', async (t) => {
  const file = tsvFile(
    's\tset\tvec',
    'string\tset[string]\tvector[string]',
    'a\\x09b\\\\x41\\xff\t(empty)\t-',
    '(empty)\t\\x2d,a\\x2cb\tx,-,(empty)',
    '-\t(empty),b\t(empty)',
    '\\x2d\tcaf\xc3\xa9\t\\x28empty)',
  );
  const result = await read(file, 'test.log');
  t.deepEqual(rows(result, keep), [
    { s: 'a\tb\\x5cx41\\xff', set: [] },
    { s: '', set: ['-', 'a,b'], vec: ['x', null, ''] },
    { set: ['', 'b'], vec: [] },
    { s: '-', set: ['caf\u00e9'], vec: ['(empty)'] },
  ]);
});

test('TSV: several headers in one file, other separators', async (t) => {
  const first = tsvFile('a\tb', 'count\tcount', '1\t2');
  const second = Buffer.from(
    '#separator |\n#unset_field|?\n#path|other\n#fields|b|c\n#types|int|bool\n-3|?\n4|T\n',
  );
  const result = await read(Buffer.concat([first, second]), 'x.log', OPTIONS, 10);
  t.deepEqual(
    result.items.map((item) => (item.kind === 'log' ? plainRow(row(item), keep) : item.kind)),
    ['schema', { a: 1n, b: 2n }, 'schema', { b: -3n }, { b: 4n, c: true }],
  );
  t.deepEqual(
    logItems(result).map(({ schema }) => schema.path),
    ['test', 'other', 'other'],
  );
});

test('TSV: a line that cannot be read is a dead letter with its number, the rest is read', async (t) => {
  const bad = ['1', '1\tx\t3', '18446744073709551616\tT', '-1\tT', '1\ttrue', '1.5\tT', '\tT'];
  const result = await read(tsvFile('c\tb', 'count\tbool', '7\tT', ...bad, '8\tF'), 'x.log');
  t.deepEqual(rows(result, keep), [
    { c: 7n, b: true },
    { c: 8n, b: false },
  ]);
  t.is(result.report.deadLetters, bad.length);
  deadLetters(result).forEach(({ reason, raw, code, subject }, index) => {
    t.regex(reason, new RegExp(`^x\\.log line ${index + 9}: `));
    t.is(Buffer.from(raw).toString(), bad[index] ?? '');
    t.is(code, 'log_file_invalid');
    t.is(subject, 'test');
  });
  t.regex(deadLetters(result)[4]?.reason ?? '', /field b: expected a bool \(T or F\), found "true"/);
});

test('TSV: a header that cannot be read makes its records dead letters', async (t) => {
  const headers = [
    ['a\tb', 'count'],
    ['a', 'widget'],
    ['a\ta', 'count\tcount'],
    ['a', 'set[table]'],
  ] as const;
  for (const [fields, types] of headers) {
    const file = Buffer.concat([tsvFile(fields, types, '1', '2'), tsvFile('a', 'count', '3')]);
    const result = await read(file, 'x.log');
    t.is(result.report.deadLetters, 3, types);
    t.deepEqual(rows(result, keep), [{ a: 3n }]);
  }
});

test('TSV: what printf writes for numbers that are none, and -0', async (t) => {
  const { items } = await read(tsvFile('d', 'double', 'nan', '-nan', 'inf', '-inf', '-0', '1e300'), 'x.log');
  t.deepEqual(
    rows({ items }, keep).map(({ d }) => d),
    [Number.NaN, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 1e300],
  );
});

const json = (...records: string[]): Buffer => Buffer.from(`${records.join('\n')}\n`);
const known = (types: Record<string, FieldType>) => () => new Map(Object.entries(types));
const type = (name: FieldType['type']): FieldType => ({ type: name, subtype: 'void' });

test('JSON: integers keep all their digits', async (t) => {
  const options = {
    ...OPTIONS,
    knownTypes: known({ c: type('count'), i: type('int'), v: { type: 'vector', subtype: 'count' } }),
  };
  const file = json(
    '{"c":18446744073709551615,"i":-9223372036854775808,"v":[9007199254740993,null,1]}',
    '{"c":9007199254740993}',
    '{"c":18446744073709551616}',
  );
  const result = await read(file, 'x.log', options);
  t.deepEqual(rows(result, keep), [
    { c: 18446744073709551615n, i: -9223372036854775808n, v: [9007199254740993n, null, 1n] },
    { c: 9007199254740993n },
  ]);
  t.regex(deadLetters(result)[0]?.reason ?? '', /line 3: field c: expected a count/);
});

test('JSON: the three forms of time', async (t) => {
  const file = json(
    '{"ts":1300475168.784020}',
    '{"ts":1300475168784}',
    '{"ts":"2011-03-18T19:06:08.784020Z"}',
    '{"ts":1300475168}',
    '{"ts":253402300799.0}',
    '{"ts":0.0}',
    '{"ts":"2011-03-18T19:06:08.1000000Z"}',
    '{"ts":"yesterday"}',
  );
  const result = await read(file, 'conn.log');
  t.deepEqual(
    rows(result, keep).map(({ ts }) => ts),
    [1300475168.78402, 1300475168.784, 1300475168.78402, 1300475168, 253402300799, 0, 1300475169],
  );
  t.is(deadLetters(result).length, 1);
});

test('JSON: fields that come later make the schema grow, once for what is read together', async (t) => {
  const file = json('{"a":1,"uid":"x"}', '{"a":2,"b":true}', '{"c":[1.5],"a":3}');
  const together = await read(file, 'new.log');
  t.deepEqual(
    schemas(together).map(({ schema }) => schema.fields.map(({ name }) => name)),
    [['a', 'uid', 'b', 'c']],
  );
  const apart = await read(file, 'new.log', OPTIONS, 12);
  t.deepEqual(
    schemas(apart).map(({ schema }) => schema.fields.length),
    [2, 3, 4],
  );
  t.deepEqual(rows(apart, keep), rows(together, keep));
});

test('JSON: types that are inferred, and what does not fit them later', async (t) => {
  const file = json(
    '{"n":1,"d":1.0,"b":false,"s":"x","e":[],"o":{"k":12345678901234567890},"id.orig_h":"1.2.3.4","m":1}',
    '{"n":18446744073709551615,"d":2,"e":["1.5"],"id.orig_h":"::1","m":true}',
    '{"n":"text","e":[7],"id.orig_h":"not an address","m":[1,{"a":null}]}',
  );
  const result = await read(file, 'new.log');
  t.is(result.report.deadLetters, 0);
  t.deepEqual(rows(result, keep), [
    {
      n: '1',
      d: 1,
      b: false,
      s: 'x',
      e: '[]',
      o: '{"k":12345678901234567890}',
      'id.orig_h': '1.2.3.4',
      m: '1',
    },
    { n: '18446744073709551615', d: 2, e: '["1.5"]', 'id.orig_h': '::1', m: 'true' },
    { n: 'text', e: '[7]', 'id.orig_h': 'not an address', m: '[1,{"a":null}]' },
  ]);
  const last = schemas(result)
    .at(-1)
    ?.schema.fields.map(({ name, type: field }) => `${name} ${field}`);
  t.deepEqual(last, [
    'n string',
    'd double',
    'b bool',
    's string',
    'e string',
    'o string',
    'id.orig_h string',
    'm string',
  ]);
});

test('JSON: numbers stay numbers as long as a wider type holds them', async (t) => {
  const file = json(
    '{"i":1,"c":1,"v":[],"w":[null,1],"big":1.5,"e":1e+17,"f":0.5,"ts":"1795489997.5"}',
    '{"i":-1.5,"c":18446744073709551615,"v":[1],"w":[2.5],"big":9007199254740993,"e":1.5,"f":1e300,"ts":1795489998.5}',
    '{"i":2,"c":2,"v":[-2],"w":[],"m":[1,2.5],"x":[1,"a"]}',
  );
  const result = await read(file, 'new.log');
  t.is(result.report.deadLetters, 0);
  t.deepEqual(
    schemas(result).map(({ schema }) =>
      schema.fields.map(({ name, type, subtype }) => `${name} ${type} ${subtype}`).join(', '),
    ),
    [
      'i double void, c count void, v vector int, w vector double, big string void, e double void, f double void, ts time void, m vector double, x string void',
    ],
  );
  t.deepEqual(rows(result, keep), [
    { i: 1, c: 1n, v: [], w: [null, 1], big: '1.5', e: 1e17, f: 0.5, ts: 1795489997.5 },
    {
      i: -1.5,
      c: 2n ** 64n - 1n,
      v: [1n],
      w: [2.5],
      big: '9007199254740993',
      e: 1.5,
      f: 1e300,
      ts: 1795489998.5,
    },
    { i: 2, c: 2n, v: [-2n], w: [], m: [1, 2.5], x: '[1,"a"]' },
  ]);
});

test('JSON and TSV may begin with a byte order mark', async (t) => {
  const mark = Buffer.from('\ufeff');
  const result = await read(Buffer.concat([mark, json('{"uid":"x"}')]), 'conn.log');
  t.deepEqual(rows(result, keep), [{ uid: 'x' }]);
});

test('JSON: bad lines are dead letters, the rest is read', async (t) => {
  const bad = ['{"a":', '[1]', '7', 'null', '{"uid":7}', '{"uid":"\\ud800"}', '{"id.resp_p":70000}'];
  const result = await read(json('{"uid":"x"}', ...bad, '', '{"uid":"y"}'), 'conn.log');
  t.deepEqual(rows(result, keep), [{ uid: 'x' }, { uid: 'y' }]);
  t.deepEqual(
    deadLetters(result).map(({ reason }) => reason.split(':')[0]),
    bad.map((_, index) => `conn.log line ${index + 2}`),
  );
});

test('JSON: the path in the records goes before the name of the file', async (t) => {
  const file = json(
    '{"_path":"dns","_write_ts":"2026-11-24T03:00:00.5Z","qtype":1}',
    '{"_path":"weird","name":"x"}',
    '{"a":1}',
  );
  const result = await read(file, 'json_streaming_all.log');
  t.deepEqual(
    logItems(result).map(({ schema }) => `${schema.path} ${schema.stream}`),
    ['dns DNS::LOG', 'weird Weird::LOG', 'json_streaming_all '],
  );
  t.deepEqual(rows(result, keep)[0], { _write_ts: 1795489200.5, qtype: 1n });
});

test('JSON: bytes that are not UTF-8 come back', async (t) => {
  const options = { ...OPTIONS, knownTypes: known({ s: type('string') }) };
  const [one] = logItems(await read(json('{"s":"caf\\\\xc3\\\\xa9 \\\\xff"}'), 'x.log', options));
  const value = one && Object.values(row(one))[0];
  t.deepEqual(value, { type: 'string', value: new Uint8Array(Buffer.from('caf\xc3\xa9 \xff', 'latin1')) });
});

test('files are gzipped, end without a newline, are empty', async (t) => {
  const log = readFileSync(fixtureFile('zeek/native-logs/tsv/conn.log'));
  const packed = await read(gzipSync(log), 'conn.00:00:00-01:00:00.log.gz');
  t.deepEqual(rows(packed, keep), rows(await read(log, 'conn.log'), keep));
  const open = await read(Buffer.from('{"uid":"a"}\n{"uid":"b"}'), 'conn.log');
  t.is(open.report.records, 2);
  t.deepEqual(codes(open.report), ['log_file_invalid']);
  t.is((await read(Buffer.alloc(0), 'conn.log')).items.length, 0);
  const cut = gzipSync(log);
  t.true(
    codes((await read(cut.subarray(0, cut.length - 8), 'conn.log')).report).includes('capture_truncated'),
  );
});

test('items of log files name the file', async (t) => {
  const { items } = await read(json('{"uid":"a"}'), '/var/log/conn.2026-11-24-00-00-00.log');
  for (const { origin, topic, received } of items) {
    t.deepEqual(origin, { kind: 'backfill', peer: '', name: 'conn.2026-11-24-00-00-00.log' });
    t.is(topic, '');
    t.is(received, OPTIONS.clock.wallNanos());
  }
});

test('paths from names of files', (t) => {
  const names = {
    'conn.log': 'conn',
    '/logs/2026-11-24/known_hosts.00:00:00-01:00:00.log.gz': 'known_hosts',
    'conn.2026-11-24-00-00-00.log.gz': 'conn',
    'conn-26-11-24_00.00.00.log': 'conn',
    'http-2026-11-24-03-00-05.log': 'http',
    'files-smtp.log': 'files-smtp',
    'x509.json.gz': 'x509',
    'conn__2026-11-24-00-00-00__2026-11-24-01-00-00__.log': 'conn',
    'conn_20261124_10:00:00-11:00:00+0000.log': 'conn',
    'conn.20261124.log': 'conn',
    'conn_2026-11-24.log': 'conn',
    'conn.log.1': 'conn',
    'conn.log.12.gz': 'conn',
    'conn.log-20261124.gz': 'conn',
    'messages.jsonl': 'messages',
    'my-log-12.log': 'my-log-12',
    'port_8080.log': 'port_8080',
    'scan_12345678.log': 'scan_12345678',
  };
  for (const [file, path] of Object.entries(names)) t.is(pathFromFileName(file), path, file);
});
