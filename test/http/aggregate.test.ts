import test from 'ava';
import { AGGREGATE_KEYS, AGGREGATE_METRICS, METRIC_FIELDS } from '../../src/core/limits.js';
import { type Json, openApi, type TestApi } from './api.js';

let api: TestApi;
test.before(async (t) => {
  api = await openApi(t);
  await api.makeLog('conn', [
    ['ts', 'time', 'timestamptz'],
    ['uid', 'string', 'text'],
    ['id.orig_h', 'addr', 'inet'],
    ['id.resp_p', 'port', 'integer'],
    ['service', 'string', 'text'],
    ['duration', 'interval', 'double precision'],
    ['orig_bytes', 'count', 'numeric(20,0)'],
    ['resp_bytes', 'count', 'numeric(20,0)'],
    ['delta', 'int', 'bigint'],
    ['local_orig', 'bool', 'boolean'],
    ['tags', 'set[string]', 'text[]'],
    ['answers', 'vector[string]', 'text[]'],
    ['count', 'count', 'numeric(20,0)'],
    ['element', 'string', 'text'],
  ]);
  const rows: Record<string, string>[] = [
    { host: '10.0.0.1', port: '53', service: 'dns', duration: '1', orig_bytes: '100', resp_bytes: '200' },
    { host: '10.0.0.1', port: '53', service: 'dns', duration: '2', orig_bytes: '50', tags: '{a,b}' },
    { host: '10.0.0.2', port: '53', service: 'dns', duration: '3.5', answers: '{x,x,NULL,y}', delta: '-4' },
    { host: '10.0.1.1', port: '443', service: 'ssl', orig_bytes: '18446744073709551615', tags: '{b}' },
    {
      host: '2001:db8::1',
      port: '443',
      orig_bytes: '18446744073709551615',
      resp_bytes: '1',
      local_orig: 't',
    },
    { host: '2001:db8:0:1::1', port: '80', service: 'http', duration: 'NaN', tags: '{}', element: 'E' },
  ].map(({ host = '', port = '', ...rest }) => ({ ...rest, 'id.orig_h': host, 'id.resp_p': port }));
  for (const [index, row] of rows.entries()) {
    await api.addRow('conn', { ts: `2026-11-24T03:0${index}:30Z`, uid: `C${index}`, count: '9', ...row });
  }
  await api.makeLog('changed', [
    ['ts', 'time', 'timestamptz'],
    ['v', 'count', 'numeric(20,0)'],
  ]);
  await api.addRow('changed', { ts: '2026-11-24T03:00:00Z', v: '5' });
  for (const [zeekType, sqlType] of [
    ['string', 'text'],
    ['double', 'double precision'],
  ] as const) {
    await api.makeLog('changed', [
      ['ts', 'time', 'timestamptz'],
      ['v', zeekType, sqlType],
    ]);
  }
  await api.addRow('changed', { ts: '2026-11-24T03:00:01Z', 'v:text': 'five' });
  await api.addRow('changed', { ts: '2026-11-24T03:00:02Z', 'v:double precision': '0.5' });
});
test.after.always(() => api.close());

async function groups(query: string, path = 'conn'): Promise<unknown> {
  const { status, body } = await api.get(`/v1/logs/${path}/aggregate?${query}`);
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body['groups'];
}

