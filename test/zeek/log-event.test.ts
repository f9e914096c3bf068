import test from 'ava';
import fc from 'fast-check';
import {
  decodeLogRecord,
  encodeLogRecord,
  isAbsent,
  isLogScalar,
  LOG_SCALARS,
  type LogField,
  type LogScalar,
  type LogValue,
} from '../../src/codec/log-record.js';
import {
  compare,
  count,
  equals,
  integer,
  none,
  real,
  set,
  string,
  timespan,
  timestamp,
  type Value,
  vector,
} from '../../src/codec/value.js';
import { encodeValue } from '../../src/codec/value-binary.js';
import { encodeValueJson } from '../../src/codec/value-json.js';
import { DEFAULT_CODEC_LIMITS } from '../../src/core/limits.js';
import { Interpreter } from '../../src/zeek/interpreter.js';
import type { DeadLetterItem, Item } from '../../src/zeek/item.js';
import { eventMessage, logCreateMessage, logWriteMessage } from '../../src/zeek/message.js';
import { logScalar, name } from '../support/arbitrary.js';
import { eventValue, keyValue, logEvent } from '../support/log-events.js';
import { recordedPayloads } from '../support/recordings.js';

const ORIGIN = { kind: 'live', peer: 'zeromq_worker-1_host_1_x', name: 'zeek' } as const;
const TOPIC = 'zeekway/logs/test';
const interpret = (message: Value, interpreter = new Interpreter(ORIGIN)): Item[] =>
  interpreter.interpret(TOPIC, encodeValue(message), 7n);

const serials = (items: readonly Item[]): Buffer[] =>
  items.flatMap((item) => (item.kind === 'log' ? [Buffer.from(item.serial)] : []));
const kinds = (items: readonly Item[]): string[] => items.map(({ kind }) => kind);
function letter(items: readonly Item[]): DeadLetterItem {
  const [found, ...more] = items.filter((item) => item.kind === 'dead-letter');
  if (!found || more.length > 0) throw new Error(`there are ${more.length + 1} dead letters`);
  return found;
}

const field = (fieldName: string, type: LogField['type'], subtype: LogField['type'] = 'void'): LogField => ({
  name: fieldName,
  type,
  subtype,
  optional: true,
});

/** Whole microseconds, as seconds: what a key of a set keeps. */
const keySeconds = fc.bigInt({ min: -(2n ** 52n), max: 2n ** 52n }).map((micros) => Number(micros) / 1e6);
const keyScalar = (type: LogScalar): fc.Arbitrary<LogValue> =>
  type === 'time' || type === 'interval'
    ? keySeconds.map((value): LogValue => ({ type, value }))
    : logScalar(type);

const absent = (type: LogField['type']): LogValue => ({ type, subtype: 'void', absent: true });

/** In Broker's order and each once: a set has no other. */
function distinct(values: readonly LogValue[]): LogValue[] {
  const inOrder = values.toSorted((a, b) => compare(keyValue(a), keyValue(b)));
  return inOrder.filter((value, index) => {
    const before = inOrder[index - 1];
    return before === undefined || !equals(keyValue(before), keyValue(value));
  });
}

function fieldValue({ type, subtype }: Pick<LogField, 'type' | 'subtype'>): fc.Arbitrary<LogValue> {
  const element = subtype as LogScalar;
  if (type === 'table') {
    return fc
      .array(keyScalar(element), { maxLength: 6 })
      .map((values): LogValue => ({ type, subtype: 'void', value: distinct(values) }));
  }
  if (type === 'vector') {
    const item = fc.oneof(
      { weight: 4, arbitrary: logScalar(element) },
      { weight: 1, arbitrary: fc.constant(absent(element)) },
    );
    return fc.array(item, { maxLength: 6 }).map((value): LogValue => ({ type, subtype: 'void', value }));
  }
  return logScalar(type as LogScalar);
}

