import test from 'ava';
import fc from 'fast-check';
import { decodeLogRecord, encodeLogRecord } from '../../src/codec/log-record.js';
import { decodeValue } from '../../src/codec/value-binary.js';
import { LOAD_LOGS, type LoadPlan } from '../../src/load/plan.js';
import { type RecordStream, RING_RECORDS, streamsOf } from '../../src/load/records.js';
import { RecordRing } from '../../src/load/ring.js';
import { readSamples } from '../../src/load/samples.js';
import { readMessages } from '../../src/zeek/message.js';
import { loadPlan } from './plan.js';

const samples = await readSamples();

const allStreams = (plan: LoadPlan): RecordStream[] =>
  Array.from({ length: plan.workers }, (_, worker) => streamsOf(plan, worker, samples)).flat();

test('the samples are what Zeek recorded', (t) => {
  t.deepEqual(
    LOAD_LOGS.map((log) => [samples[log].schema.stream, samples[log].records.length]),
    [
      ['Conn::LOG', 332],
      ['DNS::LOG', 148],
      ['HTTP::LOG', 97],
    ],
  );
  t.is(samples.conn.schema.fields.length, 23);
});

test('written over in place is the same as encoded afresh, wherever it begins and whatever was there', (t) => {
  const streams = streamsOf(loadPlan({ records: 9e8 }), 0, samples);
  const rings = streams.map((stream) => new RecordRing(stream));
  fc.assert(
    fc.property(
      fc.nat(streams.length - 1),
      fc.oneof(fc.nat(3 * RING_RECORDS), fc.nat(999_000_000)),
      fc.integer({ min: 1, max: 50 }),
      (lane, first, most) => {
        const [stream, ring] = [streams[lane] as RecordStream, rings[lane] as RecordRing];
        const count = Math.min(most, ring.room(first));
        const { schema } = stream;
        // The messages stand behind each other, as inside of a batch.
        const batch = Buffer.concat([batchHead(count), ring.take(first, count)]);
        t.notThrows(() => decodeValue(batch));
        const messages = readMessages(batch);
        t.is(messages.length, count);
        for (const [index, message] of messages.entries()) {
          t.like(message, {
            type: 'log-write',
            stream: schema.stream,
            writer: schema.writer,
            path: schema.path,
          });
          const serial = 'serial' in message ? message.serial : new Uint8Array();
          t.true(Buffer.from(serial).equals(stream.encode(first + index)), `record ${first + index}`);
        }
      },
    ),
    { numRuns: 300 },
  );
});

/** `[count 1, count 5, [...]]` up to the messages. */
const batchHead = (count: number): Buffer => {
  const number = (value: bigint): Buffer => {
    const bytes = Buffer.alloc(9, 2);
    bytes.writeBigUInt64BE(value, 1);
    return bytes;
  };
  return Buffer.concat([Buffer.of(14, 3), number(1n), number(5n), Buffer.of(14, count)]);
};

test('a record follows from the plan alone, and is one that Zeek could have written', (t) => {
  const [a, b] = [allStreams(loadPlan()), allStreams(loadPlan())];
  for (const [index, stream] of a.entries()) {
    for (const number of [0, 1, 399, RING_RECORDS, 123_456]) {
      const serial = stream.encode(number);
      t.deepEqual(b[index]?.encode(number), serial);
      const values = decodeLogRecord(serial);
      t.deepEqual(encodeLogRecord(values), serial);
      t.deepEqual(
        values.map(({ type }) => type),
        stream.schema.fields.map(({ type }) => type),
      );
      t.regex(stream.uid(number), /^C[0-9A-Za-z]{17}$/);
    }
  }
  const other = allStreams(loadPlan({ seed: 2 }));
  t.notDeepEqual(other[0]?.encode(1), a[0]?.encode(1));
  t.notDeepEqual(a[0]?.head(1)[2], a[3]?.head(1)[2], 'the workers differ in more than their UIDs');
});

test('times are whole microseconds, in order, at the pace of the plan', (t) => {
  const plan = loadPlan({ workers: 2, mix: { conn: 1, dns: 1, http: 0 }, pace: 4_000 });
  const [stream] = streamsOf(plan, 1, samples);
  t.is(stream?.micros(0), plan.startMicros);
  t.is(stream?.micros(1_000), plan.startMicros + 1e6);
  for (let number = 0; number < 5_000; number++) {
    const micros = stream?.micros(number) ?? 0;
    t.true(Math.round((micros / 1e6) * 1e6) === micros);
  }
});

test('the parts add up to the whole, whatever the numbers', (t) => {
  const records = fc.integer({ min: 1, max: 1e7 });
  const workers = fc.integer({ min: 1, max: 20 });
  const mix = fc.record({ conn: fc.nat(100), dns: fc.nat(100), http: fc.integer({ min: 1, max: 100 }) });
  fc.assert(
    fc.property(records, workers, mix, (records, workers, mix) => {
      const streams = allStreams(loadPlan({ records, workers, mix }));
      t.is(
        streams.reduce((all, { target }) => all + target, 0),
        records,
      );
      t.true(Math.abs(streams.reduce((all, { share }) => all + share, 0) - 1) < 1e-9);
      t.true(streams.every(({ target }) => target >= 0));
    }),
    { numRuns: 50 },
  );
});

test('clients and servers come often and seldom, and are many', (t) => {
  const [conn] = streamsOf(loadPlan(), 0, samples);
  const seen = [new Map<string, number>(), new Map<string, number>()];
  for (let number = 0; number < 20_000; number++) {
    const head = conn?.head(number) ?? [];
    for (const [index, at] of [2, 4].entries()) {
      const host = String(head[at] && 'value' in head[at] ? head[at].value : '');
      seen[index]?.set(host, (seen[index].get(host) ?? 0) + 1);
    }
  }
  const [clients, servers] = seen;
  t.true((clients?.size ?? 0) > 3_000 && (servers?.size ?? 0) > 8_000);
  t.true(Math.max(...(servers?.values() ?? [])) > 100);
});

for (const [what, change] of [
  ['run', { run: 'r1' }],
  ['workers', { workers: 0 }],
  ['records', { records: 0 }],
  ['pace', { pace: 0 }],
  ['mix', { mix: { conn: 0, dns: 0, http: 0 } }],
] as const) {
  test(`a plan whose ${what} cannot be is refused`, (t) => {
    const error = t.throws(() => streamsOf(loadPlan(change), 0, samples), { code: 'config_invalid' });
    t.regex(error?.message ?? '', new RegExp(`the load's ${what}`));
  });
}
