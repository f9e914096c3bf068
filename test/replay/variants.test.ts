import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import {
  type Frame,
  framesOf,
  ipv4,
  ipv4With,
  ipv6,
  LINKS,
  type Link,
  type PcapForm,
  Pcapng,
  pcap,
  segmentsOf,
} from './packets.js';
import { lines, OPTIONS, read } from './reading.js';

const segments = segmentsOf('native-events');
const big = segmentsOf('native-log-types');
const ethernet = LINKS.ethernet;
const frames = framesOf(segments, ethernet);

const expected = lines((await read(pcap(frames, 1))).items);
const expectedBig = lines((await read(pcap(framesOf(big, ethernet), 1))).items);

async function same(t: ExecutionContext, file: Buffer, chunk?: number): Promise<void> {
  const { items, report, error } = await read(file, 'test.pcap', OPTIONS, chunk);
  t.is(error, undefined);
  t.deepEqual(report.warnings, []);
  t.deepEqual(lines(items), expected);
}

test('the recordings that are wrapped anew have items', (t) => {
  t.is(expected.length, 15);
  t.is(expectedBig.length, 1008);
});

for (const [name, link] of Object.entries(LINKS)) {
  test(`link layer ${name}`, async (t) => {
    for (const network of [ipv4, ipv6()]) await same(t, pcap(framesOf(segments, link, network), link.type));
    const { items } = await read(pcap(framesOf(big, link), link.type));
    t.deepEqual(lines(items), expectedBig);
  });
}

test('link types IPV4 and IPV6', async (t) => {
  const raw = LINKS.raw;
  await same(t, pcap(framesOf(segments, raw, ipv4), 228));
  await same(t, pcap(framesOf(segments, raw, ipv6()), 229));
});

test('flags above the link type are not part of it', async (t) => {
  await same(t, pcap(frames, 0xf4000001));
});

test('IPv4 options', async (t) => {
  const options = Buffer.from('0101010194040000', 'hex');
  const network = ({ source, destination, tcp }: (typeof segments)[0]) =>
    ipv4With(source, destination, tcp, { options });
  await same(t, pcap(framesOf(segments, ethernet, network), 1));
});

test('IPv6 extension headers, an atomic fragment among them', async (t) => {
  const network = ipv6([
    [0, Buffer.from('0000010400000000', 'hex')],
    [60, Buffer.alloc(16).fill(1, 1, 2)],
    [43, Buffer.alloc(8)],
    [44, Buffer.from('0000000000000001', 'hex')],
    [51, Buffer.concat([Buffer.from('0004', 'hex'), Buffer.alloc(22)])],
  ]);
  await same(t, pcap(framesOf(segments, ethernet, network), 1));
});

test('packets captured before segmentation offload have no length of their own', async (t) => {
  const network = ({ source, destination, tcp }: (typeof segments)[0]) =>
    ipv4With(source, destination, tcp, { totalLength: 0 });
  await same(t, pcap(framesOf(segments, ethernet, network), 1));
  await same(t, pcap(framesOf(segments, ethernet, ipv6([], 0)), 1));
});

const FORMS: Readonly<Record<string, PcapForm>> = {
  'little-endian': {},
  'big-endian': { bigEndian: true },
  'little-endian nanoseconds': { nanos: true },
  'big-endian nanoseconds': { bigEndian: true, nanos: true },
  'modified little-endian': { modified: true },
  'modified big-endian': { modified: true, bigEndian: true },
};
for (const [name, form] of Object.entries(FORMS)) {
  test(`pcap, ${name}`, async (t) => {
    const file = pcap(frames, 1, form);
    await same(t, file);
    for (const chunk of [1, 7, 100]) await same(t, file, chunk);
  });
}

test('nanoseconds are kept', async (t) => {
  const moved = frames.map(({ time, bytes }) => ({ time: time + 789n, bytes }));
  const blocks = new Pcapng(false);
  const capture = Buffer.concat([
    blocks.section(),
    blocks.interface(1, 9),
    ...moved.map((frame) => blocks.enhanced(frame, 0, frame.time)),
  ]);
  for (const file of [pcap(moved, 1, { nanos: true }), capture]) {
    const { items } = await read(file);
    t.true(items.length > 0 && items.every(({ received }) => received % 1000n === 789n));
  }
});

