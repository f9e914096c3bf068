import { gzipSync } from 'node:zlib';
import test from 'ava';
import fc from 'fast-check';
import type { Item } from '../../src/zeek/item.js';
import { readMessages } from '../../src/zeek/message.js';
import { Oracle, oracleEnvelope } from '../support/oracle.js';
import { framesOf, ipv4With, LINKS, Pcapng, pcap, type Segment, segmentsOf } from './packets.js';
import { codes, content, lines, read } from './reading.js';
import { capture, connection, partsOf, SHAPE, type Side, sidesOf } from './session.js';

const ethernet = LINKS.ethernet;
const logs = sidesOf('native-logs');
const STEP = 1448;
const parts = partsOf(logs, STEP);
const whole = connection(logs, parts);

/** Serialized records by the frame that brings them, for the frames that lie within no lost range. */
function recordsIn(
  side: Side,
  isLost: (start: number, end: number) => boolean,
): { frames: number; data: number } {
  let at = 0;
  const kept = { frames: 0, data: 0 };
  for (const { kind, bytes } of side.frames) {
    const end = at + 4 + bytes.length;
    if (kind === 'envelope' && !isLost(at, end)) {
      kept.frames += 1;
      if (oracleEnvelope(Oracle.of(bytes)).type === 'data') kept.data += 1;
    }
    at = end;
  }
  return kept;
}

const all = (await read(capture(whole))).items;
/** A record is a log where its LogCreate was read, and a dead letter with the same bytes where it was lost. */
/** What identifies an item: the bytes of a record, also of one whose announcement is missing. */
function raw(item: Item): string {
  if (item.kind === 'log') return Buffer.from(item.serial).toString('hex');
  if (item.kind !== 'dead-letter') return content(item);
  const [message] = readMessages(item.raw);
  return Buffer.from(message?.type === 'log-write' ? message.serial : item.raw).toString('hex');
}
const allRaw = all.map(raw);

/** Whether `some` is `everything` with parts left out. */
function isSubsequence(some: readonly string[], everything: readonly string[]): boolean {
  let at = 0;
  for (const one of some) {
    at = everything.indexOf(one, at) + 1;
    if (at === 0) return false;
  }
  return true;
}

test('packets that are missing cost the messages in them and no others', async (t) => {
  const lost = fc.uniqueArray(fc.integer({ min: 8, max: parts.length - 1 }), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(lost, async (indexes) => {
      const gone = new Set(indexes);
      const segments = whole.filter((_, index) => !gone.has(index - 2));
      const { items, report, error } = await read(capture(segments));
      t.is(error, undefined);
      t.deepEqual(codes(report), ['capture_gap']);
      const ranges = parts.filter((_, index) => gone.has(index));
      const kept = ([0, 1] as const).map((side) =>
        recordsIn(logs[side], (start, end) =>
          ranges.some((range) => range.side === side && range.start < end && range.end > start),
        ),
      );
      t.true(isSubsequence(items.map(raw), allRaw));
      // Between two gaps a frame is only certain when it is data or another follows.
      const handshakes = logs.flatMap(({ frames }) =>
        frames.filter(({ kind }) => kind === 'handshake'),
      ).length;
      const sum = (of: 'frames' | 'data') => kept.reduce((total, one) => total + one[of], 0);
      t.true(report.messages <= sum('frames') + handshakes, `${report.messages} messages`);
      t.true(report.messages >= sum('data'), `${report.messages} messages of ${sum('data')}`);
    }),
    { numRuns: 40 },
  );
});

test('a gap is named with the connection and its size', async (t) => {
  const index = parts.findIndex(({ side, start }) => side === 0 && start > 100_000);
  const { report } = await read(capture(whole.filter((_, at) => at !== index + 2)));
  const gap = report.warnings.find(({ code }) => code === 'capture_gap');
  t.regex(
    gap?.message ?? '',
    /^test\.pcap: 10\.0\.0\.1:40000 -> 10\.0\.0\.2:19999: 1448 bytes are missing; \d+ bytes of the messages around them were not read$/,
  );
});

