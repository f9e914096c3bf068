import test from 'ava';
import type { RowSet } from '../../src/bridge/batch.js';
import { IngestCounter } from '../../src/bridge/ingest-counter.js';
import { RowItems } from '../../src/bridge/row-items.js';
import { EVENTS } from '../../src/bridge/rows.js';
import type { Item } from '../../src/zeek/item.js';
import { numbers, record, SCHEMA } from './numbers.js';
import { origin, RECEIVED } from './support.js';

const setOf = (...items: Item[]): RowSet => ({
  target: { table: 'logs.numbers', columns: [], path: 'numbers' },
  items: RowItems.of(items),
  rows: items.length,
  days: new Set(),
  chunks: [],
});

const bytesOf = (from: number, size: number): number =>
  Array.from({ length: size }, (_, index) => record(from + index).length).reduce(
    (sum, each) => sum + each,
    0,
  );

test('records, bytes and the last arrival of each peer and stream', (t) => {
  const counter = new IngestCounter();
  const [a, b] = [origin('10.0.0.1:1'), origin('10.0.0.2:1')];
  const other = { ...SCHEMA, stream: 'Other::LOG', path: 'other' };
  counter.committed([setOf(...numbers(a, 0, 3), ...numbers(b, 3, 2)), setOf(...numbers(a, 5, 1, other))]);
  const named = { ...a, node: 'worker-1' };
  const later = numbers(named, 95, 10).map((item) => ({ ...item, received: RECEIVED + 5n }));
  counter.committed([setOf(...later), setOf(...numbers(named, 0, 1))]);
  const event: Item = {
    kind: 'event',
    event: { name: 'X::e', args: [], metadata: [] },
    origin: a,
    topic: 'x',
    received: RECEIVED,
  };
  counter.committed([{ ...setOf(event), target: EVENTS }]);
  const base = { stream: 'numbers::LOG', path: 'numbers' };
  t.deepEqual(counter.snapshot(), [
    { ...base, peer: b.peer, name: b.name, records: 2, bytes: bytesOf(3, 2), last: RECEIVED },
    {
      stream: 'Other::LOG',
      path: 'other',
      peer: a.peer,
      name: a.name,
      records: 1,
      bytes: bytesOf(5, 1),
      last: RECEIVED,
    },
    {
      ...base,
      peer: a.peer,
      node: 'worker-1',
      name: a.name,
      records: 14,
      bytes: bytesOf(0, 3) + bytesOf(95, 10) + bytesOf(0, 1),
      last: RECEIVED + 5n,
    },
  ]);
});

test('peers that come with new IDs again and again do not fill the memory', (t) => {
  const counter = new IngestCounter(2);
  const [a, b, c] = [origin('a'), origin('b'), origin('c')];
  for (const from of [a, b, a, c]) counter.committed([setOf(...numbers(from, 0, 1))]);
  t.deepEqual(
    counter.snapshot().map(({ name, records }) => [name, records]),
    [
      ['a', 2],
      ['c', 1],
    ],
  );
});
