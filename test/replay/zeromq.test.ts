import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import type { FieldType } from '../../src/zeek/field-type.js';
import type { Item } from '../../src/zeek/item.js';
import { fixtureFile, pcapFile } from '../support/recordings.js';
import { zmtpGreeting, zmtpMessage, zmtpReady, zmtpStreams } from '../support/zmtp.js';
import { keep, logItems, plainRow, row, schemas } from './log-rows.js';
import { framesOf, LINKS, pcap, type Segment, segmentsOf, tcp } from './packets.js';
import { codes, content, OPTIONS, read } from './reading.js';

/*
 * pcaps/zeromq.pcap: a ZeroMQ cluster of Zeek 8.2.2 (manager with the proxy, worker), a recorder as its logger and as
 * a subscriber. Ports 15555 (the proxy's XPUB), 15556 (its XSUB) and 15557 (the logger's PULL).
 */

const segments = segmentsOf('zeromq');
const capture = (some: readonly Segment[]): Buffer => pcap(framesOf(some, LINKS.ethernet), 1);
const whole = await read(readFileSync(pcapFile('zeromq')), 'zeromq.pcap');

const ofPort = (port: number) => (segment: Segment) =>
  [segment.tcp.readUInt16BE(0), segment.tcp.readUInt16BE(2)].includes(port);
const of = (kind: Item['kind'], { items }: { items: readonly Item[] } = whole): string[] =>
  items
    .filter((item) => item.kind === kind)
    .map((item) => `${item.origin.peer} ${item.topic} ${content(item)}`);

const XPUB = 15_555;
const XSUB = 15_556;
const PULL = 15_557;
/** A subscriber to everything. */
const RECORDER = 40_368;
const PUBLISHERS = ['33228>15556', '33244>15556'];
const logs = readdirSync(fixtureFile('zeek/zeromq/json'));

test('each event and each batch once, whatever the number of connections that bring it', (t) => {
  const { report, items } = whole;
  const streams = zmtpStreams();
  const count = (sources: readonly string[]) =>
    streams.filter(({ source }) => sources.includes(source)).flatMap(({ messages }) => messages).length;
  t.is(report.sessions, 7);
  t.deepEqual(report.warnings, []);
  t.is(report.deadLetters, 0);
  t.is(report.messages, streams.flatMap(({ commands, messages }) => [0, ...commands, ...messages]).length);
  t.is(report.events, count(PUBLISHERS));
  t.is(report.copies, count(['15555>40364', '15555>40368', '15555>40378']));
  t.true(items.every(({ origin }) => origin.name === 'zeromq.pcap' && origin.peer.startsWith('zeromq_')));
  const nodes = items.flatMap(({ kind, origin }) => (kind === 'log' && origin.node ? [origin.node] : []));
  t.deepEqual(new Set(nodes), new Set(['worker-1', 'manager']));
});

for (const log of logs) {
  test(`${log}: the records are those that the worker logged`, async (t) => {
    const path = log.replace('.log', '');
    const types = new Map<string, FieldType>(
      schemas(whole)
        .filter(({ schema }) => schema.path === path)
        .flatMap(({ schema }) =>
          schema.fields.map(({ name, type, subtype }) => [name, { type, subtype }] as const),
        ),
    );
    const file = readFileSync(fixtureFile(`zeek/zeromq/json/${log}`));
    const json = await read(file, log, { ...OPTIONS, knownTypes: () => types });
    t.deepEqual(codes(json.report), []);
    const sorted = ({ items }: { items: readonly Item[] }): string[] =>
      logItems({ items })
        .filter(({ schema }) => schema.path === path)
        .map((item) => Object.entries(plainRow(row(item), keep)).sort(([a], [b]) => (a < b ? -1 : 1)))
        .map((one) => JSON.stringify(one, (_, value) => (typeof value === 'bigint' ? String(value) : value)))
        .sort();
    t.true(json.report.records > 0);
    t.deepEqual(sorted(whole), sorted(json));
  });
}

test('the publishers alone, a subscriber alone and all subscribers give the same events', async (t) => {
  const expected = of('event').sort();
  for (const [name, chosen, copies] of [
    ['publishers', segments.filter(ofPort(XSUB)), 0],
    ['one subscriber', segments.filter(ofPort(RECORDER)), 0],
    ['subscribers', segments.filter(ofPort(XPUB)), 72],
  ] as const) {
    const result = await read(capture(chosen));
    t.deepEqual(of('event', result).sort(), expected, name);
    t.is(result.report.copies, copies, name);
    t.deepEqual(codes(result.report), [], name);
  }
  const loggers = await read(capture(segments.filter(ofPort(PULL))));
  t.deepEqual(of('log', loggers), of('log'));
});

test('an event that a node sends again is kept each time', async (t) => {
  const event = zmtpMessage('a', 'zeromq_x', 'broker-json-v1', '{}');
  const legs = [1, 2, 3].map(() => [event, event, event]);
  const { items, report } = await read(sent(legs));
  t.is(items.length, 3);
  t.is(report.copies, 6);
});

