import { inspect } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import { Address, Subnet } from '../../src/codec/address.js';
import { ByteReader, DecodeError } from '../../src/codec/bytes.js';
import { Port } from '../../src/codec/port.js';
import {
  address,
  compare,
  count,
  enumValue,
  equals,
  fromNatural,
  integer,
  type Natural,
  none,
  real,
  set,
  sorted,
  string,
  subnet,
  table,
  timespan,
  timestamp,
  toNatural,
  type Value,
  vector,
} from '../../src/codec/value.js';
import { decodeValue, encodeValue, skipValue } from '../../src/codec/value-binary.js';
import { DEFAULT_CODEC_LIMITS } from '../../src/core/limits.js';
import * as arbitrary from '../support/arbitrary.js';
import { brokerOrder } from '../support/broker-order.js';
import { Oracle, oracleValue } from '../support/oracle.js';
import { plainValue } from '../support/plain.js';

const bytes = (...hex: string[]): Buffer => Buffer.from(hex.join(''), 'hex');
const sign = (a: number): number => Math.sign(a) + 0;

/** The value with sets and tables as they are written: in order, each element once. */
function canonical(value: Value): Value {
  return decodeValue(encodeValue(value));
}

test('any value survives: bytes and back, and the oracle reads the same', (t) => {
  fc.assert(
    fc.property(arbitrary.value, (value) => {
      const encoded = encodeValue(value);
      const decoded = decodeValue(encoded);
      t.true(equals(decoded, value));
      t.deepEqual(encodeValue(decoded), encoded);
      t.deepEqual(oracleValue(Oracle.of(encoded)), plainValue(decoded));
      const reader = new ByteReader(encoded);
      skipValue(reader);
      t.is(reader.remaining, 0);
    }),
    { numRuns: 1_000 },
  );
});

test('minus zero, NaN and the infinities keep their bits', (t) => {
  for (const value of [0, -0, NaN, Infinity, -Infinity]) {
    const decoded = decodeValue(encodeValue(real(value)));
    t.true(decoded.type === 'real' && Object.is(decoded.value, value), String(value));
  }
});

test('sets and tables are written in order, each element once', (t) => {
  const written = canonical(set([count(3), 'b', count(1), count(3), 'a', -1n]));
  t.deepEqual(written, { type: 'set', value: [count(1), count(3), integer(-1), string('a'), string('b')] });
  const entries = canonical(
    table([
      ['b', count(1)],
      ['a', count(2)],
      ['b', count(3)],
    ]),
  );
  t.deepEqual(entries, {
    type: 'table',
    value: [
      [string('a'), count(2)],
      [string('b'), count(1)],
    ],
  });
});

test('compare is a total order', (t) => {
  fc.assert(
    fc.property(arbitrary.value, arbitrary.value, arbitrary.value, (a, b, c) => {
      t.is(compare(a, a), 0);
      t.is(sign(compare(a, b)), sign(-compare(b, a)));
      const [x, y, z] = [a, b, c].sort(compare) as [Value, Value, Value];
      t.true(compare(x, y) <= 0 && compare(y, z) <= 0 && compare(x, z) <= 0);
    }),
    { numRuns: 500 },
  );
});

test("compare is Broker's order", (t) => {
  const plain = (value: Value) => oracleValue(Oracle.of(encodeValue(value)));
  const check = (a: Value, b: Value): void => {
    t.is(
      sign(compare(a, b)),
      brokerOrder(plain(a), plain(b)),
      `${JSON.stringify(plain(a))} ${JSON.stringify(plain(b))}`,
    );
  };
  fc.assert(fc.property(arbitrary.value, arbitrary.value, check), { numRuns: 1_000 });
  // Values of one type, and one that begins like the other: what two random values hardly ever are.
  fc.assert(
    fc.property(arbitrary.value, arbitrary.value, arbitrary.value, (a, b, c) => {
      check(vector([a, b]), vector([a, c]));
      check(set([a, b]), set([a, b, c]));
      check(table([[a, b]]), table([[a, c]]));
    }),
    { numRuns: 300 },
  );
  fc.assert(fc.property(arbitrary.text, arbitrary.text, (a, b) => check(string(a), string(b))));
  fc.assert(fc.property(arbitrary.subnet, arbitrary.subnet, (a, b) => check(subnet(a), subnet(b))));
  fc.assert(fc.property(arbitrary.port, arbitrary.port, (a, b) => check(fromNatural(a), fromNatural(b))));
  fc.assert(fc.property(arbitrary.int64, arbitrary.int64, (a, b) => check(timespan(a), timespan(b))));
  fc.assert(fc.property(arbitrary.uint64, arbitrary.uint64, (a, b) => check(count(a), count(b))));
  fc.assert(
    fc.property(arbitrary.double, arbitrary.double, (a, b) => {
      if (!Number.isNaN(a) && !Number.isNaN(b)) check(real(a), real(b));
    }),
  );
});

