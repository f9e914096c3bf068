import test from 'ava';
import { API_PAGE_BYTES } from '../../src/core/limits.js';
import { type Json, openApi, PEER, type TestApi } from './api.js';

let api: TestApi;
test.before(async (t) => {
  api = await openApi(t);
  await api.makeLog('conn', [
    ['ts', 'time', 'timestamptz'],
    ['uid', 'string', 'text'],
    ['tunnel_parents', 'set[string]', 'text[]'],
  ]);
  await api.makeLog('dns', [
    ['ts', 'time', 'timestamptz'],
    ['uid', 'string', 'text'],
  ]);
  await api.makeLog('files', [
    ['ts', 'time', 'timestamptz'],
    ['fuid', 'string', 'text'],
    ['conn_uids', 'set[string]', 'text[]'],
  ]);
  await api.makeLog('stats', [['value', 'count', 'numeric(20,0)']]);
  await api.addRow('conn', { ts: '2026-11-24T03:00:00Z', uid: 'C1' });
  await api.addRow('conn', { ts: '2026-11-24T03:00:01Z', uid: 'C2', tunnel_parents: '{C1}' });
  for (const second of ['3', '1', '2'])
    await api.addRow('dns', { ts: `2026-11-24T03:00:0${second}Z`, uid: 'C1' });
  await api.addRow('files', { ts: '2026-11-24T03:00:09Z', fuid: 'F1', conn_uids: '{C1}' });
  await api.addRow('stats', { _received: '2026-11-24T05:00:00Z', value: '1' });
  await api.addRow('stats', { _received: '2026-11-24T06:00:00Z', value: '2' });
});
test.after.always(() => api.close());

test('the list of logs', async (t) => {
  const { body } = await api.get('/v1/logs');
  const logs = (body['logs'] as Json[]).filter(({ path }) => ['conn', 'stats'].includes(String(path)));
  t.deepEqual(logs, [
    {
      path: 'conn',
      table: 'logs."conn"',
      stream: 'conn::LOG',
      fields: 3,
      rows: 2,
      exact: true,
      first: '2026-11-24T03:00:00.000000Z',
      last: '2026-11-24T03:00:01.000000Z',
    },
    {
      path: 'stats',
      table: 'logs."stats"',
      stream: 'stats::LOG',
      fields: 1,
      rows: 2,
      exact: true,
      first: '2026-11-24T05:00:00.000000Z',
      last: '2026-11-24T06:00:00.000000Z',
    },
  ]);
});

test('a log without ts is ranged and ordered by the time of receipt', async (t) => {
  const rows = await api.rows('/v1/logs/stats?from=2026-11-24T05:30:00Z');
  t.deepEqual(
    rows.map((row) => row['value']),
    [2],
  );
});

test('a field whose type changed has a key of its own, and a filter means both', async (t) => {
  await api.makeLog('changed', [
    ['ts', 'time', 'timestamptz'],
    ['size', 'count', 'numeric(20,0)'],
  ]);
  await api.makeLog('changed', [
    ['ts', 'time', 'timestamptz'],
    ['size', 'string', 'text'],
  ]);
  await api.addRow('changed', { ts: '2026-11-24T03:00:00Z', size: '5' });
  await api.addRow('changed', { ts: '2026-11-24T03:00:01Z', 'size:text': '5' });
  await api.addRow('changed', { ts: '2026-11-24T03:00:02Z', 'size:text': 'big' });
  const { body } = await api.get('/v1/logs/changed/fields');
  t.deepEqual(body['fields'], [
    { name: 'ts', key: 'ts', column: 'ts', type: 'time', sqlType: 'timestamptz' },
    { name: 'size', key: 'size', column: 'size', type: 'count', sqlType: 'numeric(20,0)' },
    { name: 'size', key: 'size:text', column: 'size:text', type: 'string', sqlType: 'text' },
  ]);
  t.deepEqual(await api.rows('/v1/logs/changed?fields=size&size=5&order=asc'), [
    { size: 5 },
    { 'size:text': '5' },
  ]);
  t.deepEqual(await api.rows('/v1/logs/changed?fields=size&size=big'), [{ 'size:text': 'big' }]);
  t.deepEqual(await api.rows('/v1/logs/changed?fields=size:text&size:text=5'), [{ 'size:text': '5' }]);
});

