import test from 'ava';
import fc from 'fast-check';
import {
  address,
  boolean,
  count,
  enumValue,
  equals,
  integer,
  none,
  port,
  real,
  set,
  string,
  subnet,
  table,
  timespan,
  timestamp,
  type Value,
  vector,
} from '../../src/codec/value.js';
import { ZeekwayError } from '../../src/core/errors.js';
import { parseNotation } from '../../src/zeek/notation/parse.js';
import { printNotation } from '../../src/zeek/notation/print.js';
import * as arbitrary from '../support/arbitrary.js';

const SECOND = 1_000_000_000n;
const DAY = 86_400n * SECOND;

/** Texts and what they are; where the third is missing, the text is also how the value is printed. */
const EXAMPLES: readonly (readonly [text: string, value: Value, printed?: string])[] = [
  ['T', boolean(true)],
  ['F', boolean(false)],
  ['none', none],
  ['nil', none, 'none'],
  ['42', count(42)],
  ['18446744073709551615', count(2n ** 64n - 1n)],
  ['-42', integer(-42)],
  ['+42', integer(42)],
  ['-9223372036854775808', integer(-(2n ** 63n))],
  ['1.5', real(1.5)],
  ['5.', real(5), '5.0'],
  ['-.5', real(-0.5), '-0.5'],
  ['-0.0', real(-0)],
  ['1e9', real(1e9), '1000000000.0'],
  ['1e+21', real(1e21)],
  ['5e-324', real(5e-324)],
  ['double(nan)', real(Number.NaN)],
  ['double(-inf)', real(-Infinity)],
  ['1.2.3.4', address('1.2.3.4')],
  ['[::1]', address('::1')],
  ['::1', address('::1'), '[::1]'],
  ['fe80::d', address('fe80::d'), '[fe80::d]'],
  ['::ffff:1.2.3.4', address('1.2.3.4'), '1.2.3.4'],
  ['10.0.0.0/8', subnet('10.0.0.0/8')],
  ['[2001:db8::]/32', subnet('2001:db8::/32')],
  ['2001:db8::/32', subnet('2001:db8::/32'), '[2001:db8::]/32'],
  ['80/tcp', port('80/tcp')],
  ['53/udp', port('53/udp')],
  ['8/icmp', port('8/icmp')],
  ['0/unknown', port('0/unknown')],
  ['5sec', timespan(5n * SECOND), '5secs'],
  ['1sec', timespan(SECOND)],
  ['1.5min', timespan(90n * SECOND), '90secs'],
  ['1.5 mins', timespan(90n * SECOND), '90secs'],
  ['-3days', timespan(-3n * DAY)],
  ['100usec', timespan(100_000n), '100usecs'],
  ['2hrs', timespan(7_200n * SECOND)],
  ['10msec', timespan(10_000_000n), '10msecs'],
  ['1day', timespan(DAY)],
  ['0secs', timespan(0n)],
  ['-0.001usecs', timespan(-1n)],
  ['1.001usecs', timespan(1_001n)],
  ['-1.0 sec -500.0 msecs', timespan(-1_500_000_000n), '-1500msecs'],
  ['2024-01-02T03:04:05.123456Z', timestamp(1_704_164_645_123_456_000n)],
  ['2024-01-02T03:04:05+01:00', timestamp(1_704_161_045_000_000_000n), '2024-01-02T02:04:05.000Z'],
  ['time(1700000000.123456789)', timestamp(1_700_000_000_123_456_789n), '2023-11-14T22:13:20.123456789Z'],
  ['time(-1)', timestamp(-SECOND), '1969-12-31T23:59:59.000Z'],
  ['time(2024-01-02T03:04:05Z)', timestamp(1_704_164_645n * SECOND), '2024-01-02T03:04:05.000Z'],
  ['""', string('')],
  ['"text"', string('text')],
  [String.raw`"a\n\t\r\\\"b"`, string('a\n\t\r\\"b')],
  [String.raw`"\a\b\f\v\0\101\q"`, string('\x07\b\f\v\0Aq'), String.raw`"\x07\x08\x0c\x0b\x00Aq"`],
  [String.raw`"\xff\xc3\xa9"`, string(Uint8Array.of(0xff, 0xc3, 0xa9)), String.raw`"\xffé"`],
  [String.raw`"\x4g"`, string('\x04g'), String.raw`"\x04g"`],
  [String.raw`"\xe2\x80\xae"`, string('\u202e')],
  ['"\\€"', string('€'), '"€"'],
  ['hello', string('hello'), '"hello"'],
  ['00:11:22:33:44:55', string('00:11:22:33:44:55'), '"00:11:22:33:44:55"'],
  ['12:30', string('12:30'), '"12:30"'],
  ['a=b', string('a=b'), '"a=b"'],
  ['5apples', string('5apples'), '"5apples"'],
  ['1.2.3', string('1.2.3'), '"1.2.3"'],
  ['C:\\dir', string('C:\\dir'), '"C:\\\\dir"'],
  ['Notice::LOG', enumValue('Notice::LOG')],
  ['enum(tcp)', enumValue('tcp'), 'enum("tcp")'],
  ['enum(a::b)', enumValue('a::b'), 'enum("a::b")'],
  ['a::b', address('a::b'), '[a::b]'],
  ['count(5)', count(5), '5'],
  ['int(5)', integer(5), '+5'],
  ['double(5)', real(5), '5.0'],
  ['string(5)', string('5'), '"5"'],
  ['string(two words)', string('two words'), '"two words"'],
  [String.raw`string("\xff")`, string(Uint8Array.of(0xff)), String.raw`"\xff"`],
  ['string()', string(''), '""'],
  ['bool(T)', boolean(true), 'T'],
  ['addr([::1])', address('::1'), '[::1]'],
  ['addr("10.0.0.1")', address('10.0.0.1'), '10.0.0.1'],
  ['subnet(10.0.0.0/8)', subnet('10.0.0.0/8'), '10.0.0.0/8'],
  ['port(80/tcp)', port('80/tcp'), '80/tcp'],
  ['interval(5.0)', timespan(5n * SECOND), '5secs'],
  ['interval( 5 min )', timespan(300n * SECOND), '5mins'],
  ['{a, b}', set(['a', 'b']), '{"a", "b"}'],
  ['set()', set([])],
  ['{}', set([]), 'set()'],
  ['set(1, [1, 2])', set([count(1), [count(1), count(2)]]), '{1, [1, 2]}'],
  ['[]', vector([])],
  ['vector(1.5, none)', vector([1.5, null]), '[1.5, none]'],
  ['[ [::1] , [[::1]] ]', vector([address('::1'), [address('::1')]]), '[[::1], [[::1]]]'],
  ['[12:30, ab:cd]', vector(['12:30', 'ab:cd']), '["12:30", "ab:cd"]'],
  ['[12:30]', vector(['12:30']), '["12:30"]'],
  ['table()', table([])],
  [
    'table([k]=v, [1] = [2])',
    table([
      ['k', 'v'],
      [count(1), [count(2)]],
    ]),
    '{["k"] = "v", [1] = [2]}',
  ],
  ['{[a, 1] = T}', table([[['a', count(1)], true]]), '{["a", 1] = T}'],
  ['{[[a]] = T}', table([[['a'], true]]), '{[["a"]] = T}'],
  ['{[::1] = T}', table([[address('::1'), true]]), '{[[::1]] = T}'],
  ['{[[::1]] = T}', table([[address('::1'), true]])],
  ['{[[]] = set()}', table([[[], set([])]])],
];

