import test from 'ava';
import { ZeekwayError } from '../../src/core/errors.js';
import { STANDARD_LOGS } from '../../src/replay/log-file/standard-logs.js';
import { openReplay } from '../../src/replay/replay.js';
import type { Item } from '../../src/zeek/item.js';
import { Oracle, oracleEnvelope, oracleValue, type Plain } from '../support/oracle.js';
import { pcapFile, RECORDINGS, recordedFrames, recordedPayloads, recording } from '../support/recordings.js';
import { segmentsOf } from './packets.js';
import { OPTIONS } from './reading.js';

type Tagged = { readonly vector: readonly Plain[] };

/** The messages in a payload, batches flattened: type and content. */
function messages(value: Plain): { type: string; content: readonly Plain[] }[] {
  const [, type, content] = (value as unknown as Tagged).vector as [Plain, { count: string }, Tagged];
  if (type.count === '5') return content.vector.flatMap(messages);
  return [{ type: type.count, content: content.vector }];
}

async function replay(name: string) {
  const opened = await openReplay(pcapFile(name), OPTIONS);
  const items: Item[] = [];
  for await (const batch of opened.items()) items.push(...batch);
  return { items, report: opened.report, progress: opened.progress() };
}

for (const name of RECORDINGS) {
  test(`${name}: everything that an independent decoder finds, and nothing else`, async (t) => {
    const { items, report, progress } = await replay(name);
    t.is(report.packets, segmentsOf(name).length);
    t.is(report.messages, recording(name).flatMap((stream) => stream.frames).length);
    const commands = recordedFrames('envelope', [name]).filter(
      ({ bytes }) => oracleEnvelope(Oracle.of(bytes)).type === 'command',
    );
    t.is(report.commands, commands.length);
    t.deepEqual(report.warnings, []);
    t.is(progress.bytesRead, progress.bytesTotal);

    const expected = recordedPayloads([name]).flatMap(({ bytes, sender, topic }) =>
      messages(oracleValue(Oracle.of(bytes))).map((message) => ({ ...message, sender, topic })),
    );
    const ofType = (type: string) => expected.filter((message) => message.type === type);
    const ofKind = <K extends Item['kind']>(kind: K) =>
      items.filter((item): item is Extract<Item, { kind: K }> => item.kind === kind);
    t.is(items.length, expected.length);
    t.is(report.events, ofType('1').length);
    t.is(report.records, ofType('3').length);
    t.is(ofKind('schema').length, ofType('2').length);
    t.is(ofKind('identifier').length, ofType('4').length);
    t.is(report.deadLetters, 0);

    const serials = ofKind('log').map(
      ({ schema, serial, topic, origin }) =>
        `${origin.peer.replaceAll('-', '')} ${topic} ${schema.stream} ${Buffer.from(serial).toString('hex')}`,
    );
    const expectedSerials = ofType('3').map(({ sender, topic, content }) => {
      const [stream, , , serial] = content as [{ 'enum-value': string }, Plain, Plain, { string: string }];
      return `${sender} ${topic} ${Buffer.from(stream['enum-value'], 'hex')} ${serial.string}`;
    });
    t.deepEqual(serials.sort(), expectedSerials.sort());
    const eventNames = ofKind('event').map(({ event }) => event.name);
    const expectedNames = ofType('1').map(({ content }) =>
      Buffer.from((content[0] as { string: string }).string, 'hex').toString(),
    );
    t.deepEqual(eventNames.sort(), expectedNames.sort());
  });
}

test('items come in the order of the capture, with its times', async (t) => {
  const { items } = await replay('broker-cluster');
  const times = items.map((item) => item.received);
  t.deepEqual(
    times,
    times.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
  );
  const captured = new Set(segmentsOf('broker-cluster').map(({ time }) => time));
  t.true(times.every((time) => captured.has(time)));
});

test('node names are learned from Cluster::hello', async (t) => {
  const { items } = await replay('broker-cluster');
  const names = new Set(items.map(({ origin }) => origin.node));
  t.deepEqual([...names].filter((name) => name !== undefined).sort(), [
    'logger',
    'manager',
    'proxy-1',
    'worker-1',
  ]);
  t.true(items.every(({ origin }) => origin.kind === 'replay' && origin.name === 'broker-cluster.pcap'));
});

test('a TLS session is reported, and that nothing else is there', async (t) => {
  const opened = await openReplay(pcapFile('native-tls'), OPTIONS);
  const error = await t.throwsAsync(async () => {
    for await (const batch of opened.items()) t.fail(`${batch.length} items`);
  });
  t.true(error instanceof ZeekwayError && error.code === 'capture_without_broker');
  t.deepEqual(
    opened.report.warnings.map(({ code, message }) => [code, message]),
    [['capture_encrypted', 'native-tls.pcap: 127.0.0.1:37618 -> 127.0.0.1:19997 is a TLS session']],
  );
});

test("the catalogue of Zeek's own logs is what Zeek announces in the recordings", async (t) => {
  const announced = new Map<string, Map<string, unknown>>();
  for (const name of RECORDINGS) {
    for (const item of (await replay(name)).items) {
      if (item.kind !== 'schema' || item.schema.path === 'gw_types') continue;
      const { path, stream, fields } = item.schema;
      const log = announced.get(path) ?? new Map<string, unknown>();
      announced.set(path, log);
      t.is(STANDARD_LOGS.get(path)?.stream, stream);
      for (const { name: field, type, subtype } of fields) log.set(field, { type, subtype });
    }
  }
  t.deepEqual(
    [...STANDARD_LOGS].map(([path, { fields }]) => [path, Object.fromEntries(fields)]),
    [...announced].sort().map(([path, fields]) => [path, Object.fromEntries(fields)]),
  );
});