test('names that are no identifiers', async (t) => {
  const long = `a.${'x'.repeat(100)}`;
  const path = `dir/${'ü'.repeat(60)}"`;
  await api.makeLog('odd', [
    ['_source', 'string', 'text'],
    ['a"b', 'string', 'text'],
    [long, 'string', 'text'],
  ]);
  const { body } = await api.get('/v1/logs/odd/fields');
  const columns = (body['fields'] as Json[]).map(({ column }) => String(column));
  await api.addRow('odd', Object.fromEntries(columns.map((column, index) => [column, `v${index}`])));
  const [row] = await api.rows(`/v1/logs/odd?${encodeURIComponent('a"b')}=v1&${long}=v2&field._source=v0`);
  t.is(row?.['a"b'], 'v1');
  t.is(row?.[long], 'v2');
  t.is(row?.[String(columns[0])], 'v0');
  t.like(row?.['_source'], { kind: 'live' });

  await api.makeLog(path, [['s', 'string', 'text']]);
  t.deepEqual(await api.rows(`/v1/logs/${encodeURIComponent(path)}`), []);
});

test('a field with the name of a property that every object has', async (t) => {
  await api.makeLog('proto', [['__proto__', 'string', 'text']]);
  await api.addRow('proto', { ['__proto__']: 'x' });
  const response = await api.server.inject('/v1/logs/proto');
  t.regex(response.body, /"__proto__":"x"/);
});

test('a name with field. in front is the one without, where both are there', async (t) => {
  await api.makeLog('prefixed', [
    ['from', 'string', 'text'],
    ['field.from', 'string', 'text'],
  ]);
  await api.addRow('prefixed', { from: 'a', 'field.from': 'b' });
  t.is((await api.rows('/v1/logs/prefixed?field.from=a')).length, 1);
  t.is((await api.rows('/v1/logs/prefixed?field.from=b')).length, 0);
  t.is((await api.rows('/v1/logs/prefixed?field.field.from=b')).length, 1);
});

test('a page of large rows ends early, and next goes on', async (t) => {
  await api.makeLog('wide', [
    ['ts', 'time', 'timestamptz'],
    ['s', 'string', 'text'],
  ]);
  await api.pool.query(
    `INSERT INTO logs.wide SELECT '2026-11-24'::timestamptz + n * interval '1 s', repeat('x', 10000), now(), 1
       FROM generate_series(1, 1000) AS n`,
  );
  const sizes: number[] = [];
  const times = new Set<unknown>();
  for (let next: string | undefined = '/v1/logs/wide?limit=10000'; next !== undefined; ) {
    const { body } = await api.get(next);
    const rows = body['rows'] as Json[];
    sizes.push(rows.length);
    for (const { ts } of rows) times.add(ts);
    next = body['next'] as string | undefined;
  }
  t.is(times.size, 1000);
  t.deepEqual(
    sizes.map((size) => size * 10_000 <= API_PAGE_BYTES + 10_000),
    [true, true, true],
    String(sizes),
  );
});

test('a log whose table somebody dropped is not there', async (t) => {
  await api.makeLog('dropped', [['s', 'string', 'text']]);
  await api.pool.query('DROP TABLE logs.dropped');
  t.is((await api.get('/v1/logs/dropped')).status, 404);
  t.is((await api.get('/v1/logs')).status, 200);
});

test('a uid in all logs', async (t) => {
  const { body } = await api.get('/v1/uid/C1');
  const logs = body['logs'] as { path: string; rows: Json[]; more: boolean }[];
  t.deepEqual(
    logs.map(({ path, rows, more }) => [path, rows.map((row) => row['ts']), more]),
    [
      ['conn', ['2026-11-24T03:00:00.000000Z'], false],
      ['dns', ['1', '2', '3'].map((second) => `2026-11-24T03:00:0${second}.000000Z`), false],
    ],
  );
});

