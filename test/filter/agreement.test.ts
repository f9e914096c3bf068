import test from 'ava';
import fc from 'fast-check';
import { Address, Subnet } from '../../src/codec/address.js';
import { encodeLogRecord, isAbsent, type LogScalar, type LogValue } from '../../src/codec/log-record.js';
import { Port } from '../../src/codec/port.js';
import { compileFilter } from '../../src/filter/check.js';
import type { FilterColumn } from '../../src/filter/expression.js';
import { makePredicate } from '../../src/filter/predicate.js';
import { describeLogs, type LogDescription } from '../../src/storage/queries/catalogue.js';
import { filterSql } from '../../src/storage/queries/filter-sql.js';
import { read } from '../../src/storage/queries/query.js';
import { Values } from '../../src/storage/queries/values.js';
import { makeBridge, messages } from '../bridge/numbers.js';
import { field, logItem, origin, schemaOf } from '../bridge/support.js';
import { logScalar } from '../support/arbitrary.js';
import { ownDatabase } from '../support/database.js';

/*
 * A filter gives the same rows as SQL over what is stored and as a predicate over what comes: random filters over rows
 * with all types and all their edges.
 */

const FIELDS = [
  field('n', 'count'),
  field('ts', 'time'),
  field('flag', 'bool'),
  field('i', 'int'),
  field('c', 'count'),
  field('c2', 'count'),
  field('d', 'double'),
  field('iv', 'interval'),
  field('s', 'string'),
  field('s2', 'string'),
  field('proto', 'enum'),
  field('a', 'addr'),
  field('net', 'subnet'),
  field('p', 'port'),
  field('ss', 'table', 'string'),
  field('sa', 'table', 'addr'),
  field('vc', 'vector', 'count'),
  field('vp', 'vector', 'port'),
];
const SCHEMA = schemaOf('all_types', FIELDS);
const ROWS = 400;

/** Few values, so that equal ones meet; and all edges. */
const POOL: Readonly<Partial<Record<LogScalar, readonly LogValue[]>>> = {
  int: [-5n, 0n, 7n, -(2n ** 63n), 2n ** 63n - 1n].map((value) => ({ type: 'int', value })),
  count: [0n, 1n, 3n, 1_000n, 1_024n, 10_000_000n, 2n ** 64n - 1n].map((value) => ({ type: 'count', value })),
  double: [0, -0, 1.5, -2, NaN, Infinity, -Infinity, 1e300].map((value) => ({ type: 'double', value })),
  interval: [0, 0.001, 1, 59.999_999_9, 60, 3_600, -1].map((value) => ({ type: 'interval', value })),
  time: [0, 1_700_000_000.123_456, 1_700_000_000.5, 1_699_996_400, NaN, Infinity, -1].map((value) => ({
    type: 'time',
    value,
  })),
  string: [
    '',
    'a',
    'dns',
    'DNS',
    'x\ny',
    'é',
    '\u{1f600}',
    '\uffee',
    'a*b',
    'www.example.ru',
    '\\x41',
    'q"uo\'te',
  ].map((value) => ({ type: 'string', value })),
  enum: ['tcp', 'udp', 'icmp', 'unknown_transport', 'Notice::LOG'].map((value) => ({ type: 'enum', value })),
  addr: ['10.0.0.1', '10.255.0.1', '11.0.0.1', '2001:db8::1', '::1', '::', '0.0.0.0', '::ffff:1.2.3.4'].map(
    (text) => ({
      type: 'addr',
      value: Address.parse(text),
    }),
  ),
  subnet: [
    '10.0.0.0/8',
    '10.1.2.3/8',
    '10.0.0.0/16',
    '0.0.0.0/0',
    '::/0',
    '2001:db8::/32',
    '::ffff:0:0/90',
  ].map((text) => ({ type: 'subnet', value: Subnet.parse(text) })),
  port: [
    [443, 'tcp'],
    [443, 'udp'],
    [0, 'unknown'],
    [8, 'icmp'],
    [65_535, 'udp'],
  ].map(([number, protocol]) => ({ type: 'port', value: Port.of(Number(number), protocol as 'tcp') })),
};

const scalar = (type: LogScalar): fc.Arbitrary<LogValue> => {
  const pool = POOL[type];
  return pool
    ? fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...pool) }, logScalar(type))
    : logScalar(type);
};

