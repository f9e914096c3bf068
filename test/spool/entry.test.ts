import test from 'ava';
import fc from 'fast-check';
import { DecodeError } from '../../src/codec/bytes.js';
import { PAYLOAD_FORMATS } from '../../src/codec/payload-format.js';
import { GroupBuilder, readGroup, type SpoolEntry } from '../../src/spool/entry.js';

const number = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

const entry: fc.Arbitrary<SpoolEntry> = fc.oneof(
  fc.record({
    kind: fc.constant('begin' as const),
    source: number,
    origin: fc.record(
      { peer: fc.string(), name: fc.string({ unit: 'binary' }), node: fc.string() },
      { requiredKeys: ['peer', 'name'], noNullPrototype: true },
    ),
  }),
  fc.record({
    kind: fc.constant('message' as const),
    source: number,
    received: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    topic: fc.string(),
    payload: fc.uint8Array({ maxLength: 100_000 }),
    format: fc.constantFrom(...PAYLOAD_FORMATS),
  }),
  fc.record({ kind: fc.constant('end' as const), source: number }),
);

function build(entries: readonly SpoolEntry[]): Buffer {
  const group = new GroupBuilder(7, Buffer.alloc(16));
  for (const one of entries) {
    if (one.kind === 'begin') group.begin(one.source, one.origin);
    else if (one.kind === 'message')
      group.message(one.source, one.received, one.topic, one.payload, one.format);
    else group.endSource(one.source);
  }
  return group.content();
}

test('entries come out of a group as they were put in', (t) => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 20 }), (entries) => {
      const read = [...readGroup(build(entries))];
      t.deepEqual(
        read.map((one) => (one.kind === 'message' ? { ...one, payload: Uint8Array.from(one.payload) } : one)),
        entries,
      );
    }),
  );
  t.pass();
});

test('a group that is cut at any byte, or has bytes behind it, is told', (t) => {
  const message = {
    kind: 'message',
    source: 0,
    received: 1n,
    topic: 'zeek/logs/x',
    payload: Uint8Array.of(1, 2, 3),
    format: 'broker-bin-v1',
  } as const;
  const group = build([
    { kind: 'begin', source: 0, origin: { peer: 'p', name: 'n' } },
    message,
    { ...message, format: 'zeek-bin-serializer' },
    { kind: 'end', source: 0 },
  ]);
  for (let size = 0; size < group.length; size++) {
    t.throws(() => [...readGroup(group.subarray(0, size))], { instanceOf: DecodeError }, `${size} bytes`);
  }
  t.throws(() => [...readGroup(Buffer.concat([group, Buffer.of(0)]))], { code: 'decode_trailing' });
});

test('a builder counts its entries and bytes', (t) => {
  const group = new GroupBuilder(7, Buffer.alloc(16));
  t.is(group.end, 7);
  group.message(1, 2n, 'topic', new Uint8Array(1_000_000));
  group.endSource(1);
  t.is(group.end, 9);
  t.is(group.bytes, group.content().length);
});
