import test from 'ava';
import fc from 'fast-check';
import { decodeLogRecord, encodeLogRecord } from '../../src/codec/log-record.js';
import { DEFAULT_CODEC_LIMITS } from '../../src/core/limits.js';
import { Interpreter } from '../../src/zeek/interpreter.js';
import { encodeLogBatch, readLogBatch } from '../../src/zeek/log-batch.js';
import type { LogSchema } from '../../src/zeek/log-schema.js';
import { readPayload } from '../../src/zeek/payload.js';
import { zeromqMessages } from '../support/recordings.js';

const FORMAT = 'zeek-bin-serializer';
const ORIGIN = { kind: 'live', peer: 'zeromq_worker-1_vm_1_x', name: 'tcp://127.0.0.1:1' } as const;
const SCHEMA: LogSchema = {
  stream: 'Conn::LOG',
  writer: 'Log::WRITER_ASCII',
  path: 'conn',
  fields: [
    { name: 'n', type: 'count', subtype: 'void', optional: false },
    { name: 'tags', type: 'table', subtype: 'string', optional: true },
  ],
};
const record = (n: number): Buffer =>
  encodeLogRecord([
    { type: 'count', value: BigInt(n) },
    { type: 'table', subtype: 'string', value: [{ type: 'string', value: 'x'.repeat(n) }] },
  ]);
const RECORDS = [record(1), record(2), record(3)];
const BATCH = encodeLogBatch({ schema: SCHEMA, filter: 'default', records: RECORDS });

const interpret = (interpreter: Interpreter, bytes: Uint8Array) =>
  interpreter.interpret('log-write', bytes, 7n, FORMAT);

test('the recorded batches are read to their last byte, and are the same when written again', (t) => {
  const batches = zeromqMessages().filter(({ socket }) => socket === 'pull');
  t.true(batches.length > 100);
  let records = 0;
  for (const { parts } of batches) {
    const [type, , format, payload] = parts as [Buffer, Buffer, Buffer, Buffer];
    t.deepEqual([type.toString(), format.toString()], ['log-write', FORMAT]);
    const batch = readLogBatch(payload);
    t.is(batch.rest, undefined);
    for (const serial of batch.records) t.is(decodeLogRecord(serial).length, batch.schema.fields.length);
    t.deepEqual(encodeLogBatch(batch), payload);
    records += batch.records.length;
  }
  t.true(records > batches.length);
});

test('a batch that is cut at any byte gives the records before, and a batch of what is left', (t) => {
  for (let size = 0; size < BATCH.length; size++) {
    const messages = readPayload(BATCH.subarray(0, size), FORMAT);
    const last = messages.at(-1);
    if (last?.type !== 'bad') return t.fail(`nothing is wrong with ${size} bytes`);
    const [first] = messages;
    if (first?.type !== 'log-batch') {
      t.deepEqual([messages.length, last.format, last.raw.length], [1, FORMAT, size]);
      continue;
    }
    t.deepEqual(first.records.map(Buffer.from), RECORDS.slice(0, first.records.length));
    // What is left, and the bytes that were cut off, are the records that are missing.
    const left = readLogBatch(Buffer.concat([last.raw, BATCH.subarray(size)]));
    t.is(left.rest, undefined);
    t.deepEqual(left.records.map(Buffer.from), RECORDS.slice(first.records.length));
  }
  return undefined;
});

test('bytes behind a batch are kept without its records', (t) => {
  const [batch, bad] = readPayload(Buffer.concat([BATCH, Buffer.of(1, 2)]), FORMAT);
  t.is(batch?.type === 'log-batch' && batch.records.length, 3);
  if (bad?.type !== 'bad') return t.fail('the bytes are missing');
  t.like(bad, { code: 'message_malformed', subject: 'Conn::LOG', format: FORMAT });
  t.is(readLogBatch(bad.raw).records.length, 0);
  return undefined;
});

test('a schema is told when it is new or another one', (t) => {
  const interpreter = new Interpreter(ORIGIN);
  const kinds = (bytes: Uint8Array) => interpret(interpreter, bytes).map(({ kind }) => kind);
  t.deepEqual(kinds(BATCH), ['schema', 'log', 'log', 'log']);
  t.deepEqual(kinds(BATCH), ['log', 'log', 'log']);
  const fields = SCHEMA.fields.slice(0, 1);
  const narrow = { schema: { ...SCHEMA, fields }, filter: 'default', records: [] };
  t.deepEqual(kinds(encodeLogBatch(narrow)), ['schema']);
  t.deepEqual(kinds(BATCH), ['schema', 'log', 'log', 'log']);
});

test('records of a batch share its schema, so that its table is looked up once', (t) => {
  const interpreter = new Interpreter(ORIGIN);
  const schemas = [BATCH, BATCH].flatMap((bytes) =>
    interpret(interpreter, bytes).flatMap((item) => (item.kind === 'log' ? [item.schema] : [])),
  );
  t.is(schemas.length, 6);
  t.is(new Set(schemas).size, 1);
});

test('counts that cannot be are refused before anything is made of them', (t) => {
  const many = Buffer.from(BATCH);
  many.writeUInt32BE(0xffff_ffff, BATCH.length - RECORDS.reduce((sum, { length }) => sum + length - 4, 4));
  t.throws(() => readLogBatch(many), { code: 'decode_truncated' });
  const limits = { ...DEFAULT_CODEC_LIMITS, logFields: 1 };
  t.throws(() => readLogBatch(BATCH, limits), { code: 'decode_limit' });
});

test('any bytes give messages, or bytes that are kept', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(BATCH.length - 1), (noise, at) => {
      const bytes = Buffer.from(BATCH);
      bytes.set(noise.subarray(0, BATCH.length - at), at);
      for (const message of readPayload(bytes, FORMAT)) {
        if (message.type === 'bad') t.is(message.format, FORMAT);
        else t.is(message.type, 'log-batch');
      }
    }),
  );
});
