import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import test from 'ava';
import { parquetMetadata, parquetReadObjects, parquetSchema } from 'hyparquet';
import { replayFile } from '../../../src/cli/replay-file.js';
import { ownDatabase, testDatabase } from '../../support/database.js';
import { silentLogger } from '../../support/logger.js';
import { storedRecords } from '../../support/stored-logs.js';
import { type Json, openApi, type TestApi } from '../api.js';

/* Values of every type, by each format: all digits, what is unset, what is empty, holes, text that needs quoting. */

const FIELDS = [
  ['ts', 'time', 'timestamptz'],
  ['b', 'bool', 'boolean'],
  ['i', 'int', 'bigint'],
  ['c', 'count', 'numeric(20,0)'],
  ['d', 'double', 'double precision'],
  ['iv', 'interval', 'double precision'],
  ['s', 'string', 'text'],
  ['e', 'enum', 'text'],
  ['p', 'port', 'integer'],
  ['a', 'addr', 'inet'],
  ['sn', 'subnet', 'inet'],
  ['sc', 'set[count]', 'numeric(20,0)[]'],
  ['vs', 'vector[string]', 'text[]'],
  ['vt', 'vector[time]', 'timestamptz[]'],
  ['vb', 'vector[bool]', 'boolean[]'],
  ['va', 'vector[addr]', 'inet[]'],
  ['id.x', 'string', 'text'],
] as const;

const NASTY = 'caf\u00e9 "q", tab\tline\nend\r\\ \\x00\\xff \u{1f600}';

const ROWS: readonly Record<string, string>[] = [
  {
    ts: '1969-12-31T23:59:58.5Z',
    b: 't',
    i: '-9223372036854775808',
    c: '18446744073709551615',
    d: '-0.25',
    iv: '-86400.000001',
    s: NASTY,
    e: 'Notice::LOG',
    p: '65535',
    a: '2001:db8::1',
    sn: '10.0.0.0/8',
    sc: '{18446744073709551615,0}',
    vs: '{"a,b",NULL,"","-","(empty)","plain"}',
    vt: '{2026-11-24T03:00:00.000001Z,NULL}',
    vb: '{t,NULL,f}',
    va: '{10.0.0.1,::1}',
    'id.x': '#',
  },
  { ts: '2026-11-24T03:00:00Z' },
  {
    ts: '2026-11-24T03:00:00.123456Z',
    b: 'f',
    i: '9223372036854775807',
    c: '9007199254740993',
    d: '1000000000000000000000',
    iv: '0',
    s: '',
    e: '-',
    p: '0',
    a: '0.0.0.0',
    sn: '::/0',
    sc: '{}',
    vs: '{}',
    vt: '{}',
    vb: '{}',
    va: '{}',
    'id.x': '(empty)',
  },
];

let api: TestApi;
test.before(async (t) => {
  api = await openApi(t);
  await api.makeLog('types', FIELDS);
  for (const row of ROWS) await api.addRow('types', row);
});
test.after.always(() => api.close());

async function get(query: string): Promise<Buffer> {
  const { statusCode, rawPayload } = await api.server.inject(`/v1/logs/types?order=asc&${query}`);
  if (statusCode !== 200) throw new Error(rawPayload.toString());
  return rawPayload;
}

/** The rows as JavaScript has their values. */
const TYPED: readonly Json[] = [
  {
    ts: -1_500_000n,
    b: true,
    i: -9223372036854775808n,
    c: 18446744073709551615n,
    d: -0.25,
    iv: -86_400.000001,
    s: NASTY,
    e: 'Notice::LOG',
    p: 65_535,
    a: '2001:db8::1',
    sn: '10.0.0.0/8',
    sc: [18446744073709551615n, 0n],
    vs: ['a,b', null, '', '-', '(empty)', 'plain'],
    vt: [1_795_489_200_000_001n, null],
    vb: [true, null, false],
    va: ['10.0.0.1', '::1'],
    'id.x': '#',
  },
  Object.fromEntries(FIELDS.map(([name]) => [name, name === 'ts' ? 1_795_489_200_000_000n : null])),
  {
    ts: 1_795_489_200_123_456n,
    b: false,
    i: 9223372036854775807n,
    c: 9007199254740993n,
    d: 1e21,
    iv: 0,
    s: '',
    e: '-',
    p: 0,
    a: '0.0.0.0',
    sn: '::/0',
    sc: [],
    vs: [],
    vt: [],
    vb: [],
    va: [],
    'id.x': '(empty)',
  },
];

