import test from 'ava';
import fc from 'fast-check';
import { type Segment, segmentsOf } from './packets.js';
import { bySender, codes, read } from './reading.js';
import { capture, connection, type Part, partsOf, SHAPE, sidesOf } from './session.js';

const RUNS = 150;

const small = sidesOf('native-events');
const expected = bySender((await read(capture(connection(small, partsOf(small, 500))))).items);

const same = async (segments: readonly Segment[]): Promise<void> => {
  const { items, report, error } = await read(capture(segments));
  if (error !== undefined || report.warnings.length > 0) throw new Error(`${error} ${report.warnings}`);
  const found = bySender(items);
  if (JSON.stringify(found) !== JSON.stringify(expected)) throw new Error('other items');
};

test('the session that is sent anew has items of both sides', (t) => {
  t.deepEqual(
    Object.values(expected)
      .map((items) => items.length)
      .sort(),
    [7, 8],
  );
});

/** Places to cut the stream of a side. */
const cuts = (size: number) =>
  fc.uniqueArray(fc.integer({ min: 1, max: size - 1 }), { minLength: 1, maxLength: 40 }).map((places) => {
    const ends = [...places.sort((a, b) => a - b), size];
    return ends.map((end, index) => ({ start: ends[index - 1] ?? 0, end }));
  });

const segmentation: fc.Arbitrary<Part[]> = fc
  .tuple(cuts(small[0].bytes.length), cuts(small[1].bytes.length))
  .map(([first, second]) => {
    const parts: Part[] = [];
    for (let index = 0; index < Math.max(first.length, second.length); index++) {
      for (const [side, all] of [
        [0, first],
        [1, second],
      ] as const) {
        const part = all[index];
        if (part) parts.push({ side, ...part });
      }
    }
    return parts;
  });

/** Each packet moves back by up to its number of places. */
function moved(segments: readonly Segment[], moves: readonly number[]): Segment[] {
  const placed = segments.map((segment, index) => ({ segment, place: index + (moves[index] ?? 0) }));
  return placed.sort((a, b) => a.place - b.place).map(({ segment }) => segment);
}

const moves = (reach: number) => fc.array(fc.integer({ min: 0, max: reach }), { maxLength: 120 });
const initial = fc.integer({ min: 0, max: 2 ** 32 - 1 });

test('any segmentation gives the same items', async (t) => {
  await fc.assert(
    fc.asyncProperty(segmentation, (parts) => same(connection(small, parts))),
    { numRuns: RUNS },
  );
  t.pass();
});

test('any order of the packets, the SYN among them, gives the same items', async (t) => {
  const property = fc.asyncProperty(segmentation, moves(60), (parts, by) =>
    same(moved(connection(small, parts), by)),
  );
  await fc.assert(property, { numRuns: RUNS });
  t.pass();
});

test('packets that come more than once, and overlap, give the same items', async (t) => {
  const copy = fc.record({
    side: fc.constantFrom<0 | 1>(0, 1),
    start: fc.nat(),
    size: fc.integer({ min: 1, max: 800 }),
    place: fc.nat(),
  });
  const copies = fc.array(copy, { maxLength: 20 });
  const property = fc.asyncProperty(segmentation, copies, moves(20), async (parts, again, by) => {
    const all = [...parts];
    for (const { side, start, size, place } of again) {
      const { length } = small[side].bytes;
      const from = start % length;
      all.splice(place % all.length, 0, { side, start: from, end: Math.min(length, from + size) });
    }
    await same(moved(connection(small, all), by));
  });
  await fc.assert(property, { numRuns: RUNS });
  t.pass();
});

test('sequence numbers wrap around', async (t) => {
  const nearEnd = fc.integer({ min: 2 ** 32 - 3000, max: 2 ** 32 - 1 });
  const numbers = fc.tuple(fc.oneof(nearEnd, initial), fc.oneof(nearEnd, initial));
  const property = fc.asyncProperty(segmentation, numbers, moves(20), (parts, pair, by) =>
    same(moved(connection(small, parts, { initial: pair }), by)),
  );
  await fc.assert(property, { numRuns: RUNS });
  t.pass();
});

test('the first copy of a byte counts', async (t) => {
  const parts = partsOf(small, 500);
  const segments = connection(small, parts);
  const forged = segments.slice(2, -2).map((segment) => {
    const tcp = Buffer.from(segment.tcp);
    return { ...segment, tcp: tcp.fill(0xff, 20) };
  });
  await t.notThrowsAsync(same([...segments.slice(0, -2), ...forged, ...segments.slice(-2)]));
  const interleaved = segments.slice(2, -2).flatMap((segment, index) => [segment, forged[index] ?? segment]);
  await t.notThrowsAsync(same([...segments.slice(0, 2), ...interleaved, ...segments.slice(-2)]));
});

test('keep-alive probes and bare acknowledgements change nothing', async (t) => {
  const segments = connection(small, partsOf(small, 500));
  const probes = segments.flatMap((segment) => {
    const probe = Buffer.from(segment.tcp.subarray(0, 21));
    probe.writeUInt32BE((probe.readUInt32BE(4) - 1) >>> 0, 4);
    probe[13] = 16;
    return [segment, { ...segment, tcp: probe }, { ...segment, tcp: probe.subarray(0, 20) }];
  });
  await t.notThrowsAsync(same([...probes.slice(0, 1), ...probes.slice(3)]));
});

test('addresses and ports that are used again are another connection', async (t) => {
  const parts = partsOf(small, 500);
  const first = connection(small, parts);
  for (const initial of [
    [900_000, 800_000],
    [1001, 5000],
    [3000, 7000],
  ] as const) {
    for (const withFin of [true, false]) {
      const before = withFin ? first : first.slice(0, -2);
      const second = connection(small, parts, { initial });
      const { items, report } = await read(capture([...before, ...second]));
      t.is(report.sessions, 2);
      t.is(report.connections, 2);
      t.deepEqual(codes(report), []);
      for (const [peer, own] of Object.entries(bySender(items))) {
        t.deepEqual(own, [...(expected[peer] ?? []), ...(expected[peer] ?? [])]);
      }
    }
  }
});

test('connections are read side by side, on any port', async (t) => {
  const one = segmentsOf('native-logs');
  const other = segmentsOf('native-stores');
  const woven = [...one, ...other].map((segment, index) => ({ segment, place: index % one.length }));
  const segments = woven.sort((a, b) => a.place - b.place).map(({ segment }) => segment);
  const { report } = await read(capture(segments));
  t.is(report.sessions, 2);
  t.is(report.records, 872);
  t.is(report.commands, 90);
  t.deepEqual(codes(report), []);
});

test('what is not Broker is not followed', async (t) => {
  const text = { bytes: Buffer.from('GET / HTTP/1.1\r\n\r\n'.repeat(500)), frames: [] };
  for (const withSyn of [true, false]) {
    const segments = connection([text, text], partsOf([text, text], 100), { ...SHAPE, withSyn });
    const { report, error, items } = await read(capture(segments));
    t.is(error, 'capture_without_broker');
    t.is(report.connections, 1);
    t.is(items.length, 0);
    t.deepEqual(codes(report), []);
  }
});