test('unordered sets in unordered sets do not make the time explode', (t) => {
  const nested = (depth: number, from: number): Value =>
    depth === 0
      ? count(from)
      : { type: 'set', value: [nested(depth - 1, 2 * from + 1), nested(depth - 1, 2 * from)] };
  const value = nested(12, 1);
  const start = process.hrtime.bigint();
  const decoded = decodeValue(encodeValue(value));
  t.true(equals(decoded, value));
  t.true(Number(process.hrtime.bigint() - start) / 1e6 < 2_000);
});

test('natural values become the obvious Broker values and come back', (t) => {
  const date = new Date('2026-11-24T03:00:00.123Z');
  const natural = {
    null: null,
    yes: true,
    big: -5n,
    number: 1.5,
    text: 'a',
    bytes: Uint8Array.of(0xff, 0),
    address: Address.parse('10.0.0.1'),
    subnet: Subnet.parse('10.0.0.0/8'),
    port: Port.parse('80/tcp'),
  };
  for (const [key, value] of Object.entries(natural)) t.deepEqual(toNatural(fromNatural(value)), value, key);
  t.deepEqual(fromNatural(undefined), none);
  t.deepEqual(fromNatural(date), timestamp(1_795_489_200_123_000_000n));
  t.deepEqual(toNatural(fromNatural([1n, new Set(['a']), new Map([['k', 2n]])])), [
    1n,
    new Set(['a']),
    new Map([['k', 2n]]),
  ]);
  t.deepEqual(
    fromNatural(Uint8Array.from(Buffer.from('text'))),
    string('text'),
    'bytes that are UTF-8 are text',
  );
  t.deepEqual(fromNatural(enumValue('Conn::LOG')), { type: 'enum-value', value: 'Conn::LOG' });
});

test('constructors refuse what does not fit in 64 bits', (t) => {
  for (const wrong of [
    () => count(-1),
    () => count(2n ** 64n),
    () => integer(2n ** 63n),
    () => timespan(2n ** 63n),
    () => integer(2 ** 53),
    () => count(1.5),
  ]) {
    t.throws(wrong, { code: 'encode_invalid' });
  }
  t.throws(() => timestamp(new Date(NaN)));
  t.throws(() => address('10.0.0'), { code: 'text_invalid' });
});

test('values that were not made by a constructor are refused where they fit nowhere', (t) => {
  const wrong: unknown[] = [
    { type: 'count', value: -1n },
    { type: 'count', value: 2n ** 64n },
    { type: 'count', value: 5 },
    { type: 'integer', value: 2n ** 63n },
    { type: 'timespan', value: -(2n ** 63n) - 1n },
    { type: 'foo', value: 1 },
    { type: 'vector', value: [{ type: 'count', value: -1n }] },
  ];
  for (const value of wrong) t.throws(() => encodeValue(value as Value), { code: 'encode_invalid' });
});

test('what has no type in Broker is refused by its looks', (t) => {
  const wrong: [unknown, RegExp][] = [
    [{ a: 1 }, /^\{ a: 1 \} has no type/],
    [() => 1, /Function/],
    [Symbol('x'), /^Symbol\(x\)/],
    [{ type: 'foo' }, /'foo'/],
    [[1, { a: 1 }], /^\{ a: 1 \}/],
  ];
  for (const [value, message] of wrong) {
    t.throws(() => fromNatural(value as Natural), { code: 'encode_invalid', message });
  }
  t.throws(() => timestamp(new Date(Number.NaN)), { code: 'encode_invalid' });
  t.throws(() => count('5' as unknown as number), { code: 'encode_invalid' });
});