const row = fc.tuple(
  ...FIELDS.slice(1).map(({ type, subtype }): fc.Arbitrary<LogValue> => {
    const absent: LogValue = { type, subtype, absent: true };
    if (type !== 'table' && type !== 'vector') {
      return fc.oneof({ weight: 5, arbitrary: scalar(type as LogScalar) }, fc.constant(absent));
    }
    const hole: LogValue = { type: subtype, subtype: 'void', absent: true };
    const element = fc.oneof({ weight: 6, arbitrary: scalar(subtype as LogScalar) }, fc.constant(hole));
    const items = fc.array(element, { maxLength: 4 }).map((value): LogValue => ({ type, subtype, value }));
    return fc.oneof({ weight: 5, arbitrary: items }, fc.constant(absent));
  }),
);

const pick = (...texts: string[]): fc.Arbitrary<string> => fc.constantFrom(...texts);
const test3 = (...parts: (fc.Arbitrary<string> | string)[]): fc.Arbitrary<string> =>
  fc
    .tuple(...parts.map((part) => (typeof part === 'string' ? fc.constant(part) : part)))
    .map((all) => all.join(' '));
const list = (item: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.array(item, { maxLength: 4 }).map((items) => `{${items.join(', ')}}`);

const order = pick('==', '!=', '<', '<=', '>', '>=');
const equality = pick('==', '!=');
const membership = pick('in', '!in', 'not in');
const number = fc.oneof(
  pick(
    '0',
    '1',
    '-5',
    '1.5',
    '-2',
    '1e3',
    '10MB',
    '1KiB',
    '1.5kB',
    '3',
    '18446744073709551615',
    '9223372036854775808',
  ),
  fc.integer().map(String),
  fc.double({ noNaN: true, min: -1e6, max: 1e6 }).map((value) => value.toFixed(3)),
);
const interval = pick('1min', '0.001sec', '1ms', '60', '0', '1h', '-1s', '59.9999999s', '1 day', '3 hrs');
const time = pick(
  'now',
  '-1h',
  'now - 7d',
  '1700000000.123456',
  '2023-11-14T22:13:20.5Z',
  '2023-11-14',
  '0',
  '1.5',
  '-1',
);
const quoted = pick(
  '""',
  '"a"',
  '"dns"',
  '"DNS"',
  String.raw`"x\ny"`,
  '"é"',
  '"\u{1f600}"',
  '"\uffee"',
  '"a*b"',
  String.raw`"\x41"`,
  String.raw`"\\x41"`,
  String.raw`"q\"uo'te"`,
  '"b"',
  String.raw`"\xff"`,
);
const glob = pick('"*"', '"d?s"', '"*.ru"', '"a*b"', '"*\'*"', '"?"', '"www.*"', '""', '"[ab]"');
const label = pick('tcp', 'udp', '"icmp"', 'Notice::LOG', 'unknown_transport');
const addr = pick('10.0.0.1', '2001:db8::1', '[::1]', '::', '0.0.0.0', '::ffff:1.2.3.4', '1.2.3.4');
const net = pick(
  '10.0.0.0/8',
  '10.1.2.3/8',
  '0.0.0.0/0',
  '::/0',
  '2001:db8::/32',
  '[2001:db8::]/16',
  '10.0.0.0/16',
  '::ffff:0:0/90',
);
const port = pick('443', '443/tcp', '443/udp', '0/unknown', '8/icmp', '65535', '0');
const bare = pick('443', '0', '8', '65535', '70');

const regexChar = pick(
  'a',
  'b',
  'd',
  'n',
  's',
  '.',
  'x',
  '\\.',
  '\\d',
  '\\w',
  '\\s',
  '[a-f]',
  '[^a-z]',
  '[\\w.]',
  '\\n',
  'é',
  '[D-T]',
  '\\W',
  '[^]',
  '[]',
  '\\*',
  '"',
  "'",
  '[\\]^-]',
);
const regex = fc.letrec<{ re: string }>((tie) => ({
  re: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    regexChar,
    fc.tuple(tie('re'), tie('re')).map(([a, b]) => a + b),
    fc.tuple(tie('re'), tie('re')).map(([a, b]) => `(${a}|${b})`),
    fc
      .tuple(tie('re'), pick('*', '+', '?', '{2}', '{1,3}', '{0,2}', '*?', '{2,}'))
      .map(([a, sign]) => `(?:${a})${sign}`),
    fc.tuple(pick('^', ''), tie('re'), pick('$', '')).map((parts) => parts.join('')),
  ),
})).re;
const pattern = fc.tuple(regex, pick('', 'i')).map(([source, flag]) => `/${source}/${flag}`);

