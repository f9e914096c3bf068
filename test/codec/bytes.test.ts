import test from 'ava';
import fc from 'fast-check';
import { ByteReader, ByteWriter, DecodeError } from '../../src/codec/bytes.js';
import * as arbitrary from '../support/arbitrary.js';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

test('what is written is read back, big-endian', (t) => {
  fc.assert(
    fc.property(
      arbitrary.uint64,
      arbitrary.int64,
      arbitrary.double,
      fc.boolean(),
      arbitrary.byteString,
      (u, i, f, b, bytes) => {
        const small = Number(BigInt.asUintN(32, u));
        const writer = new ByteWriter(1);
        writer
          .u8(small & 0xff)
          .u16(small & 0xffff)
          .u32(small)
          .i32(small | 0)
          .u64(u)
          .i64(i)
          .f64(f)
          .bool(b);
        const written = writer.put(bytes).varbyteString(bytes).finish();
        const reader = new ByteReader(written);
        t.is(reader.u8('a'), small & 0xff);
        t.is(reader.u16('a'), small & 0xffff);
        t.is(reader.u32('a'), small);
        t.is(reader.i32('a'), small | 0);
        t.is(reader.u64('a'), u);
        t.is(reader.i64('a'), i);
        t.is(reader.f64('a'), f);
        t.is(reader.bool('a'), b);
        t.deepEqual(Uint8Array.from(reader.slice(bytes.length, 'a')), bytes);
        t.deepEqual(Uint8Array.from(reader.varbyteString('a')), bytes);
        t.is(reader.remaining, 0);
        t.notThrows(() => reader.expectEnd('it'));
      },
    ),
  );
});

test('varbyte: 7 bits a byte, least significant first', (t) => {
  const cases: [number, string][] = [
    [0, '00'],
    [127, '7f'],
    [128, '8001'],
    [300, 'ac02'],
    [16_383, 'ff7f'],
    [16_384, '808001'],
    [2 ** 32 - 1, 'ffffffff0f'],
    [Number.MAX_SAFE_INTEGER, 'ffffffffffffff0f'],
  ];
  for (const [value, bytes] of cases) {
    t.is(new ByteWriter().varbyte(value).finish().toString('hex'), bytes);
    t.is(new ByteReader(hex(bytes)).varbyte('a length', Infinity), value);
  }
});

test('varbyte: any length survives', (t) => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      t.is(new ByteReader(new ByteWriter().varbyte(value).finish()).varbyte('a length', Infinity), value);
    }),
  );
});

test('varbyte: too long, too large, cut off', (t) => {
  const refuse = (
    bytes: string,
    code: 'decode_invalid' | 'decode_limit' | 'decode_truncated',
    offset: number,
  ): void => {
    const reader = new ByteReader(hex(`00${bytes}`));
    reader.u8('something before');
    const error = t.throws(() => reader.varbyte('a length', 1_000), { instanceOf: DecodeError, code }, bytes);
    t.is(error?.offset, offset, bytes);
  };
  refuse('ffffffffffffffffffff01', 'decode_invalid', 1);
  refuse('ffffffffffffffffff01', 'decode_limit', 1);
  refuse('e907', 'decode_limit', 1);
  refuse('', 'decode_truncated', 1);
  refuse('8080', 'decode_truncated', 3);
  t.is(new ByteReader(hex('e807')).varbyte('a length', 1_000), 1_000);
  t.is(
    new ByteReader(hex('8000')).varbyte('a length', 1_000),
    0,
    'more bytes than needed, as Broker takes it',
  );
});

test('a reader of a part neither reads nor counts beyond it', (t) => {
  const bytes = hex('ff01020304ff');
  const reader = new ByteReader(bytes.subarray(1), undefined, 1, 3);
  t.is(reader.remaining, 2);
  t.is(reader.u16('a number'), 0x0203);
  const error = t.throws(() => reader.u8('one more'), { instanceOf: DecodeError });
  t.is(error?.offset, 3);
  t.is(error?.message, 'at byte 3: expected 1 bytes of one more, found 0 bytes');
  t.deepEqual(error?.where, { offset: 3 });
});

test('slices are views', (t) => {
  const bytes = hex('010203');
  t.is(new ByteReader(bytes).slice(2, 'two').buffer, bytes.buffer);
});

test('a placeholder can be overwritten, and a writer used again', (t) => {
  const writer = new ByteWriter(2);
  writer.u32(0).u16(0).put(hex('abcd')).patchU32(0, 0x01020304).patchU16(4, 0x0506);
  t.is(writer.size, 8);
  t.is(writer.written().toString('hex'), '010203040506abcd');
  const first = writer.finish();
  t.is(writer.u8(9).finish().toString('hex'), '09');
  t.is(first.toString('hex'), '010203040506abcd', 'what was handed over does not change');
  writer.u8(1).clear();
  t.is(writer.size, 0);
});