const fieldType = fc.oneof(
  fc.constantFrom(...LOG_SCALARS).map((type) => ({ type, subtype: 'void' }) as const),
  fc
    .tuple(fc.constantFrom('table', 'vector'), fc.constantFrom(...LOG_SCALARS))
    .map(([type, subtype]) => ({ type, subtype }) as const),
);

/** A log and records of it: some have fewer values than there are fields. */
const log = fc
  .record({ stream: name, path: name, types: fc.array(fc.tuple(name, fieldType), { maxLength: 8 }) })
  .chain(({ stream, path, types }) => {
    const fields = types.map(([text, type]): LogField => ({ name: text, ...type, optional: true }));
    const values = fields.map((one) =>
      fc.oneof(
        { weight: 4, arbitrary: fieldValue(one) },
        { weight: 1, arbitrary: fc.constant(absent(one.type)) },
      ),
    );
    const record = fc
      .tuple(fc.tuple(...values), fc.nat(fields.length))
      .map(([all, cut]) => (cut % 3 === 0 ? all.slice(0, cut) : all));
    return fc.record({
      schema: fc.constant({ stream, path, fields }),
      records: fc.array(record, { maxLength: 5 }),
    });
  });

test('any records of any log come out as if they had come natively', (t) => {
  fc.assert(
    fc.property(log, fc.boolean(), ({ schema, records }, isJson) => {
      const message = logEvent(schema, records);
      const items = isJson
        ? new Interpreter(ORIGIN).interpret(TOPIC, encodeValueJson(message), 7n, 'broker-json-v1')
        : interpret(message);
      t.deepEqual(kinds(items), ['schema', ...records.map(() => 'log')]);
      const [announced] = items;
      t.like(announced?.kind === 'schema' ? announced.schema : {}, { ...schema });
      const whole = records.map((record) => [
        ...record,
        ...schema.fields.slice(record.length).map(({ type }) => absent(type)),
      ]);
      t.deepEqual(serials(items), whole.map(encodeLogRecord));
      for (const item of items) t.like(item, { topic: TOPIC, origin: ORIGIN, received: 7n });
    }),
  );
});

test('recorded records: the same bytes as Zeek made itself, but for the order of sets', (t) => {
  let compared = 0;
  const seen = new Set<string>();
  const interpreters = new Map<string, Interpreter>();
  for (const { topic, sender, bytes } of recordedPayloads()) {
    const interpreter = interpreters.get(sender) ?? new Interpreter(ORIGIN);
    interpreters.set(sender, interpreter);
    for (const item of interpreter.interpret(topic, bytes, 1n)) {
      if (item.kind !== 'log') continue;
      const values = decodeLogRecord(item.serial);
      const ordered = values.map((value) =>
        value.type === 'table' && !isAbsent(value) ? { ...value, value: distinct(value.value) } : value,
      );
      const [serial] = serials(interpret(logEvent(item.schema, [values])));
      if (!serial?.equals(encodeLogRecord(ordered)))
        return t.deepEqual(decodeLogRecord(serial ?? item.serial), ordered);
      for (const { type, subtype } of item.schema.fields)
        seen.add(isLogScalar(type) ? type : `${type} ${subtype}`);
      compared += 1;
    }
  }
  t.true(compared > 2_500, String(compared));
  for (const type of LOG_SCALARS) if (type !== 'func' && type !== 'file') t.true(seen.has(type), type);
  return undefined;
});

const FIELDS = [field('ts', 'time'), field('id.orig_h', 'addr'), field('n', 'vector', 'count')];
const SCHEMA = { stream: 'Test::LOG', path: 'test', fields: FIELDS };
const args = (records: Value, changes: Partial<Record<number, Value>> = {}): Value[] =>
  [
    string('Test::LOG'),
    string('test'),
    vector(['ts', 'id.orig_h', 'n']),
    vector(['time', 'addr', 'vector of count']),
    records,
  ].map((value, index) => changes[index] ?? value);