test('what each form means, and how it is printed', (t) => {
  for (const [text, value, printed = text] of EXAMPLES) {
    const parsed = parseNotation(text);
    t.deepEqual(parsed, value, text);
    t.is(printNotation(value), printed);
    t.deepEqual(parseNotation(` \n${text}\t`), value, 'white space around');
  }
});

test('every value is the same after printing and parsing', (t) => {
  fc.assert(
    fc.property(arbitrary.value, (value) => {
      const text = printNotation(value);
      t.deepEqual(parseNotation(text), value, text);
      t.true(equals(parseNotation(text), value));
    }),
    { numRuns: 3_000 },
  );
});

test('what is printed is one line without controls', (t) => {
  fc.assert(
    fc.property(arbitrary.value, (value) => t.notRegex(printNotation(value), /[\p{C}\p{Zl}\p{Zp}]/u)),
  );
});

test('what is wrong is told with its character', (t) => {
  const wrong: readonly (readonly [text: string, message: string])[] = [
    ['', 'at character 1: expected a value, found the end'],
    ['  ', 'at character 3: expected a value, found the end'],
    [
      'two words',
      'at character 5: expected the end (a string with spaces or brackets stands in quotes), found "words"',
    ],
    ['"open', 'at character 1: expected a closing quote, found the end'],
    ['"open\\', 'at character 1: expected a closing quote, found the end'],
    ['"é€😀\\xg"', 'at character 5: expected an escape, like \\n or \\xff, found "\\\\xg\\""'],
    ['18446744073709551616', 'at character 1: 18446744073709551616 is no 64-bit count'],
    ['[1, +9223372036854775808]', 'at character 5: 9223372036854775808 is no 64-bit integer'],
    ['300.1.2.3', 'at character 1: "300.1.2.3" is not an IP address (like 10.0.0.1 or 2001:db8::1)'],
    ['10.0.0.0/33', 'at character 1: the prefix length of 10.0.0.0 is 0 to 32, not 33'],
    ['65536/tcp', 'at character 1: a port is 0 to 65535, not 65536'],
    [
      '2024-02-30T00:00:00Z',
      'at character 1: "2024-02-30T00:00:00Z" is not a time (like 2026-11-24T03:00:00.123Z)',
    ],
    ['1e999', 'at character 1: expected a double of 64 bits, found "1e999"'],
    ['count(-1)', 'at character 7: expected a count, like 42, found "-1"'],
    ['interval(soon)', 'at character 10: expected seconds, or an interval like 5secs, found "soon"'],
    ['200000days', 'at character 1: 17280000000000000000 is no 64-bit timespan'],
    ['bool(yes)', 'at character 6: expected T or F, found "yes"'],
    ['[1, 2', 'at character 6: expected "," or "]", found the end'],
    ['{1, 2]', 'at character 6: expected "," or "}", found "]"'],
    ['{1 = 2}', 'at character 2: expected a key in brackets, found "1 = 2}"'],
    ['{[] = 2}', 'at character 3: expected a key in the brackets, found "] = 2}"'],
    ['{[1] = 2, 3}', 'at character 11: expected a key in brackets, found "3}"'],
    ['{[1] = 2, [3]}', 'at character 14: expected "=", found "}"'],
    ['{1, [2] = 3}', 'at character 9: expected "," or "}", found "= 3}"'],
    ['table([1])', 'at character 10: expected "=", found ")"'],
    ['[,]', 'at character 2: expected a value, found ",]"'],
    ['"\ud800"', 'at character 2: expected text, found half a character'],
    [
      'foo(5)',
      'at character 1: expected a type (bool, count, int, double, string, enum, addr, subnet, port, interval, time, set, vector, table), found "foo(5)"',
    ],
  ];
  for (const [text, message] of wrong) {
    const error = t.throws(() => parseNotation(text), { instanceOf: ZeekwayError }, text);
    t.is(error?.code, 'notation_invalid');
    t.is(error?.message, message);
  }
  t.throws(() => parseNotation('['.repeat(1_000)), {
    code: 'notation_invalid',
    message: /nested at most 64/,
  });
  t.throws(() => parseNotation('9'.repeat(1_000_000)), { code: 'notation_invalid' });
  t.throws(() => parseNotation(`1${'0'.repeat(1_000_000)}days`), { code: 'notation_invalid' });
});

test('any text is a value or one error of its own', (t) => {
  const part = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 4 }),
    fc.constantFrom(...'[](){}",=\\:/.+-0159aFTx \n'.split('')),
    fc.constantFrom('count(', 'table(', 'enum(', '[::1]', 'sec', '2024-01-02T', '1e9', '/tcp', '\ud800'),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const text = parts.join('');
      try {
        const value = parseNotation(text);
        t.deepEqual(parseNotation(printNotation(value)), value, text);
      } catch (error) {
        t.is((error as ZeekwayError).code, 'notation_invalid', `${text}: ${error}`);
      }
    }),
    { numRuns: 5_000 },
  );
});