/** The envelopes that begin at or behind the place where a capture from packet `from` on begins. */
function envelopesFrom(sides: readonly [Side, Side], segments: readonly Segment[], from: number): number {
  const port = segments[0]?.tcp.readUInt16BE(0);
  const counts = ([0, 1] as const).map((side) => {
    const own = (segment: Segment): boolean => (segment.tcp.readUInt16BE(0) === port) === (side === 0);
    const initial = segments.find(own)?.tcp.readUInt32BE(4) ?? 0;
    const first = segments
      .slice(from)
      .find((segment) => own(segment) && segment.tcp.length > headerBytes(segment));
    if (!first) return 0;
    const cut = (first.tcp.readUInt32BE(4) - initial - 1) >>> 0;
    let at = 0;
    return sides[side].frames.filter(({ kind, bytes }) => {
      at += 4 + bytes.length;
      return kind === 'envelope' && at - 4 - bytes.length >= cut;
    }).length;
  });
  return (counts[0] ?? 0) + (counts[1] ?? 0);
}

const headerBytes = ({ tcp }: Segment): number => ((tcp[12] ?? 0) >> 4) * 4;

test('a capture that begins anywhere gives every message that begins behind that place', async (t) => {
  for (const name of ['native-events', 'native-stores', 'native-log-types', 'native-logs'] as const) {
    const segments = segmentsOf(name);
    const everything = new Set((await read(capture(segments))).items.map(raw));
    // Behind the handshake, whose messages alone are not looked for.
    for (let from = 12; from < segments.length; from += name === 'native-events' ? 1 : 7) {
      const { items, report, error } = await read(capture(segments.slice(from)));
      const where = `${name} from packet ${from}`;
      const messages = envelopesFrom(sidesOf(name), segments, from);
      t.true(
        items.every((item) => everything.has(raw(item))),
        where,
      );
      t.is(report.messages, messages, where);
      t.is(error, messages === 0 ? 'capture_without_broker' : undefined, where);
      t.deepEqual(codes(report), messages === 0 ? [] : ['capture_desynchronized'], where);
    }
  }
});

test('bytes that are no message are gone over, and reported', async (t) => {
  const [side, other] = logs;
  const boundaries = [0];
  for (const { bytes } of side.frames) boundaries.push((boundaries.at(-1) ?? 0) + 4 + bytes.length);
  const first = side.frames.findIndex(({ kind }) => kind === 'envelope');
  for (const frame of [1, first, first + 10]) {
    const bytes = Buffer.from(side.bytes);
    bytes.fill(0, boundaries[frame], (boundaries[frame] ?? 0) + 5);
    const broken = { ...side, bytes };
    const { report } = await read(capture(connection([broken, other], parts)));
    const lost = frame < first ? side.frames.slice(frame, first).length : 1;
    t.is(report.messages, [...side.frames, ...other.frames].length - lost, `frame ${frame}`);
    t.deepEqual(codes(report), ['capture_desynchronized']);
    t.regex(
      report.warnings[0]?.message ?? '',
      /there is no message at byte \d+: expected a frame length above 0, found 0; \d+ bytes/,
    );
  }
});

test('several connections, from every 50th packet on', async (t) => {
  const segments = segmentsOf('broker-cluster');
  const everything = new Set((await read(capture(segments))).items.map(raw));
  let last = Number.POSITIVE_INFINITY;
  for (let from = 50; from < segments.length; from += 50) {
    const { items, report } = await read(capture(segments.slice(from)));
    t.true(
      items.every((item) => everything.has(raw(item))),
      `from packet ${from}`,
    );
    t.true(report.messages <= last, `from packet ${from}`);
    last = report.messages;
    if (from === 400)
      t.true(report.messages > 1200 && items.length > 500, `${report.messages} ${items.length}`);
  }
});

test('payloads cut off by the snapshot length are gaps', async (t) => {
  const frames = framesOf(whole, ethernet).map(({ time, bytes }) => ({
    time,
    bytes: bytes.subarray(0, 1000),
    wireLength: bytes.length,
  }));
  const { items, report } = await read(pcap(frames, 1));
  t.true(codes(report).includes('capture_gap'));
  t.true(items.length > 50 && items.length < all.length, `${items.length} items`);
  t.true(isSubsequence(items.map(raw), allRaw));
});

test('a capture that ends anywhere is read up to there', async (t) => {
  const file = capture(segmentsOf('native-events'));
  const everything = lines((await read(file)).items);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 24, max: file.length - 1 }), async (end) => {
      const { items, report } = await read(file.subarray(0, end));
      const found = lines(items);
      t.deepEqual(found, everything.slice(0, found.length));
      const cut = report.warnings.find(({ code }) => code === 'capture_truncated');
      const boundary = packetBoundaries(file);
      if (boundary.has(end)) t.is(cut, undefined);
      else t.is(cut?.where.offset, Math.max(...[...boundary].filter((at) => at < end)));
    }),
    { numRuns: 200 },
  );
});