for (const [query, expected] of [
  ['', [{ count: 6 }]],
  ['metrics=count&service=nothing', [{ count: 0 }]],
  ['metrics=sum:orig_bytes&service=nothing', [{}]],
  [
    'by=service',
    [{ service: 'dns', count: 3 }, { service: 'http', count: 1 }, { service: 'ssl', count: 1 }, { count: 1 }],
  ],
  [
    'by=service&id.orig_h=10.0.0.0/8',
    [
      { service: 'dns', count: 3 },
      { service: 'ssl', count: 1 },
    ],
  ],
  ['by=service&filter=orig_bytes%20%3C%20100', [{ service: 'dns', count: 1 }]],
  ['by=service&from=2026-11-24T03:01:00Z&to=2026-11-24T03:02:00Z', [{ service: 'dns', count: 1 }]],
  [
    'by=id.orig_h/24',
    [
      { 'id.orig_h/24': '10.0.0.0/24', count: 3 },
      { 'id.orig_h/24': '10.0.1.0/24', count: 1 },
      { 'id.orig_h/24': '2001:db8::/64', count: 1 },
      { 'id.orig_h/24': '2001:db8:0:1::/64', count: 1 },
    ],
  ],
  [
    'by=id.orig_h/0/32',
    [
      { 'id.orig_h/0/32': '0.0.0.0/0', count: 4 },
      { 'id.orig_h/0/32': '2001:db8::/32', count: 2 },
    ],
  ],
  ['by=id.orig_h/32&id.orig_h=10.0.1.1', [{ 'id.orig_h/32': '10.0.1.1/32', count: 1 }]],
  [
    'by=ts:2min&sort=ts:2min',
    [
      { 'ts:2min': '2026-11-24T03:00:00.000000Z', count: 2 },
      { 'ts:2min': '2026-11-24T03:02:00.000000Z', count: 2 },
      { 'ts:2min': '2026-11-24T03:04:00.000000Z', count: 2 },
    ],
  ],
  ['by=_received:1d', [{ '_received:1d': '2026-11-24T00:00:00.000000Z', count: 6 }]],
  ['by=tags[]', [{ count: 4 }, { 'tags[]': 'b', count: 2 }, { 'tags[]': 'a', count: 1 }]],
  [
    'by=answers[]&sort=answers[]',
    [{ 'answers[]': 'x', count: 1 }, { 'answers[]': 'y', count: 1 }, { count: 6 }],
  ],
  ['by=element,tags[]&element=E', [{ element: 'E', count: 1 }]],
  ['by=local_orig&sort=local_orig', [{ local_orig: true, count: 1 }, { count: 5 }]],
  [
    'by=service,id.resp_p&sort=-id.resp_p&limit=2',
    [
      { service: 'ssl', 'id.resp_p': 443, count: 1 },
      { 'id.resp_p': 443, count: 1 },
    ],
  ],
  ['by=field.count', [{ 'field.count': 9, count: 6 }]],
  ['metrics=sum:orig_bytes', [{ 'sum:orig_bytes': '36893488147419103380' }]],
  ['metrics=sum:orig_bytes&service=dns', [{ 'sum:orig_bytes': 150 }]],
  ['metrics=sum:orig_bytes%2Bresp_bytes&service=dns', [{ 'sum:orig_bytes+resp_bytes': 350 }]],
  ['metrics=sum:orig_bytes+resp_bytes&service=dns', [{ 'sum:orig_bytes+resp_bytes': 350 }]],
  ['metrics=max:orig_bytes+resp_bytes', [{ 'max:orig_bytes+resp_bytes': '18446744073709551616' }]],
  ['metrics=min:orig_bytes+duration&service=dns', [{ 'min:orig_bytes+duration': 3.5 }]],
  ['metrics=sum:resp_bytes+delta&uid=C2', [{ 'sum:resp_bytes+delta': -4 }]],
  [
    'metrics=avg:duration,min:duration,max:duration&service=dns',
    [{ 'avg:duration': 6.5 / 3, 'min:duration': 1, 'max:duration': 3.5 }],
  ],
  ['metrics=avg:orig_bytes&service=dns', [{ 'avg:orig_bytes': 75 }]],
  ['metrics=max:duration', [{ 'max:duration': 'NaN' }]],
  [
    'metrics=p0:duration,p50:duration,p75:duration,p87.5:duration,p100:duration&service=dns',
    [
      {
        'p0:duration': 1,
        'p50:duration': 2,
        'p75:duration': 2.75,
        'p87.5:duration': 3.125,
        'p100:duration': 3.5,
      },
    ],
  ],
  ['metrics=p50:orig_bytes&service=dns', [{ 'p50:orig_bytes': 75 }]],
  [
    'metrics=distinct:id.orig_h,distinct:service,distinct:local_orig',
    [{ 'distinct:id.orig_h': 5, 'distinct:service': 3, 'distinct:local_orig': 1 }],
  ],
  [
    'metrics=min:ts,max:ts,max:id.resp_p,max:_received',
    [
      {
        'min:ts': '2026-11-24T03:00:30.000000Z',
        'max:ts': '2026-11-24T03:05:30.000000Z',
        'max:id.resp_p': 443,
        'max:_received': '2026-11-24T04:00:00.000000Z',
      },
    ],
  ],
  [
    'by=service&metrics=count,sum:resp_bytes&sort=sum:resp_bytes&limit=2',
    [
      { count: 1, 'sum:resp_bytes': 1 },
      { service: 'dns', count: 3, 'sum:resp_bytes': 200 },
    ],
  ],
  [
    'by=service&metrics=count,sum:orig_bytes+resp_bytes&sort=-sum:orig_bytes+resp_bytes&limit=1',
    [{ count: 1, 'sum:orig_bytes+resp_bytes': '18446744073709551616' }],
  ],
  ['by=service&sort=count&limit=1', [{ service: 'http', count: 1 }]],
  ['by=service&sort=-service&limit=1', [{ service: 'ssl', count: 1 }]],
] as const) {
  test(`conn?${query}`, async (t) => {
    t.deepEqual(await groups(query), expected);
  });
}

