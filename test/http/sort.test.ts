import test from 'ava';
import { SORT_TEXT_CHARS } from '../../src/core/limits.js';
import { type Json, openApi, type TestApi } from './api.js';

let api: TestApi;
const LONG = 'z'.repeat(SORT_TEXT_CHARS);
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
    ['delta', 'int', 'bigint'],
    ['local_orig', 'bool', 'boolean'],
    ['net', 'subnet', 'inet'],
    ['until', 'time', 'timestamptz'],
    ['tags', 'set[string]', 'text[]'],
    ['sort', 'string', 'text'],
  ]);
  const pick = (values: readonly (string | null)[], n: number): string | null =>
    values[n % values.length] ?? null;
  // Equal values, also at equal times and without one, and unset ones.
  for (let n = 0; n < 30; n++) {
    await api.addRow('conn', {
      ts: pick(
        ['2026-11-24T03:00:02Z', '2026-11-24T03:00:01Z', '2026-11-25T03:00:01Z', null, 'infinity'],
        n >> 1,
      ),
      uid: `C${n}`,
      'id.orig_h': pick(['10.0.0.10', '10.0.0.9', '2001:db8::1', null], n),
      'id.resp_p': pick(['443', '53', null], n),
      service: pick(['Z', 'a', 'é', '', 'b"\'\\', `${LONG}2`, `${LONG}1`, null], n),
      duration: pick(['1.5', 'NaN', '-0', '0.1', 'Infinity', null, '1e-300'], n),
      orig_bytes: pick(['18446744073709551615', '18446744073709551614', '9', '10', null], n),
      delta: pick(['-9223372036854775808', '9223372036854775807', '0', null], n),
      local_orig: pick(['t', 'f', null], n),
      net: pick(['10.0.0.0/8', '10.0.0.0/16', null], n),
      until: pick(['2026-11-24T03:00:02.000001Z', 'infinity', '-infinity', '0044-03-15 BC', null], n),
      tags: '{a}',
      sort: 'x',
    });
  }
});
test.after.always(() => api.close());

async function pagesOf(url: string): Promise<Json[][]> {
  const pages: Json[][] = [];
  for (let next: string | undefined = url; next !== undefined; ) {
    const { status, body } = await api.get(next);
    if (status !== 200) throw new Error(`${next}: ${JSON.stringify(body)}`);
    pages.push(body['rows'] as Json[]);
    next = body['next'] as string | undefined;
  }
  return pages;
}

const uids = (rows: readonly Json[]): unknown[] => rows.map(({ uid }) => uid);

for (const field of [
  'id.orig_h',
  'id.resp_p',
  'service',
  'duration',
  'orig_bytes',
  'delta',
  'local_orig',
  'net',
  'until',
  '_received',
  'ts',
]) {
  for (const sort of [field, `-${field}`]) {
    test(`sort=${sort}: pages of any size give every row once, in one order`, async (t) => {
      const all = await api.rows(`/v1/logs/conn?sort=${sort}&fields=uid,${field}`);
      t.is(new Set(uids(all)).size, 30);
      const values = all.map((row) => row[field]);
      const unset = values.indexOf(undefined);
      t.true(unset < 0 || values.slice(unset).every((value) => value === undefined), 'unset last');
      for (const limit of [1, 4, 29]) {
        const pages = await pagesOf(`/v1/logs/conn?sort=${sort}&limit=${limit}&fields=uid`);
        t.deepEqual(uids(pages.flat()), uids(all));
      }
      const narrow = `/v1/logs/conn?sort=${sort}&from=2026-11-24&to=2026-11-26&delta=0&delta=9223372036854775807`;
      const some = (await pagesOf(`${narrow}&limit=2&fields=uid`)).flat();
      t.deepEqual(uids(some), uids(await api.rows(narrow)));
      t.is(some.length, 9);
    });
  }
}

for (const [sort, expected] of [
  ['orig_bytes', [9, 10, '18446744073709551614', '18446744073709551615', undefined]],
  ['-orig_bytes', ['18446744073709551615', '18446744073709551614', 10, 9, undefined]],
  ['duration', [0, 1e-300, 0.1, 1.5, 'Infinity', 'NaN', undefined]],
  ['local_orig', [false, true, undefined]],
  ['id.orig_h', ['10.0.0.9', '10.0.0.10', '2001:db8::1', undefined]],
  ['-id.resp_p', [443, 53, undefined]],
] as const) {
  test(`sort=${sort} is the order of values, not of texts`, async (t) => {
    const rows = await api.rows(`/v1/logs/conn?sort=${sort}`);
    t.deepEqual([...new Set(rows.map((row) => row[sort.replace('-', '')]))], expected);
  });
}