function packetBoundaries(file: Buffer): Set<number> {
  const boundaries = new Set<number>();
  for (let at = 24; at <= file.length; at += 16 + file.readUInt32LE(at + 8)) {
    boundaries.add(at);
    if (at === file.length) break;
  }
  return boundaries;
}

test('gzip that ends early gives what can be read of it', async (t) => {
  const file = capture(whole);
  const packed = gzipSync(file);
  const { items, report } = await read(packed.subarray(0, packed.length - 20));
  t.true(items.length > all.length / 2 && items.length <= all.length, `${items.length} of ${all.length}`);
  t.true(codes(report).includes('capture_truncated'));
  const missingTrailer = await read(packed.subarray(0, packed.length - 4));
  t.is(missingTrailer.items.length, all.length);
  t.deepEqual(codes(missingTrailer.report), ['capture_truncated']);
});

test('a packet header that cannot be is reported, what came before counts', async (t) => {
  const file = Buffer.from(capture(segmentsOf('native-events')));
  const places = [...packetBoundaries(file)];
  const at = places[20] ?? 0;
  file.writeUInt32LE(0x7fffffff, at + 8);
  const { report, items } = await read(file);
  t.is(report.packets, 20);
  t.true(items.length > 0);
  const warning = report.warnings.find(({ code }) => code === 'capture_damaged');
  t.is(warning?.where.offset, at);
});

const withSegments = (segments: readonly Segment[], fragment: number): Buffer =>
  pcap(
    framesOf(segments, ethernet, ({ source, destination, tcp }) =>
      ipv4With(source, destination, tcp, { fragment }),
    ),
    1,
  );

test('fragments and unknown link layers are counted', async (t) => {
  const segments = segmentsOf('native-events');
  const fragments = await read(withSegments(segments, 0x2000));
  t.is(fragments.error, 'capture_without_broker');
  t.is(fragments.report.warningCounts.get('capture_unsupported'), segments.length);
  const radio = await read(pcap(framesOf(segments, ethernet), 105));
  t.is(radio.error, 'capture_without_broker');
  t.regex(radio.report.warnings[0]?.message ?? '', /link type 105/);
  t.is((await read(withSegments(segments, 0x4000))).error, undefined);
});

test('captures without packets hold no Broker', async (t) => {
  const blocks = new Pcapng(true);
  for (const file of [pcap([], 1), Buffer.concat([blocks.section(), blocks.interface(1)])]) {
    const { error, report } = await read(file);
    t.is(error, 'capture_without_broker');
    t.deepEqual(codes(report), []);
  }
});

test('what is no capture is refused', async (t) => {
  for (const text of ['', 'x', 'hello, world', '<html>', '\0\0\0\0\0\0\0\0']) {
    await t.throwsAsync(read(Buffer.from(text, 'latin1')), { code: 'capture_invalid' }, JSON.stringify(text));
  }
});

test('gzip of which nothing can be read is refused', async (t) => {
  await t.throwsAsync(read(Buffer.from('1f8b', 'hex')), {
    code: 'capture_truncated',
    message: /^test\.pcap: /,
  });
});

test('mutated captures never crash or hang', async (t) => {
  const blocks = new Pcapng(false);
  const small = sidesOf('native-events');
  const files = [
    capture(connection(small, partsOf(small, 300), { ...SHAPE, withFin: false })),
    Buffer.concat([
      blocks.section(),
      blocks.interface(1),
      ...framesOf(segmentsOf('native-stores'), ethernet).map((frame) => blocks.enhanced(frame)),
    ]),
    gzipSync(capture(segmentsOf('native-events'))),
  ];
  const mutation = fc.record({ at: fc.nat(), value: fc.integer({ min: 0, max: 255 }) });
  let found = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...files),
      fc.array(mutation, { minLength: 1, maxLength: 30 }),
      fc.nat(),
      async (file, mutations, cut) => {
        const bytes = Buffer.from(file.subarray(0, cut % 3 === 0 ? 4 + (cut % file.length) : file.length));
        for (const { at, value } of mutations) bytes[4 + (at % (bytes.length - 4))] = value;
        const { items } = await read(bytes).catch((error: unknown) => {
          t.regex(String((error as { code?: string }).code), /^capture_(invalid|truncated)$/);
          return { items: [] };
        });
        found += items.length;
      },
    ),
    { numRuns: 2000 },
  );
  t.true(found > 1000, `${found} items`);
});
