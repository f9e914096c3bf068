import test from 'ava';
import { FrameReader } from '../../src/codec/frame.js';
import { decodeLogRecord, encodeLogRecord } from '../../src/codec/log-record.js';
import { compare, type Value } from '../../src/codec/value.js';
import { decodeValue, encodeValue } from '../../src/codec/value-binary.js';
import { readMessages } from '../../src/zeek/message.js';
import { Oracle, oracleRecord, oracleValue } from '../support/oracle.js';
import { plainLogValue, plainValue } from '../support/plain.js';
import { RECORDINGS, recordedPayloads, recordedStoreValues, recording } from '../support/recordings.js';

for (const name of RECORDINGS) {
  test(`${name}: the frames of every stream, to the last byte`, (t) => {
    for (const { source, bytes, frames } of recording(name)) {
      const reader = new FrameReader();
      // Chunks of an odd size, so that frames begin and end anywhere in them.
      for (let at = 0, index = 0; at < bytes.length; at += 1_447) {
        reader.push(bytes.subarray(at, at + 1_447));
        for (let frame = reader.next(); frame !== undefined; frame = reader.next(), index++) {
          t.deepEqual(Buffer.from(frame), frames[index]?.bytes, `${source} frame ${index}`);
        }
      }
      t.is(reader.pendingBytes, 0, source);
      t.is(reader.offset, bytes.length, source);
    }
  });

  test(`${name}: every value decodes as the oracle reads it and encodes to the same bytes`, (t) => {
    for (const { bytes, source } of [...recordedPayloads([name]), ...recordedStoreValues([name])]) {
      const value = decodeValue(bytes);
      t.deepEqual(plainValue(value), oracleValue(Oracle.of(bytes)), source);
      t.deepEqual(encodeValue(value), bytes, source);
      t.true(isInOrder(value), source);
    }
  });

  test(`${name}: every log record decodes as the oracle reads it and encodes to the same bytes`, (t) => {
    let others = 0;
    for (const { bytes, source } of recordedPayloads([name])) {
      for (const message of readMessages(bytes)) {
        t.not(message.type, 'bad', source);
        if (message.type !== 'log-write') continue;
        const record = decodeLogRecord(message.serial);
        const encoded = encodeLogRecord(record);
        t.deepEqual(record.map(plainLogValue), oracleRecord(Oracle.of(message.serial)), source);
        if (encoded.equals(message.serial)) continue;
        t.is(encoded.toString('hex'), withTrueAsOne(message.serial), `${message.path} in ${source}`);
        others += 1;
      }
    }
    t.is(others, OTHER_BYTES[name] ?? 0);
  });
}

/** Records of x509 whose `basic_constraints.ca` came as 255, OpenSSL's TRUE; it is written as 1. */
const OTHER_BYTES: Partial<Record<(typeof RECORDINGS)[number], number>> = {
  'native-logs': 7,
  'broker-cluster': 7,
};

/** Type bool, no subtype, present, and the number. */
const bool = (number: string): string => `000000010000000001${number.padStart(16, '0')}`;
const withTrueAsOne = (serial: Uint8Array): string =>
  Buffer.from(serial).toString('hex').replace(bool('ff'), bool('1'));

/** Whether all sets and tables inside of a value came in the codec's order. */
function isInOrder(value: Value): boolean {
  switch (value.type) {
    case 'vector':
      return value.value.every(isInOrder);
    case 'set':
      return isAscending(value.value) && value.value.every(isInOrder);
    case 'table':
      return isAscending(value.value.map(([key]) => key)) && value.value.flat().every(isInOrder);
    default:
      return true;
  }
}

const isAscending = (values: readonly Value[]): boolean =>
  values.every((value, index) => index === 0 || compare(values[index - 1] as Value, value) < 0);