test('texts are in the order of their bytes, those with the same beginning in that of time', async (t) => {
  const rows = await api.rows('/v1/logs/conn?sort=service&order=asc&from=2026-11-24&to=2026-11-26');
  const short = [...new Set(rows.map(({ service }) => String(service).replace(/\d$/, '')))];
  t.deepEqual(short, ['', 'Z', 'a', 'b"\'\\', LONG, 'é', 'undefined']);
  const times = rows.filter(({ service }) => String(service).startsWith(LONG)).map(({ ts }) => ts);
  t.true(times.length > 2);
  t.deepEqual(times, times.toSorted());
});

test('rows of equal values are newest first, or oldest first', async (t) => {
  const timesOf = async (order: string): Promise<unknown[]> =>
    (await api.rows(`/v1/logs/conn?sort=sort&order=${order}&from=2026-11-24`)).map(({ ts }) => ts);
  const newest = (await timesOf('desc')).slice(6);
  t.deepEqual(newest, newest.toSorted().toReversed());
  const oldest = (await timesOf('asc')).slice(0, -6);
  t.deepEqual(oldest, oldest.toSorted());
});

test('sort by the time is the order of time', async (t) => {
  t.deepEqual(await api.rows('/v1/logs/conn?sort=ts'), await api.rows('/v1/logs/conn?order=asc'));
  t.deepEqual(await api.rows('/v1/logs/conn?sort=-ts&order=asc'), await api.rows('/v1/logs/conn'));
  const { body } = await api.get('/v1/logs/conn?sort=ts&limit=1');
  const cursor = new URL(String(body['next']), 'http://x').searchParams.get('cursor');
  t.is((await api.get(`/v1/logs/conn?order=asc&cursor=${cursor}`)).status, 200);
});

test('the values of a field whose type has changed are sorted type by type', async (t) => {
  const ts = ['ts', 'time', 'timestamptz'] as const;
  await api.makeLog('changed', [ts, ['v', 'count', 'numeric(20,0)']]);
  for (const v of ['2', '1']) await api.addRow('changed', { ts: '2026-11-24T03:00:00Z', v });
  await api.makeLog('changed', [ts, ['v', 'set[string]', 'text[]']]);
  await api.makeLog('changed', [ts, ['v', 'string', 'text']]);
  for (const v of ['b', 'a']) await api.addRow('changed', { ts: '2026-11-24T03:00:00Z', 'v:text': v });
  await api.addRow('changed', { ts: '2026-11-24T03:00:00Z', 'v:text[]': '{a}' });
  const keys = async (query: string): Promise<unknown[]> =>
    (await pagesOf(`/v1/logs/changed?limit=1&${query}`))
      .flat()
      .map((row) => row['v'] ?? row['v:text'] ?? null);
  t.deepEqual(await keys('sort=v'), [1, 2, 'a', 'b', null]);
  t.deepEqual(await keys('sort=-v'), [2, 1, 'b', 'a', null]);
  t.deepEqual((await keys('sort=v:text')).slice(0, 2), ['a', 'b']);
});

test('a field that is named sort is a filter as field.sort', async (t) => {
  t.is((await api.rows('/v1/logs/conn?field.sort=x')).length, 30);
  t.is((await api.rows('/v1/logs/conn?field.sort=y')).length, 0);
});

for (const [query, detail] of [
  ['sort=servce', /"servce" in "sort" is no field of the log "conn"; did you mean "service"/],
  ['sort=', /"" in "sort" is no field/],
  ['sort=--service', /"-service" in "sort" is no field/],
  ['sort=tags', /"sort" is by a single value, and "tags" is set\[string\]/],
  ['sort=uid&sort=ts', /"sort" is given more than once/],
  ['sort=uid,ts', /"uid,ts" in "sort" is no field/],
] as const) {
  test(`conn?${query} is refused`, async (t) => {
    const { status, body } = await api.get(`/v1/logs/conn?${query}`);
    t.is(status, 400);
    t.is(body['code'], 'request_invalid');
    t.regex(String(body['detail']), detail);
  });
}

