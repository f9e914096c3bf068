import test from 'ava';
import { type Json, openApi, type TestApi } from './api.js';

let api: TestApi;
test.before(async (t) => {
  api = await openApi(t);
  await api.makeLog('conn', [
    ['ts', 'time', 'timestamptz'],
    ['uid', 'string', 'text'],
    ['id.orig_h', 'addr', 'inet'],
    ['id.orig_p', 'port', 'integer'],
    ['id.resp_h', 'addr', 'inet'],
    ['id.resp_p', 'port', 'integer'],
    ['proto', 'enum', 'text'],
    ['service', 'string', 'text'],
    ['duration', 'interval', 'double precision'],
    ['orig_bytes', 'count', 'numeric(20,0)'],
    ['local_orig', 'bool', 'boolean'],
    ['tunnel_parents', 'set[string]', 'text[]'],
    ['addrs', 'set[addr]', 'inet[]'],
    ['net', 'subnet', 'inet'],
  ]);
  const rows: Record<string, string>[] = [
    {
      uid: 'C0',
      'id.orig_h': '10.0.0.1',
      'id.resp_p': '443',
      service: 'ssl',
      orig_bytes: '18446744073709551615',
    },
    {
      uid: 'C1',
      'id.orig_h': '10.1.0.1',
      'id.resp_p': '53',
      service: 'dns',
      duration: 'NaN',
      local_orig: 't',
    },
    {
      uid: 'C2',
      'id.orig_h': '192.168.1.9',
      'id.resp_p': '53',
      service: 'dns',
      duration: '1.5',
      local_orig: 'f',
    },
    {
      uid: 'C3',
      'id.orig_h': '2001:db8::1',
      'id.resp_p': '80',
      tunnel_parents: '{C0,a\\"b}',
      net: '10.1.2.3/8',
    },
    {
      uid: 'C4',
      'id.orig_h': '2001:db9::1',
      'id.resp_p': '80',
      addrs: '{10.9.9.9,::1}',
      service: 'it\'s "x"',
    },
    { uid: 'C\\x00', 'id.orig_h': '0.0.0.0', 'id.resp_p': '0', service: '' },
  ];
  for (const [index, row] of rows.entries()) {
    await api.addRow('conn', { ts: `2026-11-24T03:00:0${index}.5Z`, ...row });
  }
  await api.makeLog('smtp', [
    ['ts', 'time', 'timestamptz'],
    ['from', 'string', 'text'],
    ['to', 'set[string]', 'text[]'],
  ]);
  await api.addRow('smtp', { ts: '2026-11-24T03:00:00Z', from: '<a@example.org>', to: '{b@example.org}' });
});
test.after.always(() => api.close());

const uids = async (query: string): Promise<unknown> =>
  (await api.rows(`/v1/logs/conn?order=asc&fields=uid&${query}`)).map((row) => row['uid']);

for (const [query, expected] of [
  ['id.resp_p=53', ['C1', 'C2']],
  ['id.resp_p=53&service=dns&local_orig=false', ['C2']],
  ['id.resp_p=53&id.resp_p=443', ['C0', 'C1', 'C2']],
  ['service=', ['C\\x00']],
  [`service=${encodeURIComponent('it\'s "x"')}`, ['C4']],
  ['local_orig=T', ['C1']],
  ['duration=1.50', ['C2']],
  ['duration=NaN', ['C1']],
  ['orig_bytes=18446744073709551615', ['C0']],
  ['id.orig_h=10.0.0.1', ['C0']],
  ['id.orig_h=10.0.0.0/8', ['C0', 'C1']],
  ['id.orig_h=10.77.0.1/8', ['C0', 'C1']],
  ['id.orig_h=10.0.0.1/32', ['C0']],
  ['id.orig_h=0.0.0.0/0', ['C0', 'C1', 'C2', 'C\\x00']],
  ['id.orig_h=2001:db8::/32', ['C3']],
  ['id.orig_h=[2001:db8::]/31', ['C3', 'C4']],
  ['id.orig_h=2001:0db8:0:0:0:0:0:1', ['C3']],
  ['id.orig_h=192.168.0.0/16&id.orig_h=10.0.0.1', ['C0', 'C2']],
  ['tunnel_parents=C0', ['C3']],
  [`tunnel_parents=${encodeURIComponent('a"b')}`, ['C3']],
  ['addrs=10.9.9.9', ['C4']],
  ['addrs=10.0.0.0/8', ['C4']],
  ['net=10.1.2.3/8', ['C3']],
  ['net=10.0.0.0/8', []],
  ['uid=C%00', ['C\\x00']],
  ['uid=C\\x00', ['C\\x00']],
  ['ts=2026-11-24T03:00:01.5Z', ['C1']],
  ['from=2026-11-24T03:00:01.5Z&to=2026-11-24T03:00:03.5Z', ['C1', 'C2']],
  ['from=1795489203.5', ['C3', 'C4', 'C\\x00']],
  ['to=2026-11-24T03:00:00.500001Z', ['C0']],
  ['field.uid=C1', ['C1']],
] as const) {
  test(`conn?${query}`, async (t) => {
    t.deepEqual(await uids(query), expected);
  });
}