for (const bigEndian of [false, true]) {
  const blocks = new Pcapng(bigEndian);
  const name = bigEndian ? 'big-endian' : 'little-endian';
  const begin = [blocks.section(), blocks.interface(1)];

  test(`pcapng, ${name}`, async (t) => {
    const file = Buffer.concat([...begin, ...frames.map((frame) => blocks.enhanced(frame))]);
    await same(t, file);
    for (const chunk of [1, 7, 100]) await same(t, file, chunk);
  });

  test(`pcapng, ${name}: old packet blocks, and blocks that mean nothing here`, async (t) => {
    const others = [blocks.block(4, Buffer.alloc(70_000)), blocks.block(0x0bad, Buffer.from('hello'))];
    const file = Buffer.concat([...begin, ...frames.flatMap((frame) => [blocks.old(frame), ...others])]);
    await same(t, file, 1000);
  });

  test(`pcapng, ${name}: simple packets have no time`, async (t) => {
    const file = Buffer.concat([...begin, ...frames.map((frame) => blocks.simple(frame))]);
    const { items } = await read(file);
    const withoutTime = lines((await read(pcap(frames, 1))).items, false);
    t.deepEqual(lines(items, false), withoutTime);
  });

  test(`pcapng, ${name}: resolutions and offsets of time`, async (t) => {
    const offset = frames[0]?.time ?? 0n;
    const seconds = offset / 1_000_000_000n;
    const interfaces = [
      { resolution: 6, offset: 0n, units: (time: bigint) => time / 1000n },
      { resolution: 9, offset: 0n, units: (time: bigint) => time },
      { resolution: 7, offset: seconds, units: (time: bigint) => (time - seconds * 1_000_000_000n) / 100n },
      { resolution: 12, offset: seconds, units: (time: bigint) => (time - seconds * 1_000_000_000n) * 1000n },
    ];
    const file = Buffer.concat([
      blocks.section(),
      ...interfaces.map((one) => blocks.interface(1, one.resolution, one.offset)),
      ...frames.map((frame, index) => {
        const one = interfaces[index % 4];
        return blocks.enhanced(frame, index % 4, one?.units(frame.time) ?? 0n);
      }),
    ]);
    await same(t, file);
  });
}

test('pcapng: binary resolution', async (t) => {
  const blocks = new Pcapng(false);
  const units = (frame: Frame) => (frame.time * 2n ** 20n) / 1_000_000_000n;
  const file = Buffer.concat([
    blocks.section(),
    blocks.interface(1, 0x80 | 20),
    ...frames.map((frame) => blocks.enhanced(frame, 0, units(frame))),
  ]);
  const { items } = await read(file);
  const exact = (await read(pcap(frames, 1))).items;
  t.is(items.length, exact.length);
  t.true(items.every(({ received }, index) => (exact[index]?.received ?? 0n) - received < 2000n));
});

test('pcapng: several sections of either byte order, several interfaces of several link layers', async (t) => {
  const links: readonly Link[] = [LINKS.ethernet, LINKS.cooked2, LINKS.raw, LINKS.nullBig];
  const sections = [false, true, false].map((bigEndian, section) => {
    const blocks = new Pcapng(bigEndian);
    const own = segments.slice(section * 9, (section + 1) * 9);
    return Buffer.concat([
      blocks.section(),
      ...links.map((link) => blocks.interface(link.type)),
      ...own.map((segment, index) => {
        const link = links[index % links.length] as Link;
        return blocks.enhanced({ time: segment.time, bytes: link.wrap(ipv4(segment)) }, index % links.length);
      }),
    ]);
  });
  await same(t, Buffer.concat(sections));
});

test('gzip is known by its content; members put behind each other are read on', async (t) => {
  const file = pcap(frames, 1);
  await same(t, gzipSync(file));
  const members = [file.subarray(0, 100), file.subarray(100, 3000), file.subarray(3000)];
  const joined = Buffer.concat(members.map((member) => gzipSync(member)));
  for (const chunk of [1, 10, 64 * 1024]) await same(t, joined, chunk);
  await same(t, Buffer.concat([gzipSync(file), Buffer.alloc(512)]));
});