test('packets that are missing cost the messages in them and no others', async (t) => {
  const worker = segments.filter(ofPort(57_436));
  const everything = new Set(of('log'));
  const total = of('log', await read(capture(worker))).length;
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 12, max: worker.length - 4 }), async (gone) => {
      const { report, items, error } = await read(capture(worker.filter((_, at) => at !== gone)));
      t.is(error, undefined);
      const found = of('log', { items });
      t.true(found.every((one) => everything.has(one)));
      t.true(found.length > total - 250, `${found.length} of ${total} without packet ${gone}`);
      t.true(found.length === total || codes(report).includes('capture_gap'), codes(report).join());
    }),
    { numRuns: 40 },
  );
});

test('what a gap in one leg has taken is filled from another', async (t) => {
  const chosen = segments.filter(ofPort(XPUB));
  const isData = (segment: Segment): boolean =>
    segment.tcp.readUInt16BE(2) === RECORDER && segment.tcp.length > 200;
  const [, , lost] = chosen.filter(isData);
  const { report, items } = await read(capture(chosen.filter((segment) => segment !== lost)));
  t.deepEqual(codes(report), ['capture_gap']);
  t.deepEqual(of('event', { items }).sort(), of('event').sort());
});

test('a capture that begins anywhere gives only what is there, and says that it begins late', async (t) => {
  const chosen = segments.filter(ofPort(57_436));
  const everything = new Set(of('log'));
  let last = Number.POSITIVE_INFINITY;
  for (let from = 8; from < chosen.length - 40; from += 23) {
    const { items, report, error } = await read(capture(chosen.slice(from)));
    t.is(error, undefined, `from ${from}`);
    const found = of('log', { items });
    t.true(
      found.every((one) => everything.has(one)) && found.length > 0 && found.length <= last,
      `from ${from}`,
    );
    t.deepEqual(codes(report), ['capture_desynchronized'], `from ${from}`);
    last = found.length;
  }
});

test('CURVE is named, and not read', async (t) => {
  const { error, report } = await read(sent([[]], zmtpGreeting('CURVE')));
  t.is(error, 'capture_without_broker');
  t.deepEqual(
    report.warnings.map(({ code, message }) => [code, message]),
    [['capture_encrypted', 'test.pcap: 10.0.0.1:40000 -> 10.0.0.2:5555 is a ZeroMQ session with CURVE']],
  );
});

test('what others say over ZMTP is left alone, until it looks like Zeek', async (t) => {
  const foreign = [zmtpMessage('status', 'idle'), zmtpMessage('x'), zmtpMessage('a', 'b', 'c', 'd')];
  const other = await read(sent([foreign]));
  t.is(other.error, 'capture_without_broker');
  t.deepEqual([other.items, codes(other.report)], [[], []]);
  const unknown = zmtpMessage('topic', 'zeromq_a', 'pickle', 'x');
  const { items, error } = await read(sent([[...foreign, unknown]]));
  t.is(error, undefined);
  t.deepEqual(
    items.map((item) => (item.kind === 'dead-letter' ? [item.code, item.reason, item.format] : item.kind)),
    [
      [
        'message_malformed',
        '10.0.0.1:40000 -> 10.0.0.2:5555: message at byte 121 of the stream: ' +
          'at byte 13: expected the format broker-bin-v1 or broker-json-v1 of an event, found "pickle"',
        undefined,
      ],
    ],
  );
});

test('bytes that are no frame are gone over, and reported', async (t) => {
  const event = (n: number): Buffer => zmtpMessage('a', 'zeromq_x', 'broker-json-v1', `${n}`);
  const { items, report } = await read(sent([[event(1), Buffer.from('nonsense'), event(2), event(3)]]));
  t.is(items.length, 3);
  t.deepEqual(codes(report), ['capture_desynchronized']);
  t.regex(
    report.warnings[0]?.message ?? '',
    /there is no message at byte \d+: expected the flags of a frame/,
  );
});

/** A capture of connections in each of which a node that dialled sends these frames, a packet each, in turns. */
function sent(legs: readonly (readonly Buffer[])[], greeting = zmtpGreeting()): Buffer {
  const packets = legs.map((frames, leg) => {
    let sequence = 1000;
    return [undefined, Buffer.concat([greeting, zmtpReady('XPUB')]), ...frames].map((payload) => {
      const fields = { from: 40_000 + leg, to: 5_555, sequence, syn: payload === undefined };
      sequence += payload?.length ?? 1;
      return tcp(payload ? { ...fields, payload } : fields);
    });
  });
  const longest = Math.max(...packets.map(({ length }) => length));
  const all: Segment[] = [];
  for (let index = 0; index < longest; index++) {
    for (const leg of packets) {
      const bytes = leg[index];
      if (!bytes) continue;
      all.push({
        time: BigInt(all.length) * 1_000_000n,
        source: Buffer.of(10, 0, 0, 1),
        destination: Buffer.of(10, 0, 0, 2),
        tcp: bytes,
      });
    }
  }
  return capture(all);
}