test('fields that are named like parameters', async (t) => {
  const found = await api.rows(
    `/v1/logs/smtp?field.from=${encodeURIComponent('<a@example.org>')}&field.to=b@example.org`,
  );
  t.deepEqual(
    found.map((row) => row['to']),
    [['b@example.org']],
  );
  t.deepEqual(await api.rows('/v1/logs/smtp?field.from=other'), []);
});

test('a row has all fields that are set, and where it came from', async (t) => {
  const [row] = await api.rows('/v1/logs/conn?uid=C0');
  t.deepEqual(row, {
    ts: '2026-11-24T03:00:00.500000Z',
    uid: 'C0',
    'id.orig_h': '10.0.0.1',
    'id.resp_p': 443,
    service: 'ssl',
    orig_bytes: '18446744073709551615',
    _received: '2026-11-24T04:00:00.000000Z',
    _source: {
      kind: 'live',
      name: '192.0.2.7:9999',
      peer: '7bd17052-2f5a-4c83-9f4d-6fd3a7a2f6a1',
      node: 'worker-1',
    },
  });
});

test('fields= chooses and orders', async (t) => {
  const [row] = await api.rows('/v1/logs/conn?uid=C0&fields=service,%20ts,_received,uid,duration');
  t.deepEqual(Object.keys(row ?? {}), ['service', 'ts', 'uid', '_received']);
});

test('newest first by default', async (t) => {
  const rows = await api.rows('/v1/logs/conn?limit=2');
  t.deepEqual(
    rows.map((row) => row['uid']),
    ['C\\x00', 'C4'],
  );
});

