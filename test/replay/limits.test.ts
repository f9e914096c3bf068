import test from 'ava';
import fc from 'fast-check';
import { ZeekwayError } from '../../src/core/errors.js';
import {
  DEFAULT_CODEC_LIMITS,
  LOG_LINE_BYTES,
  REASSEMBLY_BYTES,
  REASSEMBLY_LATE_PACKETS,
  REASSEMBLY_STREAMS,
  REPLAY_WARNINGS,
} from '../../src/core/limits.js';
import type { CaptureReader } from '../../src/replay/capture/capture.js';
import { LINK_LAYERS } from '../../src/replay/capture/link-layer.js';
import { PcapReader } from '../../src/replay/capture/pcap.js';
import { PcapngReader } from '../../src/replay/capture/pcapng.js';
import { readSegment } from '../../src/replay/capture/segment.js';
import { LineReader } from '../../src/replay/log-file/lines.js';
import { ReplayReport } from '../../src/replay/report.js';
import { EnvelopeSearch } from '../../src/replay/session/envelope-search.js';
import { TcpConnections } from '../../src/replay/tcp/connections.js';
import { TcpStream } from '../../src/replay/tcp/stream.js';
import { framesOf, LINKS, Pcapng, pcap, segmentsOf } from './packets.js';

/** A stream, and what it hands out: the number of bytes, or a gap as a negative one. */
function stream(): { stream: TcpStream; out: number[] } {
  const out: number[] = [];
  const sink = { data: (bytes: Buffer) => out.push(bytes.length), gap: (bytes: number) => out.push(-bytes) };
  return { stream: new TcpStream(sink, { total: 0 }), out };
}

test('missing bytes that the other side has got are given up once they are late', (t) => {
  const { stream: tcp, out } = stream();
  tcp.begin(99);
  tcp.accept(100, Buffer.alloc(10), 0, false, 0n);
  tcp.accept(120, Buffer.alloc(10), 0, false, 0n);
  tcp.acknowledge(130);
  t.deepEqual(out, [10]);
  for (let packet = 0; packet < REASSEMBLY_LATE_PACKETS; packet++) tcp.acknowledge(130);
  t.deepEqual(out, [10, -10, 10]);
  tcp.accept(130, Buffer.alloc(5), 0, false, 0n);
  t.deepEqual(out, [10, -10, 10, 5]);
});

test('missing bytes that nobody has got are waited for', (t) => {
  const { stream: tcp, out } = stream();
  tcp.begin(99);
  tcp.accept(120, Buffer.alloc(10), 0, false, 0n);
  for (let packet = 0; packet < 10 * REASSEMBLY_LATE_PACKETS; packet++) tcp.acknowledge(100);
  t.deepEqual(out, []);
  tcp.accept(100, Buffer.alloc(20), 0, false, 0n);
  t.deepEqual(out, [20, 10]);
  tcp.finish();
  t.deepEqual(out, [20, 10]);
});

test('what is acknowledged, or known to be cut off, and never came is missing at the end', (t) => {
  const acknowledged = stream();
  acknowledged.stream.begin(99);
  acknowledged.stream.acknowledge(131);
  acknowledged.stream.finish();
  t.deepEqual(acknowledged.out, [-30]);
  const cut = stream();
  cut.stream.begin(99);
  cut.stream.accept(100, Buffer.alloc(4), 6, true, 0n);
  cut.stream.acknowledge(111);
  cut.stream.finish();
  t.deepEqual(cut.out, [4, -6]);
});

test('no more than the limit is held back', (t) => {
  const { stream: tcp, out } = stream();
  tcp.begin(99);
  const piece = Buffer.alloc(64 * 1024);
  let sequence = 200;
  for (let held = 0; held <= REASSEMBLY_BYTES; held += piece.length) {
    tcp.accept(sequence, piece, 0, false, 0n);
    sequence += piece.length;
  }
  t.is(out[0], -100);
});

test('the connection that is idle for longest is ended when there are too many', (t) => {
  let ended = 0;
  const connections = new TcpConnections(() => ({
    isInterested: true,
    data: () => {},
    gap: () => {},
    end: () => ended++,
  }));
  const address = Buffer.of(10, 0, 0, 1);
  for (let index = 0; index < REASSEMBLY_STREAMS + 5; index++) {
    const ports = { sourcePort: index % 65_536, destinationPort: 1 };
    const segment = { source: address, destination: address, ...ports, sequence: 1, acknowledged: undefined };
    connections.accept({ ...segment, syn: true, fin: false, payload: Buffer.alloc(0), cutOff: 0 }, 0n);
  }
  t.is(ended, 5);
  connections.finish();
  t.is(ended, REASSEMBLY_STREAMS + 5);
});

