import test from 'ava';
import { HISTOGRAM_WIDTH_BUCKETS } from '../../src/core/limits.js';
import { describeLogs } from '../../src/storage/queries/catalogue.js';
import { seriesHistogram } from '../../src/storage/queries/histogram.js';
import { read } from '../../src/storage/queries/query.js';
import { type Json, openApi, type TestApi } from './api.js';

let api: TestApi;
test.before(async (t) => {
  api = await openApi(t);
  await api.makeLog('conn', [
    ['ts', 'time', 'timestamptz'],
    ['uid', 'string', 'text'],
    ['id.orig_h', 'addr', 'inet'],
    ['service', 'string', 'text'],
    ['tags', 'set[string]', 'text[]'],
    ['top', 'count', 'numeric(20,0)'],
  ]);
  const rows: readonly (readonly [string | null, string, string | null])[] = [
    ['2026-11-24T03:00:07Z', '10.0.0.1', 'dns'],
    ['2026-11-24T03:00:59.999999Z', '10.0.0.2', 'dns'],
    ['2026-11-24T03:01:00Z', '10.0.1.1', 'ssl'],
    ['2026-11-24T03:01:00.5Z', '2001:db8::1', null],
    ['2026-11-24T03:04:10Z', '2001:db8::2', 'dns'],
    ['2026-11-24T03:04:59Z', '2001:db8:0:1::1', 'http'],
    [null, '10.0.0.1', 'dns'],
    ['infinity', '10.0.0.1', 'dns'],
    ['-infinity', '10.0.0.1', 'dns'],
  ];
  for (const [index, [ts, host, service]] of rows.entries()) {
    await api.addRow('conn', { ts, uid: `C${index}`, 'id.orig_h': host, service, tags: '{a,b}', top: '7' });
  }
  await api.makeLog('empty', [['ts', 'time', 'timestamptz']]);
  await api.makeLog('stats', [['value', 'count', 'numeric(20,0)']]);
  await api.addRow('stats', { _received: '2026-11-24T05:00:00Z', value: '1' });
  await api.addRow('stats', { _received: '2026-11-24T05:00:03Z', value: '1' });
});
test.after.always(() => api.close());

async function histogram(query: string, path = 'conn'): Promise<Json> {
  const { status, body } = await api.get(`/v1/logs/${path}/histogram?${query}`);
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body;
}

type Bucket = { readonly time: string; readonly count: number };
const counts = (body: Json): number[] => (body['buckets'] as Bucket[]).map(({ count }) => count);
const times = (body: Json): string[] => (body['buckets'] as Bucket[]).map(({ time }) => time);

test('every bucket of the range is there, from the first row with a time to the last', async (t) => {
  t.deepEqual(await histogram('width=1min'), {
    path: 'conn',
    from: '2026-11-24T03:00:07.000000Z',
    to: '2026-11-24T03:04:59.000001Z',
    width: 60,
    buckets: [
      { time: '2026-11-24T03:00:00.000000Z', count: 2 },
      { time: '2026-11-24T03:01:00.000000Z', count: 2 },
      { time: '2026-11-24T03:02:00.000000Z', count: 0 },
      { time: '2026-11-24T03:03:00.000000Z', count: 0 },
      { time: '2026-11-24T03:04:00.000000Z', count: 2 },
    ],
  });
});

test('a range is half open, and its first and last bucket may be cut', async (t) => {
  const body = await histogram('from=2026-11-24T03:00:30Z&to=2026-11-24T03:04:59Z&width=2min');
  t.is(body['from'], '2026-11-24T03:00:30.000000Z');
  t.is(body['to'], '2026-11-24T03:04:59.000000Z');
  t.deepEqual(counts(body), [3, 0, 1]);
  t.is(times(body)[0], '2026-11-24T03:00:00.000000Z');
});

for (const [query, width, expected] of [
  ['buckets=1', 300, 1],
  ['buckets=5', 60, 5],
  ['buckets=4', 120, 3],
  ['buckets=100', 5, 59],
  ['', 5, 59],
  ['buckets=1000', 0.5, 585],
  ['from=2026-11-24&to=2026-11-25&buckets=24', 3_600, 24],
  ['from=2026-11-24&to=2026-11-25&buckets=23', 7_200, 12],
  ['from=2026-01-01&to=2027-01-01&buckets=60', 604_800, 53],
  ['from=2026-11-24T03:00:00Z&to=2026-11-24T03:00:00.1Z', 0.001, 100],
  ['from=0001-01-01&to=9999-12-31&buckets=1000', 3_153_600_000, 101],
] as const) {
  test(`conn?${query}: a round width that needs no more buckets`, async (t) => {
    const body = await histogram(query);
    t.is(body['width'], width);
    t.is(counts(body).length, expected);
  });
}