for (const [url, status, code, detail] of [
  ['/v1/logs/con', 404, 'not_found', /no log "con"; did you mean "conn"\?/],
  ['/v1/logs/x/fields', 404, 'not_found', /no log "x"/],
  [
    '/v1/logs/conn?id.resp=1',
    400,
    'request_invalid',
    /"id.resp" is no field of the log "conn"; did you mean "id.resp_[hp]"/,
  ],
  ['/v1/logs/conn?fields=uid,servce', 400, 'request_invalid', /"servce" in "fields" is no field.*"service"/],
  ['/v1/logs/conn?fields=', 400, 'request_invalid', /in "fields" is no field/],
  ['/v1/logs/conn?id.resp_p=http', 400, 'request_invalid', /"id.resp_p" is a port: .*not "http"/],
  ['/v1/logs/conn?id.resp_p=65536', 400, 'request_invalid', /"id.resp_p" is a port/],
  ['/v1/logs/conn?orig_bytes=18446744073709551616', 400, 'request_invalid', /"orig_bytes" is a count/],
  ['/v1/logs/conn?orig_bytes=-1', 400, 'request_invalid', /"orig_bytes" is a count/],
  ['/v1/logs/conn?id.orig_h=10.0.0', 400, 'request_invalid', /"id.orig_h" is an address or a subnet/],
  ['/v1/logs/conn?id.orig_h=10.0.0.0/33', 400, 'request_invalid', /"id.orig_h" is an address or a subnet/],
  ['/v1/logs/conn?net=10.0.0.1', 400, 'request_invalid', /"net" is a subnet/],
  ['/v1/logs/conn?local_orig=maybe', 400, 'request_invalid', /"local_orig" is true or false/],
  ['/v1/logs/conn?duration=1e999', 400, 'request_invalid', /"duration" is a number/],
  ['/v1/logs/conn?ts=soon', 400, 'request_invalid', /"ts" is a time/],
  ['/v1/logs/conn?from=soon', 400, 'request_invalid', /"from" is a time/],
  ['/v1/logs/conn?from=1&from=2', 400, 'request_invalid', /"from" is given more than once/],
  ['/v1/logs/conn?limit=1&limit=2', 400, 'request_invalid', /"limit" is given more than once/],
  ['/v1/logs/conn?limit=0', 400, 'request_invalid', /"limit"/],
  ['/v1/logs/conn?limit=10001', 400, 'request_invalid', /"limit"/],
  ['/v1/logs/conn?limit=ten', 400, 'request_invalid', /"limit"/],
  ['/v1/logs/conn?order=up', 400, 'request_invalid', /"order" is one of asc, desc/],
  ['/v1/logs/conn?cursor=x', 400, 'request_invalid', /"cursor"/],
] as const) {
  test(`${url} is refused`, async (t) => {
    const answer = await api.get(url);
    t.is(answer.status, status);
    t.regex(answer.type, /^application\/problem\+json/);
    t.is(answer.body['code'], code);
    t.is(answer.body['type'], `/errors#${code}`);
    t.is(answer.body['status'], status);
    t.is(answer.body['instance'], url);
    t.regex(String(answer.body['detail']), detail);
  });
}

test('no value and no name of a request becomes SQL', async (t) => {
  const attacks = [
    `'; DROP TABLE logs.conn; --`,
    `" = 1; DROP TABLE logs.conn; --`,
    `uid" OR "uid`,
    `1) OR (1=1`,
    `\\'; SELECT pg_sleep(10); --`,
    `$1`,
    `%`,
    `../../etc/passwd`,
    `__proto__`,
    `constructor`,
    `a\0b`,
    `{C0}`,
    'ctid',
    'tableoid',
  ];
  for (const attack of attacks) {
    const text = encodeURIComponent(attack);
    t.is((await api.get(`/v1/logs/${text}`)).status, 404, attack);
    t.is((await api.get(`/v1/logs/conn?${text}=1`)).status, 400, attack);
    t.is((await api.get(`/v1/logs/conn?fields=${text}`)).status, 400, attack);
    t.is((await api.get(`/v1/logs/conn?cursor=${text}`)).status, 400, attack);
    t.is((await api.get(`/v1/logs/conn?from=${text}`)).status, 400, attack);
    t.is((await api.get(`/v1/logs/conn?id.orig_h=${text}`)).status, 400, attack);
    t.deepEqual(await uids(`service=${text}`), [], attack);
    t.deepEqual(await uids(`tunnel_parents=${text}`), [], attack);
    t.deepEqual((await api.get(`/v1/uid/${text}`)).body['logs'], [], attack);
    t.deepEqual((await api.get(`/v1/events?name=${text}&topic=${text}`)).body['events'], [], attack);
    t.deepEqual((await api.get(`/v1/dead-letters?code=${text}`)).body['deadLetters'], [], attack);
  }
  t.is((await api.rows('/v1/logs/conn')).length, 6);
});

test('a hand-made cursor does not become SQL', async (t) => {
  for (const parts of [
    ['2026-11-24 03:00:00+00', '1', "(0,1)'; DROP TABLE logs.conn; --", '1'],
    ['2026-11-24 03:00:00+00', '1); DROP TABLE logs.conn; --', '(0,1)', '1'],
    ['2026-11-24 03:00:00+00', '9999999999', '(0,1)', '1'],
    ['now', '1', '(0,1)', '1'],
    [1, 2, 3, 4],
    {},
    null,
  ]) {
    const cursor = Buffer.from(JSON.stringify(parts)).toString('base64url');
    t.is((await api.get(`/v1/logs/conn?cursor=${cursor}`)).body['code'], 'request_invalid');
  }
});

