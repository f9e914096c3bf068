import test from 'ava';
import fc from 'fast-check';
import { Address, Subnet } from '../../src/codec/address.js';
import { DecodeError } from '../../src/codec/bytes.js';
import { decodeLogRecord, encodeLogRecord, isAbsent, type LogValue } from '../../src/codec/log-record.js';
import { DEFAULT_CODEC_LIMITS } from '../../src/core/limits.js';
import * as arbitrary from '../support/arbitrary.js';
import { Oracle, oracleRecord } from '../support/oracle.js';
import { plainLogValue } from '../support/plain.js';

const hex = (...parts: string[]): Buffer => Buffer.from(parts.join(''), 'hex');

test('any record survives: bytes and back, and the oracle reads the same', (t) => {
  fc.assert(
    fc.property(arbitrary.logRecord, (record) => {
      const encoded = encodeLogRecord(record);
      const decoded = decodeLogRecord(encoded);
      t.deepEqual(decoded.map(plainLogValue), record.map(plainLogValue));
      t.deepEqual(encodeLogRecord(decoded), encoded);
      t.deepEqual(oracleRecord(Oracle.of(encoded)).map(bytewise), decoded.map(plainLogValue).map(bytewise));
    }),
    { numRuns: 1_000 },
  );
});

/** An IPv4 subnet shorter than /96 is written as IPv6; the oracle shows the bytes that stand there. */
const bytewise = (plain: unknown): string => JSON.stringify(plain).replaceAll('00000000000000000000ffff', '');

test('an IPv4 subnet that is shorter than its prefix keeps its length', (t) => {
  const value: LogValue = { type: 'subnet', value: Subnet.fromWire(Address.parse('10.0.0.0'), 8) };
  const [decoded] = decodeLogRecord(encodeLogRecord([value]));
  t.true(decoded?.type === 'subnet' && !isAbsent(decoded) && decoded.value.equals(value.value));
});

test('scalars are written with the subtype void, as Zeek writes them', (t) => {
  t.is(
    encodeLogRecord([{ type: 'bool', value: true }]).toString('hex'),
    '000000010000000100000000010000000000000001',
  );
});

test('a bool is anything but 0: Zeek sends 255 for the TRUE of OpenSSL', (t) => {
  for (const number of ['00000000000000ff', '0000000100000000', '8000000000000000']) {
    t.deepEqual(decodeLogRecord(hex('00000001', BOOL, number)), [{ type: 'bool', value: true }]);
  }
});

/** type, subtype 0, present */
const head = (type: number): string => `${type.toString(16).padStart(8, '0')}0000000001`;
const BOOL = head(1);
const one = (...parts: string[]): Buffer => hex('00000001', ...parts);

test('bad records are refused with the offset of the byte that is wrong', (t) => {
  const cases: [string, Buffer, string, number][] = [
    ['empty', hex(), 'decode_truncated', 0],
    ['a negative number of fields', hex('ffffffff'), 'decode_invalid', 0],
    ['too many fields', hex('00010000'), 'decode_limit', 0],
    ['more fields than bytes', hex('000005dc'), 'decode_truncated', 4],
    ['type 23', one('00000017', '0000000000'), 'decode_invalid', 4],
    ['a negative type', one('ffffffff', '0000000000'), 'decode_invalid', 4],
    ['subtype 23', one('00000001', '00000017', '00'), 'decode_invalid', 8],
    ['presence of 2', one('00000001', '00000000', '02'), 'decode_invalid', 12],
    ['half an int', one(head(2), '00000000'), 'decode_truncated', 13],
    ['port 65536', one(head(10), '0000000000010000', '00000001'), 'decode_invalid', 13],
    ['protocol 4', one(head(10), '0000000000000050', '00000004'), 'decode_invalid', 21],
    ['protocol -1', one(head(10), '0000000000000050', 'ffffffff'), 'decode_invalid', 21],
    ['family 5', one(head(11), '05', '01020304'), 'decode_invalid', 13],
    ['half an IPv6 address', one(head(11), '06', '01020304'), 'decode_truncated', 14],
    ['prefix length 129', one(head(12), '81', '04', '01020304'), 'decode_invalid', 13],
    ['string longer than the record', one(head(7), '00000004', '616263'), 'decode_truncated', 17],
    ['string of 4 GiB', one(head(7), 'ffffffff', '61'), 'decode_limit', 13],
    ['a negative number of elements', one(head(14), 'ffffffffffffffff'), 'decode_invalid', 13],
    ['2^62 elements', one(head(19), '4000000000000000'), 'decode_limit', 13],
    ['a million elements in no bytes', one(head(19), '00000000000f4240'), 'decode_truncated', 13],
    ['a set in a set', one(head(14), '0000000000000001', head(14), '0000000000000000'), 'decode_invalid', 21],
    ['a type that no log holds', one(head(15), '00'), 'decode_invalid', 4],
    ['a byte behind', one(BOOL, '0000000000000001', '00'), 'decode_trailing', 21],
  ];
  for (const [what, bytes, code, offset] of cases) {
    const error = t.throws(() => decodeLogRecord(bytes), { instanceOf: DecodeError }, what);
    t.is(error?.code, code as never, what);
    t.is(error?.offset, offset, what);
  }
});

test('limits are kept', (t) => {
  const long: LogValue = { type: 'string', value: 'abcd' };
  const record = encodeLogRecord([long, { type: 'vector', subtype: 'string', value: [long, long, long] }]);
  for (const limits of [{ stringBytes: 3 }, { collectionItems: 2 }, { logFields: 1 }]) {
    t.throws(() => decodeLogRecord(record, { ...DEFAULT_CODEC_LIMITS, ...limits }), { code: 'decode_limit' });
  }
  t.notThrows(() =>
    decodeLogRecord(record, { ...DEFAULT_CODEC_LIMITS, stringBytes: 4, collectionItems: 3, logFields: 2 }),
  );
});

test('a truncated record is always refused', (t) => {
  fc.assert(
    fc.property(arbitrary.logRecord, fc.nat(), (record, cut) => {
      const encoded = encodeLogRecord(record);
      t.throws(() => decodeLogRecord(encoded.subarray(0, cut % encoded.length)), { instanceOf: DecodeError });
    }),
    { numRuns: 300 },
  );
});
