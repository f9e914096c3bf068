import test from 'ava';
import { openApi, type TestApi } from './api.js';

let api: TestApi;
test.before(async (t) => {
  api = await openApi(t);
  await api.makeLog('types', [
    ['ts', 'time', 'timestamptz'],
    ['label', 'string', 'text'],
    ['b', 'bool', 'boolean'],
    ['i', 'int', 'bigint'],
    ['c', 'count', 'numeric(20,0)'],
    ['d', 'double', 'double precision'],
    ['iv', 'interval', 'double precision'],
    ['t', 'time', 'timestamptz'],
    ['s', 'string', 'text'],
    ['e', 'enum', 'text'],
    ['p', 'port', 'integer'],
    ['a', 'addr', 'inet'],
    ['sn', 'subnet', 'inet'],
    ['sc', 'set[count]', 'numeric(20,0)[]'],
    ['ss', 'set[string]', 'text[]'],
    ['sa', 'set[addr]', 'inet[]'],
    ['ssn', 'set[subnet]', 'inet[]'],
    ['vi', 'vector[int]', 'bigint[]'],
    ['vd', 'vector[double]', 'double precision[]'],
    ['vt', 'vector[time]', 'timestamptz[]'],
    ['vb', 'vector[bool]', 'boolean[]'],
    ['vp', 'vector[port]', 'integer[]'],
  ]);
});
test.after.always(() => api.close());

let made = 0;
/** Stores one value and gives what the API makes of it; `undefined` where the row does not have it. */
async function shown(column: string, value: string | null): Promise<unknown> {
  const label = `row ${made++}`;
  await api.addRow('types', { ts: '2026-11-24T03:13:17.123456Z', label, [column]: value });
  const [row] = await api.rows(`/v1/logs/types?label=${label}`);
  return row?.[column];
}

const CASES: readonly (readonly [column: string, stored: string, json: unknown])[] = [
  ['b', 'true', true],
  ['b', 'false', false],
  ['i', '-9223372036854775808', '-9223372036854775808'],
  ['i', '9223372036854775807', '9223372036854775807'],
  ['i', '-9007199254740991', -9007199254740991],
  ['i', '-9007199254740992', '-9007199254740992'],
  ['i', '0', 0],
  ['c', '18446744073709551615', '18446744073709551615'],
  ['c', '9007199254740991', 9007199254740991],
  ['c', '9007199254740992', '9007199254740992'],
  ['d', '1.7976931348623157e308', Number.MAX_VALUE],
  ['d', '5e-324', Number.MIN_VALUE],
  ['d', '0.1', 0.1],
  ['d', 'NaN', 'NaN'],
  ['d', 'Infinity', 'Infinity'],
  ['d', '-Infinity', '-Infinity'],
  ['iv', '-259200', -259200],
  ['t', '2023-11-14T22:13:20.123456Z', '2023-11-14T22:13:20.123456Z'],
  ['t', '1970-01-01T00:00:00Z', '1970-01-01T00:00:00.000000Z'],
  ['s', '', ''],
  ['s', 'café \\x00 nul \\xff "quote" \\ tab\t', 'café \\x00 nul \\xff "quote" \\ tab\t'],
  ['e', 'Gw::RED', 'Gw::RED'],
  ['p', '65535', 65535],
  ['a', '10.0.0.1', '10.0.0.1'],
  ['a', '2001:db8::ff', '2001:db8::ff'],
  ['sn', '10.0.0.0/8', '10.0.0.0/8'],
  ['sn', '192.168.1.1/32', '192.168.1.1/32'],
  ['sn', '10.1.2.3/8', '10.1.2.3/8'],
  ['sn', '2001:db8::1/128', '2001:db8::1/128'],
  ['sn', '::/0', '::/0'],
  ['sc', '{}', []],
  ['sc', '{18446744073709551615,1}', ['18446744073709551615', 1]],
  [
    'ss',
    '{"a,b",NULL,"NULL","","\\"q\\"","back\\\\slash","{}"}',
    ['a,b', null, 'NULL', '', '"q"', 'back\\slash', '{}'],
  ],
  ['sa', '{1.2.3.4,::1}', ['1.2.3.4', '::1']],
  ['ssn', '{fe80::/10,1.2.3.4/32}', ['fe80::/10', '1.2.3.4/32']],
  ['vi', '{-9223372036854775808,NULL,5}', ['-9223372036854775808', null, 5]],
  ['vd', '{NaN,1e-300,-Infinity}', ['NaN', 1e-300, '-Infinity']],
  [
    'vt',
    '{1970-01-01T00:00:00Z,2009-02-13T23:31:30.123456Z,infinity}',
    ['1970-01-01T00:00:00.000000Z', '2009-02-13T23:31:30.123456Z', 'infinity'],
  ],
  ['vb', '{t,f,NULL}', [true, false, null]],
  ['vp', '{22,53}', [22, 53]],
];

for (const [column, stored, json] of CASES) {
  test.serial(`${column}: ${stored} is shown as ${JSON.stringify(json)}`, async (t) => {
    t.deepEqual(await shown(column, stored), json);
  });
}

for (const [stored, json] of [
  ['infinity', 'infinity'],
  ['-infinity', '-infinity'],
  ['0044-03-15 00:00:00+00 BC', '-000043-03-15T00:00:00.000000Z'],
  ['0001-12-31 00:00:00+00 BC', '0000-12-31T00:00:00.000000Z'],
  ['294276-12-31 23:59:59.999999+00', '+294276-12-31T23:59:59.999999Z'],
] as const) {
  test.serial(`the time ${stored} is shown as ${json}`, async (t) => {
    t.is(await shown('t', stored), json);
  });
}

test.serial('an unset field is left out', async (t) => {
  t.is(await shown('s', null), undefined);
});

test.serial('the settings of the session do not show', async (t) => {
  const client = await api.pool.connect();
  await client.query("SET datestyle = 'German'; SET timezone = 'Asia/Kolkata'; SET extra_float_digits = -10");
  // The pool gives out the connection that came back last.
  client.release();
  t.is(await shown('t', '2026-11-24T03:13:17Z'), '2026-11-24T03:13:17.000000Z');
  t.is(await shown('d', '0.1234567890123456'), 0.1234567890123456);
  (await api.pool.connect()).release(true);
});

test.serial('process-wide types of pg are left alone', async (t) => {
  await shown('t', '2026-11-24T03:13:17Z');
  const { rows } = await api.pool.query<{ at: unknown }>('SELECT now() AS at');
  t.true(rows[0]?.at instanceof Date);
});