const simple = fc.oneof(
  test3(pick('n', 'i', 'c', 'd'), order, number),
  test3('iv', order, interval),
  test3(pick('ts', '_received'), order, time),
  test3(pick('s', 's2'), order, quoted),
  test3(pick('s', 's2', 'proto'), pick('~', '!~'), fc.oneof(glob, pattern)),
  test3(pattern, membership, 's'),
  test3(quoted, membership, 's'),
  test3('proto', equality, label),
  test3('proto', membership, list(label)),
  test3('a', equality, addr),
  test3(pick('a', 'net'), membership, net),
  test3('a', membership, list(fc.oneof(addr, net))),
  test3('net', equality, net),
  test3('p', order, port),
  test3('p', membership, list(port)),
  test3(pick('c', 'i', 'd'), membership, list(number)),
  test3('s', membership, list(quoted)),
  test3('ss', 'has', fc.oneof(quoted, pattern, list(quoted))),
  test3(quoted, membership, 'ss'),
  test3('sa', 'has', fc.oneof(addr, net, list(fc.oneof(addr, net)))),
  test3('vc', 'has', number),
  test3('vp', 'has', bare),
  test3(pick('|ss|', '|sa|', '|vc|', '|s|', '|proto|'), order, pick('0', '1', '2', '3', '14')),
  test3('any addr', pick('==', '!='), addr),
  test3('any addr', membership, net),
  test3('any string', pick('~', '!~'), fc.oneof(glob, pattern)),
  test3('any count', pick('==', '>'), number),
  test3('c', order, 'c2'),
  test3('c', order, 'i'),
  test3('s', order, pick('s2', 'proto')),
  test3(pick('s', 'ts', 'a', 'ss', 'd', 'flag', 'p'), equality, 'unset'),
  pick('flag', 's', 'ts', 'ss', 'any addr', 'T', 'F'),
);

const filter: fc.Arbitrary<string> = fc.letrec<{ filter: string }>((tie) => ({
  filter: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 4, arbitrary: simple },
    fc
      .tuple(tie('filter'), pick(' && ', ' || ', ' and ', ' or '), tie('filter'))
      .map(([a, sign, b]) => `(${a}${sign}${b})`),
    tie('filter').map((inner) => `!(${inner})`),
  ),
})).filter;

/** Nothing but a filter of a pattern with a part that cannot be taken is refused here. */
function compiled(text: string, log: LogDescription) {
  const received: FilterColumn = {
    field: '_received',
    zeekType: 'time',
    sqlType: 'timestamptz',
    column: '_received',
  };
  return compileFilter(text, { path: log.path, columns: [...log.columns, received], now: 1_700_000_000_000 });
}

test('SQL and predicate agree on every row', async (t) => {
  const { db } = await ownDatabase(t);
  const rows = fc
    .sample(row, { numRuns: ROWS, seed: 20_261_124 })
    .map((values, index): LogValue[] => [{ type: 'count', value: BigInt(index) }, ...values]);
  const { bridge } = makeBridge(t, db);
  const from = origin('w');
  await bridge.run(messages(rows.map((values) => logItem(SCHEMA, encodeLogRecord(values), from))));
  await bridge.close();
  const [log] = await read(db.pool, { timeoutMs: 60_000 }, (query) => describeLogs(query, ['all_types']));
  if (!log) return t.fail('no log');

  const numberOf = new Map(FIELDS.map(({ name }, index) => [name, index]));
  const received: LogValue = { type: 'time', value: 1_700_000_000.123_457 };
  let matched = 0;
  const same = async (text: string): Promise<boolean> => {
    const expression = compiled(text, log);
    const values = new Values();
    const where = filterSql(expression, values);
    const found = await read(db.pool, { timeoutMs: 60_000 }, (query) =>
      query(`SELECT n FROM ${log.table} WHERE ${where} ORDER BY n`, values.list),
    );
    const passes = makePredicate(expression);
    const expected = rows.flatMap((values, index) => {
      const value = (column: FilterColumn): LogValue | undefined => {
        if (column.field === '_received') return received;
        const one = values[numberOf.get(column.field) ?? -1];
        return one && isAbsent(one) ? undefined : one;
      };
      return passes(value) ? [String(index)] : [];
    });
    matched += expected.length > 0 && expected.length < ROWS ? 1 : 0;
    const [sql, live] = [found.map(([n]) => String(n)), expected];
    if (JSON.stringify(sql) === JSON.stringify(live)) return true;
    t.log(
      text,
      where,
      values.list,
      'only SQL',
      sql.filter((n) => !live.includes(n)).slice(0, 3),
      'only live',
      live.filter((n) => !sql.includes(n)).slice(0, 3),
    );
    return false;
  };
  const outcome = await fc.check(fc.asyncProperty(filter, same), { numRuns: 1_500 });
  t.false(outcome.failed, `${outcome.counterexample}: ${outcome.errorInstance}`);
  t.true(matched > 300, `only ${matched} filters told rows apart`);
  return undefined;
});