test('addresses, subnets and ports show themselves', (t) => {
  const shown = inspect([Address.parse('::1'), Subnet.parse('10.0.0.0/8'), Port.parse('80/tcp')]);
  t.is(shown, '[ ::1, 10.0.0.0/8, 80/tcp ]');
});

test('sorted gives back what is in order already', (t) => {
  const values = [count(1), count(2)];
  t.is(sorted(values), values);
});

const refused = (input: Buffer, code: string, offset: number, limits = DEFAULT_CODEC_LIMITS) => ({
  input,
  code,
  offset,
  limits,
});

test('bad input is refused with the offset of the byte that is wrong', (t) => {
  const cases = {
    empty: refused(bytes(), 'decode_truncated', 0),
    'unknown tag': refused(bytes('0f'), 'decode_invalid', 0),
    'boolean of 2': refused(bytes('0102'), 'decode_invalid', 1),
    'half a count': refused(bytes('0200000000'), 'decode_truncated', 1),
    'string longer than the input': refused(bytes('050a616263'), 'decode_truncated', 2),
    'half a length': refused(bytes('0580'), 'decode_truncated', 2),
    'length of eleven bytes': refused(bytes('05', 'ff'.repeat(10), '01'), 'decode_invalid', 1),
    'prefix length of 129': refused(bytes('07', '00'.repeat(16), '81'), 'decode_invalid', 17),
    'protocol 4': refused(bytes('08005004'), 'decode_invalid', 3),
    'a byte behind': refused(bytes('0000'), 'decode_trailing', 1),
    'inside of a list': refused(bytes('0e0200', '0103'), 'decode_invalid', 4),
    'table without its last value': refused(bytes('0d0100'), 'decode_truncated', 3),
    'six million elements in ten bytes': refused(bytes('0e', '80808003', '0000000000'), 'decode_limit', 1),
    'a hundred thousand elements in ten bytes': refused(
      bytes('0e', 'a08d06', '000000000000'),
      'decode_truncated',
      1,
    ),
    'string above the limit': refused(bytes('0504', '61616161'), 'decode_limit', 1, {
      ...DEFAULT_CODEC_LIMITS,
      stringBytes: 3,
    }),
    'list above the limit': refused(bytes('0e04', '00000000'), 'decode_limit', 1, {
      ...DEFAULT_CODEC_LIMITS,
      collectionItems: 3,
    }),
    'nested too deep': refused(bytes('0e01'.repeat(65), '00'), 'decode_limit', 130),
  };
  for (const [what, { input, code, offset, limits }] of Object.entries(cases)) {
    const error = t.throws(() => decodeValue(input, limits), { instanceOf: DecodeError, code }, what);
    t.is(error?.offset, offset, what);
    t.regex(error?.message ?? '', new RegExp(`^at byte ${offset}: expected .+, found .+`), what);
  }
  t.notThrows(() => decodeValue(bytes('0e01'.repeat(64), '00')), '64 deep is allowed');
});

test('a truncated value is always refused', (t) => {
  fc.assert(
    fc.property(arbitrary.value, fc.nat(), (value, cut) => {
      const encoded = encodeValue(value);
      t.throws(() => decodeValue(encoded.subarray(0, cut % encoded.length)), { instanceOf: DecodeError });
    }),
    { numRuns: 300 },
  );
});

test('the elements of all collections together have a limit', (t) => {
  const limits = { ...DEFAULT_CODEC_LIMITS, collectionItems: 7 };
  const lists = vector([vector([none, none]), set([none]), table([[none, none]])]);
  t.notThrows(() => decodeValue(encodeValue(vector([vector([none, none]), table([[none, none]])])), limits));
  const error = t.throws(() => decodeValue(encodeValue(lists), limits), { code: 'decode_limit' });
  t.is(error instanceof DecodeError ? error.offset : undefined, 9);
  const many = bytes('0e', 'c0cf24', '0e0100'.repeat(600_000));
  t.throws(() => decodeValue(many), { code: 'decode_limit' }, '600,000 lists of one element, by default');
});

test('announced elements cost nothing before they are there', (t) => {
  const input = bytes('0e', 'ffff3f', '00');
  const before = process.memoryUsage().heapUsed;
  for (let index = 0; index < 10_000; index++)
    t.throws(() => decodeValue(input), { code: 'decode_truncated' });
  t.true(process.memoryUsage().heapUsed - before < 100 * 1024 * 1024);
});