test('weeks begin on Mondays and days at midnight', async (t) => {
  const week = await histogram('width=1w&from=2026-11-24&to=2026-11-25');
  t.deepEqual(times(week), ['2026-11-23T00:00:00.000000Z']);
  const day = await histogram('width=1d&from=1969-12-31T23:59:59Z&to=1970-01-01T00:00:01Z');
  t.deepEqual(times(day), ['1969-12-31T00:00:00.000000Z', '1970-01-01T00:00:00.000000Z']);
});

test('filters of both kinds narrow the rows, and a range of the filter the buckets', async (t) => {
  t.deepEqual(counts(await histogram('width=1min&service=dns')), [2, 0, 0, 0, 1]);
  const filter = encodeURIComponent('id.orig_h in 10.0.0.0/8 && ts < 2026-11-24T03:02:00Z');
  const body = await histogram(`width=1min&filter=${filter}`);
  t.is(body['to'], '2026-11-24T03:02:00.000000Z');
  t.deepEqual(counts(body), [2, 1]);
});

test('a field that is named like a parameter is a filter as field.top', async (t) => {
  t.deepEqual(counts(await histogram('width=1h&field.top=7')), [6]);
  t.deepEqual(counts(await histogram('width=1h&field.top=8')), [0]);
});

test('by: the most frequent values, the unset one among them, and the rest', async (t) => {
  const body = await histogram('width=1min&by=service&top=2');
  t.deepEqual(counts(body), [2, 2, 0, 0, 2]);
  t.deepEqual(body['series'], [
    { value: 'dns', counts: [2, 0, 0, 0, 1] },
    { value: 'http', counts: [0, 0, 0, 0, 1] },
  ]);
  t.deepEqual(body['other'], [0, 2, 0, 0, 0]);
  const all = await histogram('width=1min&by=service&top=4');
  t.deepEqual((all['series'] as Json[]).at(-1), { counts: [0, 1, 0, 0, 0] });
  t.false('other' in all);
});

test('by: subnets, of IPv4 and of IPv6', async (t) => {
  const body = await histogram('width=1h&by=id.orig_h/24');
  t.deepEqual(body['series'], [
    { value: '10.0.0.0/24', counts: [2] },
    { value: '2001:db8::/64', counts: [2] },
    { value: '10.0.1.0/24', counts: [1] },
    { value: '2001:db8:0:1::/64', counts: [1] },
  ]);
});

/** The most frequent `v` of the log `few`, the last counts, and how often its rows were read for them. */
function seriesOfFew(top: number) {
  return read(api.pool, { timeoutMs: 60_000 }, async (query) => {
    const log = (await describeLogs(query, ['few']))[0] as NonNullable<
      Awaited<ReturnType<typeof describeLogs>>[0]
    >;
    let reads = 0;
    const request = {
      from: '2026-11-24T03:00:00Z',
      to: '2026-11-25T03:00:00Z',
      seconds: '3600',
      conditions: [],
    };
    const { among, counts } = await seriesHistogram(
      (text, values) => {
        if (text.includes('FROM logs."few"')) reads++;
        return query(text, values);
      },
      log,
      request,
      {
        by: { kind: 'value', columns: log.columns.filter(({ field }) => field === 'v') },
        top,
        buckets: 24,
      },
    );
    const sorted = counts.map(({ time, count, index }) => `${time} ${index} ${count}`).toSorted();
    return { reads, among, counts: sorted };
  });
}

test('by: few values are counted in one pass, with the same answer as in two', async (t) => {
  await api.makeLog('few', [
    ['ts', 'time', 'timestamptz'],
    ['v', 'string', 'text'],
  ]);
  await api.pool.query(
    `INSERT INTO logs.few (ts, v, _received, _source)
     SELECT '2026-11-24T03:00:00Z'::timestamptz + n * interval '7 min', (ARRAY['b', 'B', 'a', 'é', NULL, 'c', 'c', 'b'])[n % 8 + 1], now(), 1
       FROM generate_series(0, 199) AS n`,
  );
  const twice = [await seriesOfFew(3), await seriesOfFew(10)];
  t.deepEqual(
    twice.map(({ reads }) => reads),
    [2, 2],
  );
  t.deepEqual(twice[0]?.among, [['b'], ['c'], ['B']]);
  t.deepEqual(twice[1]?.among.at(-1), [null]);
  await api.pool.query('ANALYZE logs.few');
  const once = [await seriesOfFew(3), await seriesOfFew(10)];
  t.deepEqual(
    once,
    twice.map((answer) => ({ ...answer, reads: 1 })),
  );
  // The statistics do not know them yet: one pass that has too many groups, then two.
  await api.pool.query(
    `INSERT INTO logs.few (ts, v, _received, _source)
     SELECT '2026-11-24T03:00:00Z', 'n' || n, now(), 1 FROM generate_series(1, 60000) AS n`,
  );
  const many = await seriesOfFew(3);
  t.is(many.reads, 3);
  t.deepEqual(many.among, [['b'], ['c'], ['B']]);
});