test.serial('Parquet keeps types and values', async (t) => {
  const bytes = await get('format=parquet');
  const file = Uint8Array.from(bytes).buffer;
  const metadata = parquetMetadata(file);
  const types = parquetSchema(metadata).children.map(({ element, children }) => {
    const value = children[0]?.children[0]?.element ?? element;
    return [
      element.name,
      element.repetition_type,
      element.logical_type?.type === 'LIST',
      value.type,
      value.logical_type ?? value.converted_type,
    ];
  });
  // Not as a logical type: what the library writes of that, Arrow and DuckDB refuse.
  const [uint64, text] = ['UINT_64', { type: 'STRING' }];
  const micros = { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' };
  t.deepEqual(types, [
    ['ts', 'OPTIONAL', false, 'INT64', micros],
    ['b', 'OPTIONAL', false, 'BOOLEAN', undefined],
    ['i', 'OPTIONAL', false, 'INT64', 'INT_64'],
    ['c', 'OPTIONAL', false, 'INT64', uint64],
    ['d', 'OPTIONAL', false, 'DOUBLE', undefined],
    ['iv', 'OPTIONAL', false, 'DOUBLE', undefined],
    ['s', 'OPTIONAL', false, 'BYTE_ARRAY', text],
    ['e', 'OPTIONAL', false, 'BYTE_ARRAY', text],
    ['p', 'OPTIONAL', false, 'INT32', 'UINT_16'],
    ['a', 'OPTIONAL', false, 'BYTE_ARRAY', text],
    ['sn', 'OPTIONAL', false, 'BYTE_ARRAY', text],
    ['sc', 'OPTIONAL', true, 'INT64', uint64],
    ['vs', 'OPTIONAL', true, 'BYTE_ARRAY', text],
    ['vt', 'OPTIONAL', true, 'INT64', micros],
    ['vb', 'OPTIONAL', true, 'BOOLEAN', undefined],
    ['va', 'OPTIONAL', true, 'BYTE_ARRAY', text],
    ['id.x', 'OPTIONAL', false, 'BYTE_ARRAY', text],
  ]);
  // Timestamps as they are in the file, where dates of JavaScript would lose microseconds.
  const asMicros = (micros: bigint): bigint => micros;
  const parsers = { timestampFromMicroseconds: asMicros } as unknown as NonNullable<
    Parameters<typeof parquetReadObjects>[0]['parsers']
  >;
  const rows = await parquetReadObjects({ file, metadata, parsers });
  // The library leaves out what is NULL in a list's column.
  t.deepEqual(
    rows.map((row) => Object.fromEntries(FIELDS.map(([name]) => [name, row[name] ?? null]))),
    TYPED,
  );
  t.deepEqual(metadata.key_value_metadata?.[0], { key: 'zeek.path', value: 'types' });
});

test.serial('Arrow keeps types and values', async (t) => {
  const table = tableFromIPC(await get('format=arrow'));
  t.deepEqual(
    table.schema.fields.map(({ name, type }) => [name, String(type)]),
    [
      ['ts', 'Timestamp<MICROSECOND, UTC>'],
      ['b', 'Bool'],
      ['i', 'Int64'],
      ['c', 'Uint64'],
      ['d', 'Float64'],
      ['iv', 'Float64'],
      ['s', 'Utf8'],
      ['e', 'Utf8'],
      ['p', 'Uint16'],
      ['a', 'Utf8'],
      ['sn', 'Utf8'],
      ['sc', 'List<Uint64>'],
      ['vs', 'List<Utf8>'],
      ['vt', 'List<Timestamp<MICROSECOND, UTC>>'],
      ['vb', 'List<Bool>'],
      ['va', 'List<Utf8>'],
      ['id.x', 'Utf8'],
    ],
  );
  t.is(table.schema.fields[11]?.metadata.get('zeek.type'), 'set[count]');
  t.is(table.schema.metadata.get('zeek.path'), 'types');
  // The library's getters give milliseconds for timestamps, which lose digits: they are looked at in their buffers.
  t.deepEqual(
    Array.from(table.getChild('ts')?.data[0]?.values ?? []),
    TYPED.map(({ ts }) => ts),
  );
  t.is(table.getChild('vt')?.data[0]?.children[0]?.values[0], 1_795_489_200_000_001n);
  const withoutTimes = (row: Json): Json => {
    const { ts: _ts, vt: _vt, ...others } = row;
    return others;
  };
  const rows = table.toArray().map((row) => {
    const values = Object.entries(row?.toJSON() as Json).map(([name, value]) => [
      name,
      isIterable(value) ? [...value] : value,
    ]);
    return Object.fromEntries(values) as Json;
  });
  t.deepEqual(rows.map(withoutTimes), TYPED.map(withoutTimes));
  t.deepEqual(
    rows.map(({ vt }) => (vt as unknown[] | null)?.map((time) => time === null)),
    [[false, true], undefined, []],
  );
});

const isIterable = (value: unknown): value is Iterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.iterator in value;

for (const format of ['parquet', 'arrow']) {
  test.serial(`${format} without rows has its columns`, async (t) => {
    const bytes = await get(`format=${format}&b=T&c=1`);
    const names =
      format === 'arrow'
        ? tableFromIPC(bytes).schema.fields.map(({ name }) => name)
        : parquetSchema(parquetMetadata(Uint8Array.from(bytes).buffer)).children.map(
            ({ element }) => element.name,
          );
    t.deepEqual(
      names,
      FIELDS.map(([name]) => name),
    );
  });
}

test.serial('NDJSON has the rows of a page', async (t) => {
  const lines = (await get('format=ndjson')).toString().split('\n');
  t.is(lines.pop(), '');
  t.deepEqual(
    lines.map((line) => JSON.parse(line)),
    await api.rows('/v1/logs/types?order=asc'),
  );
  const chosen = (await get('format=ndjson&fields=id.x,_source&limit=1')).toString();
  t.regex(chosen, /^\{"id\.x":"#","_source":\{"kind":"live",.*\}\}\n$/);
});

test.serial('CSV', async (t) => {
  const fields = 'ts,b,i,c,d,s,sc,vs,vb,va,id.x';
  t.is(
    (await get(`format=csv&fields=${fields}`)).toString(),
    [
      'ts,b,i,c,d,s,sc,vs,vb,va,id.x',
      `1969-12-31T23:59:58.500000Z,true,-9223372036854775808,18446744073709551615,-0.25,"${NASTY.replaceAll('"', '""')}","18446744073709551615,0","[""a,b"",null,"""",""-"",""(empty)"",""plain""]","[true,null,false]","10.0.0.1,::1",#`,
      '2026-11-24T03:00:00.000000Z,,,,,,,,,,',
      '2026-11-24T03:00:00.123456Z,false,9223372036854775807,9007199254740993,1e+21,"",[],[],[],[],(empty)',
      '',
    ].join('\r\n'),
  );
  t.regex((await get('format=csv&fields=_received,_source&limit=1')).toString(), /Z,"\{""kind"":""live"",/);
});

test.serial('TSV is read back as what was stored', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'zeekway-formats-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'types.log');
  writeFileSync(file, await get('format=tsv'));
  const [{ db }, { db: other }] = [await testDatabase(t), await ownDatabase(t)];
  await replayFile(other, file, {
    again: false,
    speed: 'max',
    logger: silentLogger,
    signal: new AbortController().signal,
    onProgress: () => {},
  });
  const [written, read] = [await storedRecords(db, 'types'), await storedRecords(other, 'types')];
  t.deepEqual(read.types, written.types);
  t.deepEqual(read.records, written.records);
});

test.serial(
  'TSV: numbers as C prints them, reserved texts, UTF-8 that Zeek shows and does not',
  async (t) => {
    await api.makeLog('printed', [
      ['d', 'double', 'double precision'],
      ['iv', 'interval', 'double precision'],
      ['t', 'time', 'timestamptz'],
      ['s', 'string', 'text'],
      ['ss', 'set[string]', 'text[]'],
    ]);
    const cases: readonly (readonly [row: Record<string, string | null>, line: string])[] = [
      [{ d: '1e-300', iv: '-0', t: 'infinity', s: '#' }, '0.0\t-0.000000\tinf\t#\t-'],
      [{ d: '-1e-7', iv: '0.0000005', t: '-infinity', s: '#x' }, '-0\t0.000000\t-inf\t#x\t-'],
      [{ d: '0.0078125', iv: '0.0078125', s: 'a\tb,\\' }, '0.007812\t0.007812\t-\ta\\x09b,\\\\\t-'],
      [{ d: 'NaN', iv: 'Infinity', s: 'é' }, 'nan\tinf\t-\té\t-'],
      [
        { d: '-Infinity', iv: '1e22', s: 'é\x01' },
        '-inf\t10000000000000000000000.000000\t-\t\\xc3\\xa9\\x01\t-',
      ],
      [{ d: '0.9999999', iv: '1.9999999', s: 'é\t\\xff' }, '1\t2.000000\t-\té\\x09\\xff\t-'],
      [{ t: '0001-01-01T00:00:00Z BC', s: '' }, '-\t-\t-62167219200.000000\t(empty)\t-'],
      [{ t: '294000-01-01T00:00:00Z', s: '-' }, '-\t-\t9215576668800.000000\t\\x2d\t-'],
      [{ s: '\\x2d', ss: '{é\\,x,""}' }, '-\t-\t-\t\\x2d\té\\x2cx,(empty)'],
      [{ s: '\ue000', ss: '{#}' }, '-\t-\t-\t\\xee\\x80\\x80\t#'],
    ];
    for (const [index, [row]] of cases.entries()) {
      await api.addRow('printed', { _received: `2026-11-24T03:00:0${index}Z`, ...row });
    }
    const { payload } = await api.server.inject('/v1/logs/printed?format=tsv&order=asc');
    t.deepEqual(
      payload.split('\n').filter((line) => !line.startsWith('#') && line !== ''),
      cases.map(([, line]) => line),
    );
    const first = await api.server.inject('/v1/logs/printed?format=tsv&order=asc&fields=s&limit=2');
    t.true(first.payload.includes('\n\\x23\n\\x23x\n#close\t'));
  },
);