const event = (records: readonly Value[], changes?: Partial<Record<number, Value>>): Value =>
  eventMessage('Zeekway::log_records', args(vector(records), changes));

test('timestamp and timespan are taken for time and interval wherever they come', (t) => {
  const nanos = 1_700_000_000_123_456_000n;
  const message = eventMessage('Zeekway::log_records', [
    string('Test::LOG'),
    string('test'),
    vector(['t', 'i', 'v', 's']),
    vector(['time', 'interval', 'vector of time', 'set[interval]']),
    vector([
      vector([
        timestamp(nanos),
        timespan(-2_500_000n),
        vector([timestamp(nanos), vector([none])]),
        set([real(0.5)]),
      ]),
    ]),
  ]);
  const time: LogValue = { type: 'time', value: 1_700_000_000.123456 };
  t.deepEqual(serials(interpret(message)), [
    encodeLogRecord([
      time,
      { type: 'interval', value: -0.0025 },
      { type: 'vector', subtype: 'void', value: [time, absent('time')] },
      { type: 'table', subtype: 'void', value: [{ type: 'interval', value: 0.5 }] },
    ]),
  ]);
});

test('one hole is no unset vector, and a func is told from both', (t) => {
  const hole = vector([none]);
  const message = eventMessage('Zeekway::log_records', [
    string('Test::LOG'),
    string('test'),
    vector(['a', 'b', 'c', 'd']),
    vector(['vector of count', 'vector of count', 'func', 'func']),
    vector([vector([hole, vector([hole]), hole, vector(['f', none])])]),
  ]);
  t.deepEqual(serials(interpret(message)), [
    encodeLogRecord([
      absent('vector'),
      { type: 'vector', subtype: 'void', value: [absent('count')] },
      absent('func'),
      { type: 'func', value: 'f' },
    ]),
  ]);
});

test('what does not fit is one dead letter with all such records; the others are kept', (t) => {
  const good = vector([real(1)]);
  const unfit = [
    [real(1), count(5)],
    [integer(1)],
    [real(1), vector([none]), vector([count(1), integer(2)])],
    [real(1), vector([none]), vector([]), real(1)],
  ].map((values) => vector(values));
  const items = interpret(event([good, ...unfit.flatMap((record) => [record, good])]));
  t.deepEqual(kinds(items), ['schema', 'log', 'log', 'log', 'log', 'log', 'dead-letter']);
  const { raw, ...rest } = letter(items);
  t.like(rest, {
    code: 'log_record_malformed',
    subject: 'Test::LOG',
    topic: TOPIC,
    reason:
      'record 2 of 9, field "id.orig_h": expected address for addr, found count; it is the first of 4 that do not fit',
  });
  t.deepEqual(Buffer.from(raw), encodeValue(event(unfit)));
  // Tried again, it is the same letter.
  t.is(
    letter(new Interpreter(ORIGIN).interpret(TOPIC, raw, 7n)).reason,
    'record 1 of 4, field "id.orig_h": expected address for addr, found count; it is the first of 4 that do not fit',
  );
});

for (const [record, reason] of [
  [vector([string('x')]), 'field "ts": expected real for time, found string'],
  [vector([timespan(1n)]), 'field "ts": expected real for time, found timespan'],
  [vector([none, none]), 'field "ts": expected real for time, found none'],
  [count(5), 'values: expected vector, found count'],
  [vector([real(1), vector([none]), set([])]), 'field "n": expected vector of count, found set'],
  [
    vector([real(1), vector([none]), vector([count(1), integer(2)])]),
    'field "n", element 2: expected count for count, found integer',
  ],
  [
    vector([real(1), vector([none]), vector([]), real(1)]),
    'behind field "n": expected at most 3 values, found 4',
  ],
] as const) {
  test(`a record alone: ${reason}`, (t) => {
    const items = interpret(event([record]));
    t.is(letter(items).reason, `record 1 of 1, ${reason}`);
  });
}

