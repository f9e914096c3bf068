import test from 'ava';
import fc from 'fast-check';
import { DecodeError } from '../../src/codec/bytes.js';
import {
  address,
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
import { decodeValue, encodeValue } from '../../src/codec/value-binary.js';
import { decodeValueJson, encodeValueJson, type JsonOptions } from '../../src/codec/value-json.js';
import { DEFAULT_CODEC_LIMITS } from '../../src/core/limits.js';
import * as arbitrary from '../support/arbitrary.js';
import { golden } from '../support/golden.js';
import { recordedPayloads } from '../support/recordings.js';

const FORMS: readonly JsonOptions[] = [
  {},
  { strings: 'escaped' },
  { bigIntegers: 'string' },
  { strings: 'escaped', bigIntegers: 'string' },
];

for (const options of FORMS) {
  test(`any value survives JSON, ${JSON.stringify(options)}`, (t) => {
    fc.assert(
      fc.property(arbitrary.value, (value) => {
        const json = encodeValueJson(value, options);
        const decoded = decodeValueJson(json, options);
        // By bytes: equal takes 0 and -0 for the same.
        t.deepEqual(encodeValue(decoded), encodeValue(value));
        t.deepEqual(encodeValueJson(decoded, options), json);
        if (options.strings === 'escaped') t.notThrows(() => JSON.parse(json.toString('utf8')));
      }),
      { numRuns: 500 },
    );
  });
}

test('everything recorded and golden survives JSON', (t) => {
  for (const { bytes } of [
    ...golden('values'),
    ...golden('messages'),
    ...recordedPayloads(['native-events']),
  ]) {
    for (const options of FORMS) {
      t.deepEqual(encodeValue(decodeValueJson(encodeValueJson(decodeValue(bytes), options), options)), bytes);
    }
  }
});

const data = (type: string, content: string): string => `{"@data-type":"${type}","data":${content}}`;

test("each type in Broker's form", (t) => {
  const cases: [Value, string][] = [
    [none, data('none', '{}')],
    [{ type: 'boolean', value: true }, data('boolean', 'true')],
    [count(2n ** 64n - 1n), data('count', '18446744073709551615')],
    [integer(-(2n ** 63n)), data('integer', '-9223372036854775808')],
    [real(2.5), data('real', '2.5')],
    [real(1), data('real', '1.0')],
    [real(-0), data('real', '-0.0')],
    [real(1e300), data('real', '1.0e+300')],
    [real(NaN), data('real', '"nan"')],
    [real(-Infinity), data('real', '"-inf"')],
    [string('a "quoted" \\ é\n'), data('string', '"a \\"quoted\\" \\\\ é\\n"')],
    [address('::ffff:10.0.0.1'), data('address', '"10.0.0.1"')],
    [address('2001:DB8::1'), data('address', '"2001:db8::1"')],
    [subnet('10.0.0.0/8'), data('subnet', '"10.0.0.0/8"')],
    [subnet('2001:db8::/32'), data('subnet', '"2001:db8::/32"')],
    [port('80/tcp'), data('port', '"80/tcp"')],
    [port('0/unknown'), data('port', '"0/?"')],
    [timestamp(1_700_000_000_123_456_789n), data('timestamp', '"2023-11-14T22:13:20.123456789"')],
    [timespan(-1_500_000_000n), data('timespan', '"-1500ms"')],
    [enumValue('Conn::LOG'), data('enum-value', '"Conn::LOG"')],
    [set([count(2), count(1)]), data('set', `[${data('count', '1')},${data('count', '2')}]`)],
    [
      table([['a', count(1)]]),
      data('table', `[{"key":${data('string', '"a"')},"value":${data('count', '1')}}]`),
    ],
    [vector([]), data('vector', '[]')],
  ];
  for (const [value, json] of cases) {
    t.is(encodeValueJson(value).toString('utf8'), json);
    t.true(equals(decodeValueJson(json), value), json);
  }
});

test('bytes that are not UTF-8 stand in the output raw, or escaped', (t) => {
  const value = string(Uint8Array.of(0x61, 0xff, 0x00, 0x22));
  t.deepEqual(encodeValueJson(value), Buffer.from(data('string', '"a\xff\\u0000\\""'), 'latin1'));
  t.is(encodeValueJson(value, { strings: 'escaped' }).toString(), data('string', '"a\\\\xff\\\\x00\\""'));
});

test('what real servers send and JSON.parse refuses', (t) => {
  const raw = Buffer.concat([
    Buffer.from('{ "data" : "a\0'),
    Buffer.of(0xff),
    Buffer.from('\n" ,\r\n\t"@data-type":"string" } '),
  ]);
  t.deepEqual(decodeValueJson(raw), string(Uint8Array.of(0x61, 0, 0xff, 0x0a)));
  t.deepEqual(decodeValueJson(data('count', '9007199254740993')), count(9007199254740993n));
  t.deepEqual(decodeValueJson(data('real', '-0.002500')), real(-0.0025));
  t.deepEqual(decodeValueJson(data('real', '-nan')), real(NaN));
  t.deepEqual(decodeValueJson(data('real', 'inf')), real(Infinity));
  t.deepEqual(decodeValueJson(data('real', '5')), real(5));
  t.deepEqual(decodeValueJson(data('timespan', '"3d"')), timespan(259_200_000_000_000n));
  t.deepEqual(
    decodeValueJson(data('timestamp', '"2023-11-14T22:13:20.123"')),
    timestamp(1_700_000_000_123_000_000n),
  );
  t.deepEqual(decodeValueJson(data('string', '"\\u00e9\\ud83d\\ude00\\v\\/"')), string('é😀\v/'));
});

test('bad JSON is refused with the offset of the byte that is wrong', (t) => {
  const head = '{"@data-type":"';
  const cases: [string, number][] = [
    ['', 0],
    ['[]', 0],
    ['{}', 0],
    ['{"@data-type":"count"}', 0],
    ['{"@data-type":5,"data":1}', 14],
    [data('widget', '1'), 14],
    [data('count', '-1'), 29],
    [data('count', '18446744073709551616'), 29],
    [data('integer', '9223372036854775808'), 31],
    [data('count', '1.5'), 29],
    [data('count', '1e3'), 29],
    [data('real', '"  "'), 28],
    [data('real', '"0x10"'), 28],
    [data('real', '"five"'), 28],
    [data('real', '1.'), 28],
    [data('boolean', '1'), 31],
    [data('address', '"1.2.3"'), 31],
    [data('address', '5'), 31],
    [data('port', '"80"'), 28],
    [data('timestamp', '"now"'), 33],
    [data('timespan', '"5"'), 32],
    [data('vector', '{}'), 30],
    [data('vector', '[1]'), 31],
    [data('table', '[{"key":1}]'), 37],
    [data('string', '"\\q"'), 31],
    [data('string', '"\\ud800"'), 31],
    [data('string', '"\\u12g4"'), 33],
    [`${data('count', '1')} x`, 32],
    [`${data('count', '1')},`, 31],
    [`${head}count" "data":1}`, 22],
    [`${head}count","data":}`, 29],
    ['{"@data-type":"string","data":"abc', 34],
  ];
  for (const [json, offset] of cases) {
    const error = t.throws(() => decodeValueJson(json), { instanceOf: DecodeError }, json);
    t.is(error?.offset, offset, json);
  }
});

const nested = (type: 'vector' | 'set' | 'table', depth: number): Value => {
  if (depth === 0) return none;
  const inner = nested(type, depth - 1);
  return type === 'table' ? { type, value: [[none, inner]] } : { type, value: [inner] };
};

test('what is nested as deep as the binary format allows survives, and no deeper', (t) => {
  const { depth } = DEFAULT_CODEC_LIMITS;
  for (const type of ['vector', 'set', 'table'] as const) {
    t.true(equals(decodeValueJson(encodeValueJson(nested(type, depth))), nested(type, depth)), type);
    t.throws(() => decodeValueJson(encodeValueJson(nested(type, depth + 1))), { code: 'decode_limit' }, type);
  }
  t.throws(() => decodeValueJson('['.repeat(1_000_000)), { code: 'decode_limit' });
  t.throws(() => decodeValueJson('{"a":'.repeat(1_000_000)), { code: 'decode_limit' });
});

test('limits are kept', (t) => {
  const limited = (limits: object) => ({ ...DEFAULT_CODEC_LIMITS, ...limits });
  const json = encodeValueJson(vector(['abcd', 'abcd', 'abcd']));
  t.throws(() => decodeValueJson(json, {}, limited({ stringBytes: 3 })), { code: 'decode_limit' });
  t.throws(() => decodeValueJson(json, {}, limited({ collectionItems: 2 })), { code: 'decode_limit' });
});
