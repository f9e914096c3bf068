import test from 'ava';
import fc from 'fast-check';
import { RowItems } from '../../src/bridge/row-items.js';
import { count } from '../../src/codec/value.js';
import type { Item, LogItem } from '../../src/zeek/item.js';
import { field, logItem, origin, schemaOf } from './support.js';

const schemas = [schemaOf('a', [field('n', 'count')]), schemaOf('b', [field('n', 'count')])];
const origins = [origin('a'), origin('b')];
const messages = [Uint8Array.from({ length: 64 }, (_, index) => index), new Uint8Array(64).fill(7)];

const record = fc
  .record({
    schema: fc.constantFrom(...schemas),
    from: fc.constantFrom(...origins),
    message: fc.constantFrom(...messages),
    at: fc.nat(40),
    length: fc.nat(20),
    received: fc.constantFrom(1n, 2n),
    topic: fc.constantFrom('t', 'u'),
  })
  .map(
    ({ schema, from, message, at, length, received, topic }): LogItem => ({
      ...logItem(schema, message.subarray(at, at + length), from),
      received,
      topic,
    }),
  );
const identifier = fc.constantFrom(...origins).map(
  (from): Item => ({
    kind: 'identifier',
    name: 'x',
    value: count(1n),
    origin: from,
    topic: 't',
    received: 1n,
  }),
);

test('items come out as they went in, whatever they share', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(record, record, identifier), { maxLength: 300 }),
      fc.nat(),
      (items, cut) => {
        const kept = RowItems.of(items);
        t.is(kept.length, items.length);
        for (const [index, item] of items.entries()) t.deepEqual(kept.at(index), item);
        t.is(kept.at(items.length), undefined);
        const half = items.length === 0 ? 0 : cut % items.length;
        const tail = kept.slice(half);
        t.deepEqual(
          Array.from({ length: tail.length }, (_, index) => tail.at(index)),
          items.slice(half),
        );
        const counts = [...kept.runs()].flatMap(({ item, count }) =>
          Array<string>(count).fill(item.origin.name),
        );
        t.deepEqual(
          counts,
          items.map((item) => item.origin.name),
        );
      },
    ),
    { numRuns: 200 },
  );
});

test('records of one message are one run', (t) => {
  const [schema, from, message] = [schemas[0], origins[0], messages[0]];
  if (!schema || !from || !message) return t.fail();
  const records = Array.from({ length: 500 }, () => logItem(schema, message.subarray(1, 9), from));
  t.is([...RowItems.of(records).runs()].length, 1);
});