test('more says that there are more groups', async (t) => {
  const more = async (query: string): Promise<unknown> =>
    (await api.get(`/v1/logs/conn/aggregate?${query}`)).body['more'];
  t.is(await more('by=service&limit=3'), true);
  t.is(await more('by=service&limit=4'), undefined);
});

test('of a field whose type has changed all values are keys, and those that fit are reckoned', async (t) => {
  t.deepEqual(await groups('by=v&metrics=count', 'changed'), [
    { v: 5, count: 1 },
    { v: 'five', count: 1 },
    { v: 0.5, count: 1 },
  ]);
  t.deepEqual(await groups('metrics=sum:v,max:v,distinct:v', 'changed'), [
    { 'sum:v': 5.5, 'max:v': 5, 'distinct:v': 3 },
  ]);
  const { body } = await api.get('/v1/logs/changed/aggregate?metrics=sum:v:text');
  t.regex(String(body['detail']), /is for numbers or intervals, and "v:text" is string/);
});

for (const [query, detail] of [
  ['by=servce', /"servce" in "by" is no field of the log "conn"; did you mean "service"/],
  ['by=', /"" in "by" is no field/],
  ['by=tags', /"tags" in "by" groups by a single value/],
  ['by=service[]', /elements of a set or vector, and this is string/],
  ['by=ts:5', /the width in "ts:5" of "by" is a time like/],
  ['by=service:5min', /groups by buckets of time, and this is string/],
  ['by=tags/24', /groups by the subnet of an address, and this is set\[string\]/],
  ['by=id.orig_h/33', /width of IPv4's subnets/],
  ['by=service,service', /"service" is there twice/],
  ['by=count', /"count" is there twice .* "field.count"/],
  ['metrics=count,count', /"count" is there twice/],
  ['metrics=', /"" in "metrics" is no metric/],
  ['metrics=summ:duration', /"summ" in "metrics" is no metric; did you mean "sum"/],
  ['metrics=p101:duration', /"p101" in "metrics" is no metric/],
  ['metrics=sum', /"sum" in "metrics" has a field, like "sum:orig_bytes"/],
  ['metrics=count:uid', /"count" has no field/],
  ['metrics=sum:durations', /"durations" in "metrics" is no field .*"duration"/],
  ['metrics=sum:orig_bytes+resp_byte', /"resp_byte" in "metrics" is no field .*"resp_bytes"/],
  ['metrics=sum:service', /is for numbers or intervals, and "service" is string/],
  ['metrics=sum:id.resp_p', /is for numbers or intervals, and "id.resp_p" is port/],
  ['metrics=p50:ts', /is for numbers or intervals, and "ts" is time/],
  ['metrics=min:service', /is for numbers, intervals, ports or times/],
  ['metrics=min:ts+duration', /and "ts" is time/],
  ['metrics=distinct:tags', /counts single values/],
  [
    `metrics=sum:${Array(METRIC_FIELDS + 1)
      .fill('delta')
      .join('+')}`,
    /adds 9 fields, of at most 8/,
  ],
  [
    `metrics=${Array(AGGREGATE_METRICS + 1)
      .fill('count')
      .join(',')}`,
    /"metrics" has 17 parts, of at most 16/,
  ],
  [
    `by=${Array(AGGREGATE_KEYS + 1)
      .fill('uid')
      .join(',')}`,
    /"by" has 9 parts, of at most 8/,
  ],
  ['by=service&sort=servce', /"servce" in "sort" is none of "by" and "metrics"; did you mean "service"/],
  ['sort=uid', /"uid" in "sort" is none .* there are count/],
  ['limit=0', /"limit"/],
  ['limit=10001', /"limit"/],
] as const) {
  test(`conn?${query} is refused`, async (t) => {
    const { status, body } = await api.get(`/v1/logs/conn/aggregate?${query}`);
    t.is(status, 400);
    t.is(body['code'], 'request_invalid');
    t.regex(String(body['detail']), detail);
  });
}

test('a field may have any name', async (t) => {
  const names = ['__proto__', 'a"b', "a'b", 'ts:5min', 'a[]', 'a/24', 'constructor', 'r', 'k0_0'];
  await api.makeLog('odd', [
    ['ts', 'time', 'timestamptz'],
    ...names.map((name) => [name, 'string', 'text'] as const),
  ]);
  await api.addRow('odd', {
    ts: '2026-11-24T03:00:00Z',
    ...Object.fromEntries(names.map((name) => [name, 'x'])),
  });
  for (const name of names) {
    const by = encodeURIComponent(name);
    const { body } = await api.get(`/v1/logs/odd/aggregate?by=${by}&sort=${by}&metrics=distinct:${by}`);
    const [group] = body['groups'] as Json[];
    t.deepEqual(Object.entries(group ?? {}), [
      [name, 'x'],
      [`distinct:${name}`, 1],
    ]);
  }
});

test('nothing of a request becomes SQL', async (t) => {
  for (const attack of [
    `'; DROP TABLE logs.conn; --`,
    `service" OR "service`,
    `count(*)`,
    `1) OR (1=1`,
    '$1',
    '__proto__',
    'constructor',
    'a\0b',
    'ctid',
    `k0_0`,
    `r.service`,
    `m0`,
  ]) {
    const text = encodeURIComponent(attack);
    for (const query of [
      `by=${text}`,
      `by=id.orig_h/${text}`,
      `by=id.orig_h/24/${text}`,
      `by=ts:${text}`,
      `by=${text}[]`,
      `metrics=${text}`,
      `metrics=sum:${text}`,
      `metrics=sum:orig_bytes+${text}`,
      `metrics=distinct:${text}`,
      `metrics=${text}:duration`,
      `metrics=p${text}:duration`,
      `sort=${text}`,
      `sort=-${text}`,
      `limit=${text}`,
      `filter=${text}`,
      `from=${text}`,
      `${text}=1`,
    ]) {
      const { status, body } = await api.get(`/v1/logs/conn/aggregate?${query}`);
      t.is(status, 400, `${query}: ${JSON.stringify(body)}`);
    }
    t.is((await api.get(`/v1/logs/${text}/aggregate`)).status, 404);
  }
  t.is((await api.rows('/v1/logs/conn')).length, 6);
});
