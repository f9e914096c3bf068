import test from 'ava';
import fc from 'fast-check';
import { encodeLogRecord, type LogScalar, type LogValue } from '../../src/codec/log-record.js';
import { compileFilter } from '../../src/filter/check.js';
import { LiveRows } from '../../src/live/live-rows.js';
import { makeBridge, messages } from '../bridge/numbers.js';
import { field, logItem, origin, schemaOf } from '../bridge/support.js';
import { openApi } from '../http/api.js';
import { logScalar } from '../support/arbitrary.js';
import { testDatabase } from '../support/database.js';

const SCALARS: readonly LogScalar[] = [
  ...(['bool', 'int', 'count', 'double', 'time', 'interval', 'string'] as const),
  ...(['enum', 'addr', 'subnet', 'port', 'func', 'file'] as const),
];
const FIELDS = [
  field('ts', 'time'),
  ...SCALARS.map((type) => field(`a_${type}`, type)),
  ...SCALARS.map((type) => field(`set_${type}`, 'table', type)),
  field('__proto__', 'string'),
];
const SCHEMA = schemaOf('live', FIELDS);

const record = fc.tuple(
  ...FIELDS.map(({ type, subtype }): fc.Arbitrary<LogValue> => {
    const absent: LogValue = { type, subtype, absent: true };
    if (type !== 'table')
      return fc.oneof({ weight: 4, arbitrary: logScalar(type as LogScalar) }, fc.constant(absent));
    const hole: LogValue = { type: subtype, subtype: 'void', absent: true };
    const element = fc.oneof({ weight: 5, arbitrary: logScalar(subtype as LogScalar) }, fc.constant(hole));
    return fc.array(element, { maxLength: 3 }).map((value): LogValue => ({ type, subtype, value }));
  }),
);

/** JSON, with the members of objects in one order. */
const plain = (row: unknown): string =>
  JSON.stringify(row, (_, value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );

test('a live row is what the API shows of the stored one, for all types and edges', async (t) => {
  const { db } = await testDatabase(t);
  const api = await openApi(t);
  const live = new LiveRows();
  const rows: string[] = [];
  live.watch({ path: 'live', columns: [], filter: undefined, deliver: (row) => rows.push(row) > 0 });
  const from = origin('w');
  const items = fc
    .sample(record, { numRuns: 300, seed: 20_261_124 })
    .map((values) => logItem(SCHEMA, encodeLogRecord(values), from));
  live.offer(items);
  const { bridge } = makeBridge(t, db);
  await bridge.run(messages(items));
  await bridge.close();
  const stored: unknown[] = [];
  for (let url: string | undefined = '/v1/logs/live?limit=100'; url !== undefined; ) {
    const { status, body } = await api.get(url);
    t.is(status, 200, JSON.stringify(body));
    stored.push(...(body['rows'] as unknown[]));
    url = body['next'] as string | undefined;
  }
  t.is(rows.length, 300);
  const shown = new Set(stored.map(plain));
  const others = rows.map((row) => plain(JSON.parse(row))).filter((row) => !shown.has(row));
  t.deepEqual(others.slice(0, 1), []);
});

test('each watcher sees its log, its filter and its fields, until it ends', (t) => {
  const schema = schemaOf('conn', [field('uid', 'string'), field('n', 'count')]);
  const from = origin('w');
  const item = (uid: string, n: bigint) =>
    logItem(
      schema,
      encodeLogRecord([
        { type: 'string', value: uid },
        { type: 'count', value: n },
      ]),
      from,
    );
  const columns = [
    { field: 'uid', zeekType: 'string', sqlType: 'text', column: 'uid', key: 'uid' },
    { field: 'n', zeekType: 'count', sqlType: 'numeric(20,0)', column: 'n', key: 'n' },
    { field: 'n', zeekType: 'string', sqlType: 'text', column: 'n:text', key: 'n:text' },
  ];
  const live = new LiveRows();
  const seen: string[] = [];
  const watch = (name: string, path: string, filter?: string) =>
    live.watch({
      path,
      columns,
      filter: filter === undefined ? undefined : compileFilter(filter, { path, columns, now: 0 }),
      keys: new Set(['uid', 'n']),
      deliver: (row) => seen.push(`${name} ${row}`) > 0,
    });
  const endAll = watch('all', 'conn');
  watch('big', 'conn', 'n > 10');
  watch('text', 'conn', '`n:text` == "5"');
  watch('other', 'dns');
  live.offer([item('C1', 5n), item('C2', 50n)]);
  endAll();
  live.offer([item('C3', 7n), item('C4', 70n)]);
  t.deepEqual(seen, [
    'all {"uid":"C1","n":5}',
    'all {"uid":"C2","n":50}',
    'big {"uid":"C2","n":50}',
    'big {"uid":"C4","n":70}',
  ]);
});

test('what becomes a dead letter is nobody’s row', (t) => {
  const schema = schemaOf('conn', [field('uid', 'string'), field('n', 'count')]);
  const twice = schemaOf('conn', [field('uid', 'string'), field('uid', 'count')]);
  const live = new LiveRows();
  live.watch({ path: 'conn', columns: [], filter: undefined, deliver: (row) => t.fail(row) as never });
  const good = encodeLogRecord([
    { type: 'string', value: 'x' },
    { type: 'count', value: 1n },
  ]);
  const items = [good.subarray(0, 20), encodeLogRecord([{ type: 'string', value: 'x' }])];
  live.offer(items.map((serial) => logItem(schema, serial, origin('w'))));
  live.offer([logItem(twice, good, origin('w'))]);
  t.pass();
});
