import test from 'ava';
import { FrameReader } from '../../src/codec/frame.js';
import { decodeLogRecord, encodeLogRecord } from '../../src/codec/log-record.js';
import { VALUE_TYPES } from '../../src/codec/value.js';
import { decodeValue, encodeValue } from '../../src/codec/value-binary.js';
import { framed, golden } from '../support/golden.js';
import { Oracle, oracleRecord, oracleValue } from '../support/oracle.js';
import { plainLogValue, plainValue } from '../support/plain.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

for (const [index, { title, source, bytes }] of golden('values').entries()) {
  test(`value ${index}: ${title} (${source})`, (t) => {
    const value = decodeValue(bytes);
    t.deepEqual(plainValue(value), oracleValue(Oracle.of(bytes)), 'parse');
    t.is(hex(encodeValue(value)), hex(bytes), 'generate');
    t.deepEqual(decodeValue(encodeValue(value)), value, 'mirror');
  });
}

test('the golden values have every type', (t) => {
  t.deepEqual(new Set(golden('values').map(({ bytes }) => bytes[0])), new Set(VALUE_TYPES.keys()));
});

for (const [index, { title, source, bytes }] of golden('records').entries()) {
  test(`record ${index}: ${title} (${source})`, (t) => {
    const record = decodeLogRecord(bytes);
    t.deepEqual(record.map(plainLogValue), oracleRecord(Oracle.of(bytes)), 'parse');
    t.is(hex(encodeLogRecord(record)), hex(bytes), 'generate');
    t.deepEqual(decodeLogRecord(encodeLogRecord(record)), record, 'mirror');
  });
}

test('the golden records have every type that logs hold, absent ones and holes', (t) => {
  const values = golden('records').flatMap(({ bytes }) => decodeLogRecord(bytes));
  const flat = values.flatMap((value) =>
    'value' in value && Array.isArray(value.value) ? value.value : [value],
  );
  const types = new Set(values.map(({ type }) => type));
  for (const type of [
    'bool',
    'int',
    'count',
    'double',
    'time',
    'interval',
    'string',
    'enum',
    'port',
  ] as const) {
    t.true(types.has(type), type);
  }
  for (const type of ['addr', 'subnet', 'table', 'vector'] as const) t.true(types.has(type), type);
  t.true(values.some((value) => 'absent' in value));
  t.true(
    flat.some((value) => !values.includes(value) && 'absent' in value),
    'a hole',
  );
});

/** All golden frames and what a reader must make of them. */
const contents = (['handshake', 'envelopes'] as const).flatMap((name) =>
  golden(name).map(({ bytes }) => bytes),
);
const stream = Buffer.concat(contents.map(framed));

function framesOf(chunks: readonly Uint8Array[]): string[] {
  const reader = new FrameReader();
  const frames: string[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) frames.push(hex(frame));
  }
  return frames;
}

test('stream: the golden frames split in two at every byte', (t) => {
  const expected = contents.map(hex);
  for (let at = 0; at <= stream.length; at++) {
    t.deepEqual(framesOf([stream.subarray(0, at), stream.subarray(at)]), expected, `split at ${at}`);
  }
});

test('stream: the golden frames byte by byte', (t) => {
  t.deepEqual(framesOf(Array.from(stream, (byte) => Uint8Array.of(byte))), contents.map(hex));
});
