import test from 'ava';
import fc from 'fast-check';
import { DecodeError } from '../../src/codec/bytes.js';
import { FrameReader } from '../../src/codec/frame.js';
import { framed } from '../support/golden.js';

/** Reads all that is complete after each chunk, as a session does. */
function readAll(reader: FrameReader, chunks: readonly Uint8Array[]): Buffer[] {
  const frames: Buffer[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let frame = reader.next(); frame !== undefined; frame = reader.next())
      frames.push(Buffer.from(frame));
  }
  return frames;
}

/** Cuts bytes at the places given. */
function chunked(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

const contents = fc.array(
  fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 40 }),
    // Above the size with which a frame that spans chunks begins.
    fc.integer({ min: 60_000, max: 200_000 }).map((size) => new Uint8Array(size).fill(size & 0xff)),
  ),
  { maxLength: 8 },
);

test('frames come out the same under any chunking', (t) => {
  fc.assert(
    fc.property(contents, fc.array(fc.nat(), { maxLength: 30 }), (frames, cuts) => {
      const stream = Buffer.concat(frames.map(framed));
      const reader = new FrameReader();
      const read = readAll(reader, chunked(stream, cuts));
      t.deepEqual(
        read,
        frames.map((frame) => Buffer.from(frame)),
      );
      t.is(reader.offset, stream.length);
      t.is(reader.pendingBytes, 0);
    }),
    { numRuns: 300 },
  );
});

test('an incomplete frame waits, and the offset stays before it', (t) => {
  const stream = Buffer.concat([framed(Buffer.from('first')), framed(Buffer.from('second'))]);
  for (let end = 9; end < stream.length; end++) {
    const reader = new FrameReader();
    reader.push(stream.subarray(0, end));
    t.is(String(reader.next()), String(Buffer.from('first')));
    t.is(reader.next(), undefined);
    t.is(reader.pendingBytes, end - 9);
    t.is(reader.offset, 9, `after ${end} bytes`);
    reader.push(stream.subarray(end));
    t.deepEqual(Buffer.from(reader.next() ?? []), Buffer.from('second'));
  }
});

test('a frame within one chunk is a view of it', (t) => {
  const chunk = framed(Buffer.from('abc'));
  const reader = new FrameReader();
  reader.push(chunk);
  t.is(reader.next()?.buffer, chunk.buffer);
});

test('a length of 0 and one above the maximum are refused with the offset of the frame', (t) => {
  const first = framed(Buffer.from('abc'));
  const cases: [Buffer, string][] = [
    [Buffer.from('00000000', 'hex'), 'decode_invalid'],
    [Buffer.from('0000000b', 'hex'), 'decode_limit'],
    [Buffer.from('ffffffff', 'hex'), 'decode_limit'],
  ];
  for (const [header, code] of cases) {
    for (let cut = 0; cut <= header.length; cut++) {
      const reader = new FrameReader(10);
      const stream = Buffer.concat([first, header]);
      const chunks = [stream.subarray(0, first.length + cut), stream.subarray(first.length + cut)];
      const error = t.throws(() => readAll(reader, chunks), { instanceOf: DecodeError, code });
      t.is(error?.offset, first.length);
      t.throws(() => reader.next(), { instanceOf: DecodeError, code }, 'it stays refused');
    }
  }
  t.notThrows(() => readAll(new FrameReader(10), [framed(Buffer.alloc(10))]));
});

test('a large frame that is announced and does not come costs nothing', (t) => {
  const before = process.memoryUsage().arrayBuffers;
  const readers = Array.from({ length: 200 }, () => {
    const reader = new FrameReader();
    reader.push(Buffer.from('03ffffff00', 'hex'));
    t.is(reader.next(), undefined);
    return reader;
  });
  t.is(readers.length, 200);
  t.true(
    process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024,
    '64 MiB announced, 64 KiB each at most',
  );
});

test('pushing before the last chunk was read is a mistake of the caller', (t) => {
  const reader = new FrameReader();
  reader.push(framed(Buffer.from('a')));
  t.throws(() => reader.push(framed(Buffer.from('b'))));
});
