import test from 'ava';
import fc from 'fast-check';
import { CopyBuffer } from '../../src/bridge/copy-buffer.js';

/** Field lengths of rows: from none to more than a chunk, so that rows cross and outgrow chunks. */
const rowSizes = fc.array(
  fc.array(fc.oneof({ weight: 20, arbitrary: fc.nat(900) }, { weight: 1, arbitrary: fc.nat(600_000) }), {
    maxLength: 8,
  }),
  { maxLength: 60 },
);

const bytesOf = (size: number): Buffer => Buffer.alloc(size, size & 0xff);

function expectedRow(sizes: readonly number[]): Buffer {
  const parts = sizes.map((size) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(size);
    return Buffer.concat([length, bytesOf(size)]);
  });
  return Buffer.concat([Buffer.from([0, sizes.length]), ...parts]);
}

test('rows of any size come out as they were written, and none spans two chunks', (t) => {
  fc.assert(
    fc.property(rowSizes, (rows) => {
      const out = new CopyBuffer();
      for (const sizes of rows) {
        out.beginRow(sizes.length);
        for (const size of sizes) out.bytea(bytesOf(size));
        out.endRow();
      }
      const expected = Buffer.concat(rows.map(expectedRow));
      t.true(Buffer.concat(out.chunks()).equals(expected));
      t.is(out.rows, rows.length);
      t.is(out.bytes, expected.length);
      const ends = new Set<number>([0]);
      let end = 0;
      for (const sizes of rows) {
        end += expectedRow(sizes).length;
        ends.add(end);
      }
      let at = 0;
      for (const chunk of out.chunks()) {
        at += chunk.length;
        t.true(ends.has(at));
      }
    }),
    { numRuns: 60 },
  );
});

test('a row that is undone leaves no trace, wherever it is broken off', (t) => {
  fc.assert(
    fc.property(rowSizes, fc.func(fc.boolean()), (rows, isKept) => {
      const out = new CopyBuffer();
      for (const sizes of rows) {
        out.beginRow(sizes.length);
        for (const size of sizes) out.bytea(bytesOf(size));
        if (isKept(sizes)) out.endRow();
        else out.undoRow();
      }
      const expected = Buffer.concat(rows.filter((sizes) => isKept(sizes)).map(expectedRow));
      t.true(Buffer.concat(out.chunks()).equals(expected));
      t.is(out.bytes, expected.length);
    }),
    { numRuns: 60 },
  );
});

const NANOS: [nanos: bigint, microsSince2000: bigint][] = [
  [946_684_800_000_000_000n, 0n],
  [946_684_800_000_000_499n, 0n],
  [946_684_800_000_000_500n, 1n],
  [946_684_799_999_999_500n, 0n],
  [946_684_799_999_999_499n, -1n],
  [0n, -946_684_800_000_000n],
  [2n ** 63n - 1n, 8_276_687_236_854_776n],
  [-(2n ** 63n), -10_170_056_836_854_776n],
];

for (const [nanos, micros] of NANOS) {
  test(`${nanos} ns since 1970 are ${micros} µs since 2000`, (t) => {
    const out = new CopyBuffer();
    out.beginRow(1);
    out.nanos(nanos);
    out.endRow();
    t.is(out.chunks()[0]?.readBigInt64BE(6), micros);
  });
}
