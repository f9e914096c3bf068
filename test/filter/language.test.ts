import test from 'ava';
import { compileFilter } from '../../src/filter/check.js';
import { FilterError, parseFilter } from '../../src/filter/syntax.js';
import { filterSql } from '../../src/storage/queries/filter-sql.js';
import { Values } from '../../src/storage/queries/values.js';
import { column } from './columns.js';

const COLUMNS = [
  column('ts', 'time', 'timestamptz'),
  column('id.orig_h', 'addr', 'inet'),
  column('id.resp_h', 'addr', 'inet'),
  column('id.resp_p', 'port', 'integer'),
  column('proto', 'enum', 'text'),
  column('service', 'string', 'text'),
  column('host', 'string', 'text'),
  column('duration', 'interval', 'double precision'),
  column('orig_bytes', 'count', 'numeric(20,0)'),
  { ...column('orig_bytes', 'string', 'text'), column: 'orig_bytes:text' },
  column('local_orig', 'bool', 'boolean'),
  column('tags', 'set[string]', 'text[]'),
  column('tx_hosts', 'set[addr]', 'inet[]'),
  column('odd name', 'string', 'text'),
];
const NOW = Date.parse('2026-11-24T12:00:00Z');

function sql(filter: string, columns = COLUMNS): [string, ...unknown[]] {
  const values = new Values();
  return [filterSql(compileFilter(filter, { path: 'conn', columns, now: NOW }), values), ...values.list];
}

const statements: [filter: string, text: string, ...values: unknown[]][] = [
  ['service == "dns"', '"service" = $1::text', 'dns'],
  ['service != "dns"', '("service" IS NOT NULL AND ("service" = $1::text) IS NOT TRUE)', 'dns'],
  ['!(service == "dns")', '("service" = $1::text) IS NOT TRUE', 'dns'],
  ['id.orig_h in 10.0.0.0/8', '"id.orig_h" <<= $1::inet', '10.0.0.0/8'],
  ['id$orig_h == [2001:DB8::1]', '"id.orig_h" = $1::inet', '2001:db8::1'],
  ['id.resp_p == 443/tcp', '("id.resp_p" = $1::integer AND "proto" = $2::text)', '443', 'tcp'],
  ['duration > 1.5 min', '"duration" > $1::double precision', '90'],
  ['ts >= -1h', '"ts" >= $1::timestamptz', '2026-11-24T11:00:00.000000Z'],
  ['ts < now', '"ts" < $1::timestamptz', '2026-11-24T12:00:00.000000Z'],
  ['10kB <= orig_bytes', '"orig_bytes" >= $1::numeric', '10000'],
  ['orig_bytes == "5"', '"orig_bytes:text" = $1::text', '5'],
  ['orig_bytes', '("orig_bytes" IS NOT NULL OR "orig_bytes:text" IS NOT NULL)'],
  ['local_orig', '"local_orig" = $1::boolean', 'true'],
  ['service == unset', '("service" IS NOT NULL) IS NOT TRUE'],
  ['tags has "x"', '$1::text = ANY("tags")', 'x'],
  ['tx_hosts has 10.0.0.0/8', '$1::inet >>= ANY("tx_hosts")', '10.0.0.0/8'],
  ['|tags| > 3', 'cardinality("tags") > $1::numeric', '3'],
  ['id.resp_p in {80, 443}', '"id.resp_p" = ANY($1::integer[])', ['80', '443']],
  ['proto == udp', '"proto" = $1::text', 'udp'],
  ['`odd name` == "x"', '"odd name" = $1::text', 'x'],
  [
    'host ~ "*.ru"',
    '"host" ~ ($1::text COLLATE "C")',
    String.raw`(?:^(?:[^\n]|\n)*\.ru$)`.replaceAll('\\n', '\n'),
  ],
  [
    'a == 1 || b == 2 && c == 3',
    '("a" = $1::numeric OR ("b" = $2::numeric AND "c" = $3::numeric))',
    '1',
    '2',
    '3',
  ],
];

for (const [filter, ...expected] of statements) {
  test(`as SQL: ${filter}`, (t) => {
    const more = ['a', 'b', 'c'].map((name) => column(name, 'count', 'numeric(20,0)'));
    t.deepEqual(sql(filter, [...COLUMNS, ...more]), expected);
  });
}

const mistakes: [filter: string, wrong: string, message: RegExp][] = [
  ['servce == "dns"', 'servce', /did you mean "service"\?/],
  ['service = "dns"', '=', /equality is "=="/],
  ['service == dns', 'dns', /texts stand in quotes: "dns"/],
  ["service == 'dns'", "'", /double quotes/],
  ['id.orig_h == 10.0.0.0/8', '10.0.0.0/8', /"in" finds those of a subnet/],
  ['id.orig_h == 10.0.0.256', '10.0.0.256', /not an IP address/],
  ['orig_bytes > 1min', '1min', /a number, like 42/],
  ['duration > 10MB', '10MB', /an interval, like 5min/],
  ['host ~ /(/', '/', /in the pattern: Unterminated group/],
  ['host ~ /a(?=b)/', '(', /no looking around/],
  [String.raw`host ~ /(a)\1/`, '\\', /no references/],
  ['host ~ /a{300}/', 'a', /at most 255/],
  ['tags == "x"', 'tags', /"has" tests its elements/],
  ['service has "x"', 'service', /no set or vector/],
  ['duration ~ /1/', 'duration', /no text/],
  ['local_orig < T', 'local_orig', /no order/],
  ['service &&', '', /expected .*a field.*found the end/],
  ['(service', '', /expected .*"\)".*found the end/],
  ['any time2 > 1', '2', /expected/],
  ['any pattern == "x"', 'any pattern', /has no field of type pattern/],
  ['"a" == "b"', '"a" == "b"', /found two values/],
  ['service == "a" service == "b"', 'service', /expected &&, \|\|, the end/],
  ['service; DROP TABLE logs.conn', ';', /expected/],
];

for (const [filter, wrong, message] of mistakes) {
  test(`a mistake: ${filter}`, (t) => {
    const error = t.throws(() => sql(filter), { instanceOf: FilterError, message });
    t.is(error?.code, 'filter_invalid');
    const { from, to } = error?.at ?? { from: 0, to: 0 };
    t.is(filter.slice(from, to).slice(0, wrong.length || 1), wrong);
    t.true(to > from);
  });
}

test('what is too long, too deep or too much is refused, and does no harm', (t) => {
  for (const filter of [
    '('.repeat(60_000),
    `${'!('.repeat(70)}service${')'.repeat(70)}`,
    '!'.repeat(60_000),
    `service == "${'x'.repeat(70_000)}"`,
    Array.from({ length: 2_001 }, () => 'local_orig').join('||'),
    `id.resp_p in {${Array.from({ length: 2_001 }, (_, port) => port).join(',')}}`,
    `host ~ /${'(a{255}){255}'}/`,
  ]) {
    t.throws(() => sql(filter), { instanceOf: FilterError }, filter.slice(0, 40));
  }
});

test('a filter of many values, and one that is deep, is read', (t) => {
  t.notThrows(() => sql(`id.resp_p in {${Array.from({ length: 1_999 }, (_, port) => port).join(',')}}`));
  t.notThrows(() => parseFilter(`${'('.repeat(60)}service${')'.repeat(60)}`));
});