test('a cursor that was changed is refused', async (t) => {
  const { body } = await api.get('/v1/logs/conn?limit=1');
  const given = new URL(String(body['next']), 'http://x').searchParams.get('cursor') ?? '';
  const [time, ctid, fileNode] = JSON.parse(Buffer.from(given, 'base64url').toString());
  for (const parts of [
    ['9999-99-99 99:99:99+00', ctid, fileNode],
    ['2026-11-23 25:00:00+00', ctid, fileNode],
    [time, '(9999999999,1)', fileNode],
    [time, '(0,99999)', fileNode],
  ]) {
    const cursor = Buffer.from(JSON.stringify(parts)).toString('base64url');
    const answer = await api.get(`/v1/logs/conn?limit=1&cursor=${cursor}`);
    t.is(answer.body['code'], 'request_invalid', JSON.stringify(parts));
  }
});

/** All rows by following `next`, page by page. */
async function allPages(url: string): Promise<Json[][]> {
  const pages: Json[][] = [];
  for (let next: string | undefined = url; next !== undefined; ) {
    const { body } = await api.get(next);
    pages.push(body['rows'] as Json[]);
    next = body['next'] as string | undefined;
  }
  return pages;
}

for (const order of ['asc', 'desc'] as const) {
  test.serial(`pages in ${order} order give every row once, also those of one time or of none`, async (t) => {
    const path = `pages_${order}`;
    await api.makeLog(path, [
      ['ts', 'time', 'timestamptz'],
      ['n', 'count', 'numeric(20,0)'],
    ]);
    const times = ['2026-11-24T03:00:02Z', '2026-11-24T03:00:01Z', '2026-11-24T03:00:01Z', null, 'infinity'];
    let n = 0;
    for (let round = 0; round < 4; round++) {
      for (const ts of times) await api.addRow(path, { ts, n: String(n++) });
    }
    const expected = await api.rows(`/v1/logs/${path}?order=${order}`);
    t.is(expected.length, 20);
    for (const limit of [1, 3, 10, 19, 20]) {
      const pages = await allPages(`/v1/logs/${path}?order=${order}&limit=${limit}`);
      t.deepEqual(pages.flat(), expected);
      t.true(pages.every((page) => page.length <= limit));
      t.is(pages.length, Math.ceil(20 / limit));
    }
    const ranged = await allPages(
      `/v1/logs/${path}?order=${order}&limit=3&from=2026-11-24T03:00:01Z&to=2026-11-24T03:00:02Z`,
    );
    t.is(ranged.flat().length, 8);
  });
}

test('next keeps filters as they are', async (t) => {
  const uri = '/a?b=c&d=e+f?g';
  await api.makeLog('uris', [
    ['ts', 'time', 'timestamptz'],
    ['uri', 'string', 'text'],
  ]);
  for (const second of [1, 2]) await api.addRow('uris', { ts: `2026-11-24T03:00:0${second}Z`, uri });
  const pages = await allPages(`/v1/logs/uris?limit=1&uri=/a?b=c%26d=e%2Bf?g`);
  t.deepEqual(
    pages.map((page) => page.map((row) => row['uri'])),
    [[uri], [uri]],
  );
});

test('next makes relative times absolute', async (t) => {
  const { body } = await api.get('/v1/logs/conn?from=-9999d&limit=1&service=dns&service=ssl');
  const next = new URL(String(body['next']), 'http://gateway');
  t.regex(next.searchParams.get('from') ?? '', /^\d{4}-\d\d-\d\dT.*Z$/);
  t.deepEqual(next.searchParams.getAll('service'), ['dns', 'ssl']);
});

test.serial('a cursor does not outlive a rewrite of the table', async (t) => {
  const { body } = await api.get('/v1/logs/conn?limit=1');
  const next = String(body['next']);
  t.is((await api.get(next)).status, 200);
  await api.pool.query('VACUUM FULL logs.conn');
  const late = await api.get(next);
  t.is(late.status, 400);
  t.regex(String(late.body['detail']), /cursor is too old/);
});