const many = (size: number, value: Value): Value => vector(Array.from({ length: size }, () => value));
const names = (size: number): Value =>
  vector(Array.from({ length: size }, (_, index) => string(`f${index}`)));

for (const [message, code, subject, reason] of [
  [
    event([], { 0: count(1) }),
    'message_malformed',
    'Zeekway::log_records',
    'stream: expected string, found count',
  ],
  [event([], { 1: none }), 'message_malformed', 'Test::LOG', 'path: expected string, found none'],
  [event([], { 2: set(['ts']) }), 'message_malformed', 'Test::LOG', 'names: expected vector, found set'],
  [
    event([], { 2: vector(['a', count(1), 'c']) }),
    'message_malformed',
    'Test::LOG',
    'names[1]: expected string, found count',
  ],
  [
    event([], { 3: vector(['time']) }),
    'message_malformed',
    'Test::LOG',
    'types: expected as many as names (3), found 1',
  ],
  [event([], { 4: string('x') }), 'message_malformed', 'Test::LOG', 'records: expected vector, found string'],
  [
    event([], { 3: vector(['time', 'pattern', 'addr']) }),
    'log_schema_invalid',
    'Test::LOG',
    'field "id.orig_h": expected a type that a log can hold, found "pattern"',
  ],
  [
    eventMessage('Zeekway::log_records', [string('Test::LOG')]),
    'message_malformed',
    'Test::LOG',
    'Zeekway::log_records: expected the arguments stream, path, names, types, records, found 1 arguments',
  ],
  [
    event([], { 2: names(1_501), 3: many(1_501, string('count')) }),
    'message_malformed',
    'Test::LOG',
    'names: expected at most 1500 fields, found 1501',
  ],
  [
    event([], { 2: names(1_500), 3: many(1_500, string('count')), 4: many(700, vector([])) }),
    'message_malformed',
    'Test::LOG',
    `records: expected at most ${DEFAULT_CODEC_LIMITS.collectionItems} values, found 700 records of 1500 fields`,
  ],
] as const) {
  test(`an event as a whole: ${reason}`, (t) => {
    const items = interpret(message);
    t.is(items.length, 1);
    t.like(letter(items), { code, subject, reason });
    t.deepEqual(Buffer.from(letter(items).raw), encodeValue(message));
  });
}

test('the same log natively and as events from one peer: each record has the schema of its own kind', (t) => {
  const interpreter = new Interpreter(ORIGIN);
  const native = { ...SCHEMA, writer: 'Log::WRITER_ASCII', fields: FIELDS.toReversed() };
  const record = FIELDS.map(({ type }) => absent(type));
  interpret(logCreateMessage(native), interpreter);
  t.deepEqual(kinds(interpret(logEvent(SCHEMA, [record]), interpreter)), ['schema', 'log']);
  const [item] = interpret(logWriteMessage(native, encodeLogRecord(record.toReversed())), interpreter);
  t.deepEqual(item?.kind === 'log' ? item.schema : undefined, native);
  t.deepEqual(kinds(interpret(logEvent(SCHEMA, [record]), interpreter)), ['log']);
});

test('other events stay events, whatever their topic', (t) => {
  t.deepEqual(kinds(interpret(eventMessage('Zeekway::other', args(vector([]))))), ['event']);
  t.is(eventValue({ type: 'count', value: 1n }).type, 'count');
});

test('any arguments give items, or bytes that are kept', (t) => {
  const piece = fc.constantFrom<Value>(
    none,
    string('count'),
    vector([]),
    vector(['x', 'count']),
    vector([none]),
    vector([vector([none]), vector([])]),
    count(1),
    set([count(1)]),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), (some) => {
      const message = eventMessage('Zeekway::log_records', some);
      for (const item of interpret(message)) {
        t.true(['schema', 'log', 'dead-letter'].includes(item.kind));
      }
    }),
  );
});