test('warnings are kept up to a number, and counted', (t) => {
  const report = new ReplayReport('x.pcap');
  for (let index = 0; index < 2 * REPLAY_WARNINGS; index++) {
    report.warn('capture_gap', `connection ${index}`, 'a gap');
    report.warn('capture_encrypted', 'one', 'TLS');
  }
  t.is(report.warnings.length, REPLAY_WARNINGS + 1);
  t.is(report.warningCounts.get('capture_gap'), 2 * REPLAY_WARNINGS);
  t.is(report.warnings[1]?.message, `x.pcap: TLS (and ${2 * REPLAY_WARNINGS - 1} more like it)`);
});

test('a line that is too long is cut, and the next one read', (t) => {
  const lines = new LineReader();
  const chunk = Buffer.alloc(1024 * 1024, 'x');
  const found = [];
  for (let bytes = 0; bytes <= LOG_LINE_BYTES; bytes += chunk.length) found.push(...lines.push(chunk));
  found.push(...lines.push(Buffer.from('x\r\nnext\n')));
  t.deepEqual(
    found.map(({ number, bytes, isTooLong }) => [number, bytes.length, isTooLong]),
    [
      [1, LOG_LINE_BYTES, true],
      [2, 4, false],
    ],
  );
});

const RUNS = 100_000;

test('packets of random and mutated bytes are read or refused', (t) => {
  const frames = Object.values(LINKS).flatMap((link) =>
    framesOf(segmentsOf('native-events').slice(0, 5), link),
  );
  const mutations = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 });
  const mutated = fc
    .tuple(fc.constantFrom(...frames), mutations, fc.nat())
    .map(([{ bytes }, changes, size]) => {
      const copy = Buffer.from(bytes.subarray(0, size % 3 === 0 ? size % bytes.length : bytes.length));
      for (const [at, value] of changes) if (copy.length > 0) copy[at % Math.min(copy.length, 80)] = value;
      return copy;
    });
  const random = fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes));
  let segments = 0;
  fc.assert(
    fc.property(fc.oneof(mutated, random), fc.constantFrom(...LINK_LAYERS.values()), (bytes, layer) => {
      const ip = layer(bytes);
      const segment = ip && readSegment(ip, ip.length);
      if (segment === undefined || segment === 'fragment') return true;
      segments += 1;
      return segment.payload.length <= bytes.length && segment.cutOff >= 0 && segment.cutOff <= 65_575;
    }),
    { numRuns: RUNS },
  );
  t.true(segments > RUNS / 100, `${segments} segments`);
});

function drain(reader: CaptureReader, bytes: Buffer, chunk: number): number {
  let packets = 0;
  try {
    for (let at = 0; at < bytes.length; at += chunk) {
      reader.push(bytes.subarray(at, at + chunk));
      while (reader.next()) packets += 1;
    }
  } catch (error) {
    if (!(error instanceof ZeekwayError) || error.code !== 'capture_damaged') throw error;
  }
  return packets;
}

test('captures of mutated bytes are read or refused, never more packets than fit', (t) => {
  const frames = framesOf(segmentsOf('native-events').slice(0, 6), LINKS.ethernet);
  const blocks = new Pcapng(true);
  const next = Buffer.concat([
    blocks.section(),
    blocks.interface(1, 9, 5n),
    ...frames.flatMap((frame) => [blocks.enhanced(frame), blocks.old(frame), blocks.simple(frame)]),
  ]);
  const classic = pcap(frames, 1);
  const mutations = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 });
  let packets = 0;
  fc.assert(
    fc.property(fc.boolean(), mutations, fc.integer({ min: 1, max: 2000 }), (isNext, changes, chunk) => {
      const bytes = Buffer.from(isNext ? next : classic);
      for (const [at, value] of changes) bytes[4 + (at % (bytes.length - 4))] = value;
      const found = drain(isNext ? new PcapngReader() : new PcapReader(), bytes, chunk);
      packets += found;
      return found <= bytes.length / 16;
    }),
    { numRuns: RUNS / 10 },
  );
  t.true(packets > RUNS / 100, `${packets} packets`);
});

test('random bytes hold no envelope', (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), (chunks) => {
      const search = new EnvelopeSearch(DEFAULT_CODEC_LIMITS);
      const found = chunks.some((chunk) => search.push(Buffer.from(chunk)) !== undefined);
      return !found && search.finish() === undefined;
    }),
    { numRuns: RUNS / 10 },
  );
  t.pass();
});