test('by: a field whose type has changed has the values of both', async (t) => {
  await api.makeLog('changed', [
    ['ts', 'time', 'timestamptz'],
    ['v', 'count', 'numeric(20,0)'],
  ]);
  await api.addRow('changed', { ts: '2026-11-24T03:00:00Z', v: '18446744073709551615' });
  await api.makeLog('changed', [
    ['ts', 'time', 'timestamptz'],
    ['v', 'string', 'text'],
  ]);
  await api.addRow('changed', { ts: '2026-11-24T03:00:01Z', 'v:text': 'x' });
  await api.addRow('changed', { ts: '2026-11-24T03:00:02Z', 'v:text': 'x' });
  const body = await api.get('/v1/logs/changed/histogram?width=1h&by=v');
  t.deepEqual(body.body['series'], [
    { value: 'x', counts: [2] },
    { value: '18446744073709551615', counts: [1] },
  ]);
});

test('a log without rows, or a range without time, has no buckets', async (t) => {
  t.deepEqual(await histogram('', 'empty'), { path: 'empty', width: 1, buckets: [] });
  t.deepEqual((await histogram('by=ts', 'empty'))['series'], []);
  t.deepEqual((await histogram('from=2026-11-24&to=2026-11-23'))['buckets'], []);
  t.deepEqual((await histogram('from=2026-12-24&by=service'))['buckets'], []);
  t.deepEqual(counts(await histogram('from=2026-11-24&to=2026-11-25&width=12h', 'empty')), [0, 0]);
});

test('a log without ts has the time of receipt', async (t) => {
  const body = await histogram('width=2s', 'stats');
  t.deepEqual(counts(body), [1, 1]);
});

for (const [query, detail] of [
  ['buckets=0', /"buckets"/],
  ['buckets=1001', /"buckets"/],
  ['buckets=5&width=1s', /"buckets" and "width" cannot both/],
  ['width=5', /"width" is a time like .*not "5"/],
  ['width=0s', /"width" is from 1ms to 36500d/],
  ['width=1.0000001s', /"width" is from 1ms/],
  ['width=40000d', /"width" is from 1ms to 36500d/],
  ['width=-5min', /"width" is a time like/],
  [
    'width=1ms&from=2026-11-24&to=2026-11-25',
    new RegExp(`86400000 buckets .*at most ${HISTOGRAM_WIDTH_BUCKETS}`),
  ],
  ['by=servce', /"servce" in "by" is no field of the log "conn"; did you mean "service"/],
  ['by=tags', /"tags" in "by" groups by a single value .*"tags\[\]".*set\[string\]/],
  ['by=tags[]', /"by" is a field or a subnet/],
  ['by=ts:1min', /"by" is a field or a subnet/],
  ['by=service/24', /groups by the subnet of an address, and this is string/],
  ['by=id.orig_h/33', /width of IPv4's subnets/],
  ['by=id.orig_h/24/129', /width of IPv4's subnets/],
  ['by=id.orig_h/', /width of IPv4's subnets/],
  ['top=0', /"top"/],
  ['top=21', /"top"/],
  ['nothing=1', /"nothing" is no field/],
  ['filter=nothing', /nothing/],
] as const) {
  test(`conn?${query} is refused`, async (t) => {
    const { status, body } = await api.get(`/v1/logs/conn/histogram?${query}`);
    t.is(status, 400);
    t.regex(String(body['detail']), detail);
  });
}

test('nothing of a request becomes SQL', async (t) => {
  for (const attack of [
    `'; DROP TABLE logs.conn; --`,
    `service" OR "service`,
    `1s'::interval); DROP TABLE logs.conn; --`,
    `5 min'`,
    '$1',
    '__proto__',
    'constructor',
    '5constructor',
    'a\0b',
    'ctid',
    'tableoid/24',
    `id.orig_h/24); --`,
  ]) {
    const text = encodeURIComponent(attack);
    for (const name of ['by', 'width', 'buckets', 'top', 'from', 'to', 'filter', 'id.orig_h', text]) {
      const { status, body } = await api.get(`/v1/logs/conn/histogram?${name}=${text}`);
      t.is(status, 400, `${name}=${attack}: ${JSON.stringify(body)}`);
    }
    t.is((await api.get(`/v1/logs/${text}/histogram`)).status, 404);
  }
  t.is((await api.rows('/v1/logs/conn')).length, 9);
});
