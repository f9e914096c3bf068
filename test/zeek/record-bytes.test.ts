import test from 'ava';
import fc from 'fast-check';
import { encodeLogRecord, LOG_TYPES, type LogField } from '../../src/codec/log-record.js';
import { encodeValue } from '../../src/codec/value-binary.js';
import { DEAD_LETTER_SCHEMA_BYTES } from '../../src/core/limits.js';
import { Interpreter } from '../../src/zeek/interpreter.js';
import type { LogSchema } from '../../src/zeek/log-schema.js';
import { batchMessage, logCreateMessage, logWriteMessage } from '../../src/zeek/message.js';
import { recordBytes } from '../../src/zeek/record-bytes.js';
import { logRecord, name } from '../support/arbitrary.js';

const type = fc.constantFrom(...LOG_TYPES);
const field: fc.Arbitrary<LogField> = fc.record({ name, type, subtype: type, optional: fc.boolean() });
const schema: fc.Arbitrary<LogSchema> = fc.record({
  stream: name,
  writer: name,
  path: name,
  fields: fc.array(field, { maxLength: 300 }),
});

test('a fresh interpreter reads a record from its bytes alone, whatever the names are', (t) => {
  const records = fc.oneof(logRecord.map(encodeLogRecord), fc.uint8Array());
  fc.assert(
    fc.property(schema, records, (announced, serial) => {
      const interpreter = new Interpreter({ kind: 'live', peer: '', name: '' });
      const items = interpreter.interpret('', recordBytes(announced, serial), 0n);
      t.deepEqual(
        items.map((item) => (item.kind === 'log' || item.kind === 'schema' ? item.schema : item)),
        [announced, announced],
      );
      const [, record] = items;
      t.deepEqual(record?.kind === 'log' ? Buffer.from(record.serial) : record, Buffer.from(serial));
    }),
  );
});

test('the bytes are those of a batch, also when records of two logs take turns', (t) => {
  const announced = (path: string): LogSchema => ({ stream: 'S', writer: 'W', path, fields: [] });
  const [a, b] = [announced('a'), announced('b')];
  for (const log of [a, b, a]) {
    const value = batchMessage([logCreateMessage(log), logWriteMessage(log, Uint8Array.of(1, 255))]);
    t.deepEqual(recordBytes(log, Uint8Array.of(1, 255)), encodeValue(value));
  }
});

test('an announcement that is too large is not kept with every record', (t) => {
  const wide = (fields: number, size: number): LogSchema => ({
    stream: 'S',
    writer: 'W',
    path: 'p',
    fields: Array.from({ length: fields }, (_, index) => ({
      name: String(index).padEnd(size, 'x'),
      type: 'count',
      subtype: 'void',
      optional: true,
    })),
  });
  const serial = encodeLogRecord([]);
  const largest = recordBytes(wide(1_000, 20), serial);
  t.true(largest.length > 20_000 && largest.length <= DEAD_LETTER_SCHEMA_BYTES + 100);
  const tooLarge = wide(1_000, 60);
  t.deepEqual(recordBytes(tooLarge, serial), encodeValue(logWriteMessage(tooLarge, serial)));
});