/** The parts of the cursor behind the first row of a page. */
async function cursorOf(query: string): Promise<(string | null)[]> {
  const { body } = await api.get(`/v1/logs/conn?limit=1&${query}`);
  const given = new URL(String(body['next']), 'http://x').searchParams.get('cursor') ?? '';
  return JSON.parse(Buffer.from(given, 'base64url').toString());
}

const encoded = (parts: readonly unknown[]): string =>
  Buffer.from(JSON.stringify(parts)).toString('base64url');

test('a cursor is of its sort only', async (t) => {
  const cursor = encoded(await cursorOf('sort=duration'));
  t.is((await api.get(`/v1/logs/conn?sort=duration&cursor=${cursor}`)).status, 200);
  for (const other of [
    'sort=-duration',
    'sort=duration&order=asc',
    'sort=orig_bytes',
    'sort=ts',
    'order=desc',
  ]) {
    const { body } = await api.get(`/v1/logs/conn?${other}&cursor=${cursor}`);
    t.regex(String(body['detail']), /"cursor" is not one/, other);
  }
  const ofTime = encoded(await cursorOf('order=desc'));
  t.is((await api.get(`/v1/logs/conn?sort=duration&cursor=${ofTime}`)).status, 400);
});

test('the cursor of long texts fits into a URL', async (t) => {
  const wide = '\u{1f600}'.repeat(SORT_TEXT_CHARS * 4);
  await api.makeLog('wide', [
    ['ts', 'time', 'timestamptz'],
    ['text', 'string', 'text'],
  ]);
  for (const second of [1, 2]) await api.addRow('wide', { ts: `2026-11-24T03:00:0${second}Z`, text: wide });
  const { body } = await api.get('/v1/logs/wide?sort=text&limit=1');
  t.true(String(body['next']).length < 2_000);
  t.is((await pagesOf('/v1/logs/wide?sort=text&limit=1')).flat().length, 2);
});

test('nothing of a request becomes SQL', async (t) => {
  const texts = await cursorOf('sort=service');
  const numbers = await cursorOf('sort=orig_bytes');
  for (const attack of [
    `'; DROP TABLE logs.conn; --`,
    `service" DESC; DROP TABLE logs.conn; --`,
    `(SELECT 1)`,
    '1',
    '$1',
    '__proto__',
    'constructor',
    'ctid',
    'tableoid',
    'a\0b',
  ]) {
    const text = encodeURIComponent(attack);
    t.is((await api.get(`/v1/logs/conn?sort=${text}`)).status, 400, attack);
    t.is((await api.get(`/v1/logs/conn?sort=-${text}`)).status, 400, attack);
    t.is((await api.get(`/v1/logs/conn?sort=service&cursor=${text}`)).status, 400, attack);
    for (let part = 0; part < 5; part++) {
      // An OID, or the number of a file.
      if (part > 1 && attack === '1') continue;
      const cursor = encoded(texts.with(part, attack));
      t.is((await api.get(`/v1/logs/conn?sort=service&cursor=${cursor}`)).status, 400, `${part}: ${attack}`);
    }
    // As a text it is one, and as a number none.
    const asText = await api.get(`/v1/logs/conn?sort=service&cursor=${encoded(texts.with(5, attack))}`);
    t.is(asText.status, attack.includes('\0') ? 400 : 200, attack);
    const asNumber = await api.get(
      `/v1/logs/conn?sort=orig_bytes&cursor=${encoded(numbers.with(5, attack))}`,
    );
    t.is(asNumber.status, attack === '1' ? 200 : 400, attack);
  }
  t.is((await api.rows('/v1/logs/conn')).length, 30);
});

test('a cursor does not outlive a rewrite of the table', async (t) => {
  await api.makeLog('rewritten', [['n', 'count', 'numeric(20,0)']]);
  for (const n of ['1', '2']) await api.addRow('rewritten', { n });
  const { body } = await api.get('/v1/logs/rewritten?sort=-n&limit=1');
  t.is((await api.get(String(body['next']))).status, 200);
  await api.pool.query('VACUUM FULL logs.rewritten');
  const late = await api.get(String(body['next']));
  t.is(late.status, 400);
  t.regex(String(late.body['detail']), /cursor is too old/);
});