test('a uid with the rows that list it', async (t) => {
  const { body } = await api.get('/v1/uid/C1?related=true&limit=1');
  const logs = body['logs'] as { path: string; rows: Json[]; more: boolean }[];
  t.deepEqual(
    logs.map(({ path, rows, more }) => [path, rows.length, more]),
    [
      ['conn', 1, true],
      ['dns', 1, true],
      ['files', 1, false],
    ],
  );
});

test('a uid that nobody knows', async (t) => {
  t.deepEqual((await api.get('/v1/uid/nobody')).body, { uid: 'nobody', logs: [] });
});

test.serial('events', async (t) => {
  const args = [
    '{"@data-type":"count","data":18446744073709551615}',
    '{"@data-type":"integer","data":-9223372036854775808}',
    '{"@data-type":"count","data":7}',
    '{"@data-type":"real","data":"nan"}',
    '{"@data-type":"string","data":"a\\\\x00b \\\\xff"}',
    '{"@data-type":"none","data":{}}',
    '{"@data-type":"table","data":[{"key":{"@data-type":"port","data":"80/tcp"},"value":{"@data-type":"set","data":[{"@data-type":"count","data":18446744073709551615}]}}]}',
  ];
  for (const [name, topic, ts] of [
    ['A::a', 'zeek/cluster/x', '2026-11-24T03:00:00.000001Z'],
    ['B::b', 'zeek/cluster/y', '2026-11-24T03:00:01Z'],
    ['A::a', 'zeek/other', null],
  ] as const) {
    await api.pool.query(
      `INSERT INTO zeekway.events (name, topic, ts, received, source, args) VALUES ($1, $2, $3, '2026-11-24T04:00:00Z', 1, $4)`,
      [name, topic, ts, `[${args.join(',')}]`],
    );
  }
  const { body } = await api.get('/v1/events?name=A::a&topic=zeek/cluster');
  t.deepEqual(body, {
    events: [
      {
        id: 1,
        name: 'A::a',
        topic: 'zeek/cluster/x',
        time: '2026-11-24T03:00:00.000001Z',
        received: '2026-11-24T04:00:00.000000Z',
        source: { kind: 'live', name: PEER.address, peer: PEER.id, node: 'worker-1' },
        args: [
          { '@data-type': 'count', data: '18446744073709551615' },
          { '@data-type': 'integer', data: '-9223372036854775808' },
          { '@data-type': 'count', data: 7 },
          { '@data-type': 'real', data: 'nan' },
          { '@data-type': 'string', data: 'a\\x00b \\xff' },
          { '@data-type': 'none', data: {} },
          {
            '@data-type': 'table',
            data: [
              {
                key: { '@data-type': 'port', data: '80/tcp' },
                value: {
                  '@data-type': 'set',
                  data: [{ '@data-type': 'count', data: '18446744073709551615' }],
                },
              },
            ],
          },
        ],
      },
    ],
  });
  const ids = async (query: string): Promise<unknown> =>
    ((await api.get(`/v1/events?${query}`)).body['events'] as Json[]).map(({ id }) => id);
  t.deepEqual(await ids(''), [3, 2, 1]);
  t.deepEqual(await ids('order=asc'), [1, 2, 3]);
  t.deepEqual(await ids('topic=zeek/cluster/'), [2, 1]);
  t.deepEqual(await ids('topic=zeek/%25'), []);
  t.deepEqual(await ids('from=2026-11-24T03:00:01Z'), [3, 2]);
  t.deepEqual(await ids('to=2026-11-24T03:00:01Z'), [1]);
  t.deepEqual(await ids('from=2026-11-24T04:00:00Z&to=2026-11-24T04:00:00.000001Z'), [3]);
  const first = await api.get('/v1/events?limit=2');
  t.deepEqual(
    (first.body['events'] as Json[]).map(({ id }) => id),
    [3, 2],
  );
  const second = await api.get(String(first.body['next']));
  t.deepEqual(
    (second.body['events'] as Json[]).map(({ id }) => id),
    [1],
  );
  t.is(second.body['next'], undefined);
});
