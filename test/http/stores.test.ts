import test, { type ExecutionContext } from 'ava';
import { TokenGate } from '../../src/access/token-gate.js';
import { storeAccess } from '../../src/cli/store-access.js';
import { Address } from '../../src/codec/address.js';
import { count } from '../../src/codec/value.js';
import type { ServerDeps } from '../../src/http/server.js';
import { systemClock } from '../../src/peer/system.js';
import { testEndpoint, until } from '../support/endpoints.js';
import { silentLogger } from '../support/logger.js';
import { openApi } from './api.js';

const path = (key: string): string => `/v1/stores/hosts/entries/${encodeURIComponent(key)}`;

async function setUp(t: ExecutionContext, more: Partial<ServerDeps> = {}) {
  const { endpoint } = testEndpoint(t);
  const store = await endpoint.attachMaster('hosts');
  const api = await openApi(t, { stores: storeAccess(endpoint), ...more });
  t.teardown(() => api.close());
  return { ...api, store, endpoint };
}

test.serial('entries are put, read, changed and erased, in Zeek notation', async (t) => {
  const { get, change, store } = await setUp(t);
  const put = (key: string, value: string, more = {}) => change('PUT', path(key), {}, { value, ...more });
  t.deepEqual((await put('10.0.0.0/8', '{80/tcp, 443/tcp}')).body, { put: true });
  t.deepEqual((await get(path('10.0.0.0/8'))).body, { key: '10.0.0.0/8', value: '{80/tcp, 443/tcp}' });
  t.is((await put('"n"', '5', { expiry: '10min' })).status, 200);
  const { expires } = (await get(path('"n"'))).body;
  const inMs = Date.parse(String(expires)) - Date.now();
  t.true(inMs > 500_000 && inMs <= 600_000);
  const patch = (key: string, body: object) => change('PATCH', path(key), {}, body);
  for (const [key, body, value] of [
    ['"n"', { operation: 'increment', value: '2' }, '7'],
    ['"n"', { operation: 'decrement', value: '1' }, '6'],
    ['"text"', { operation: 'append', value: '"ab\\xff"' }, '"ab\\xff"'],
    ['"set"', { operation: 'insert', value: '1.2.3.4' }, '{1.2.3.4}'],
    ['"set"', { operation: 'remove', value: '1.2.3.4' }, 'set()'],
    ['"table"', { operation: 'insert', index: '"a"', value: '1' }, '{["a"] = 1}'],
    ['"vector"', { operation: 'push', value: 'T' }, '[T]'],
    ['"vector"', { operation: 'pop' }, '[]'],
  ] as const) {
    t.deepEqual((await patch(key, body)).body, { changed: true });
    t.is((await get(path(key))).body['value'], value);
  }
  for (const [key, body, status, code] of [
    ['"n"', { operation: 'increment' }, 400, 'request_invalid'],
    ['"n"', { operation: 'append', value: '5' }, 409, 'store_type_clash'],
    ['"n"', { operation: 'increment', value: '"x"' }, 409, 'store_type_clash'],
    ['"none"', { operation: 'pop' }, 404, 'store_key_missing'],
    ['"n"', { operation: 'increment', value: '1', expiry: '-1min' }, 400, 'notation_invalid'],
    ['{', { operation: 'pop' }, 400, 'notation_invalid'],
  ] as const) {
    const answer = await patch(key, body);
    t.deepEqual([answer.status, answer.body['code']], [status, code]);
  }
  t.deepEqual((await change('DELETE', path('"n"'))).body, { erased: true });
  t.is((await change('DELETE', path('"n"'))).status, 404);
  t.is(await store.get('n'), undefined);
});

test.serial('an entry is put only where there is none, with If-None-Match', async (t) => {
  const { change } = await setUp(t);
  const put = (value: string) => change('PUT', path('"k"'), { 'if-none-match': '*' }, { value });
  t.is((await put('1')).status, 200);
  const again = await put('2');
  t.deepEqual([again.status, again.body['code']], [412, 'store_key_exists']);
  t.is((await change('PUT', path('"k"'), { 'if-none-match': '"x"' }, { value: '3' })).status, 400);
});

test.serial('all entries, a page at a time', async (t) => {
  const { get, store } = await setUp(t);
  await Promise.all(Array.from({ length: 25 }, (_, index) => store.put(count(index), `v${index}`)));
  const keys: unknown[] = [];
  let after: unknown;
  do {
    const query: string = after === undefined ? '' : `&after=${encodeURIComponent(String(after))}`;
    const { body } = await get(`/v1/stores/hosts/entries?limit=10${query}`);
    keys.push(...(body['entries'] as { key: string }[]).map(({ key }) => key));
    after = body['after'];
  } while (after !== undefined);
  t.deepEqual(
    keys,
    Array.from({ length: 25 }, (_, index) => String(index)),
  );
  t.is((await get('/v1/stores/hosts/entries?after=99')).status, 400);
  t.like((await get('/v1/stores')).body, {
    stores: [{ name: 'hosts', role: 'master', state: 'ready', entries: 25, pending: 0 }],
  });
});

test.serial('the changes come as events', async (t) => {
  const { server, store } = await setUp(t);
  const base = await server.listen({ port: 0, host: '127.0.0.1' });
  const ended = new AbortController();
  const response = await fetch(`${base}/v1/stores/hosts/watch`, { signal: ended.signal });
  let text = '';
  void (async () => {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body ?? []) text += decoder.decode(chunk);
    } catch (error) {
      if (!ended.signal.aborted) throw error;
    }
  })();
  await until('it is connected', () => text.startsWith(':'));
  await store.put(Address.parse('192.0.2.1'), 'a');
  await store.put(Address.parse('192.0.2.1'), 'b');
  await store.erase(Address.parse('192.0.2.1'));
  await until('all came', () => text.includes('"erase"'));
  const changes = text
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice(6)));
  t.deepEqual(
    changes.map(({ publisher, ...change }) => change),
    [
      { type: 'insert', key: '192.0.2.1', value: '"a"' },
      { type: 'update', key: '192.0.2.1', value: '"b"', old: '"a"' },
      { type: 'erase', key: '192.0.2.1', old: '"b"' },
    ],
  );
  ended.abort();
  await until('nobody follows it', () => Reflect.get(store, 'feeds').size === 0);
});

test.serial('a token may write to the stores that it may publish to', async (t) => {
  const gate = new TokenGate({
    clock: systemClock,
    logger: silentLogger,
    isRequired: true,
    configured: {
      tokens: new Map([['soc', 'soc-token-0123456789']]),
      publish: new Map([['soc', ['hosts/']]]),
    },
  });
  const { change, endpoint } = await setUp(t, { gate });
  await endpoint.attachMaster('hosts2');
  const headers = { authorization: 'Bearer soc-token-0123456789' };
  t.is((await change('PUT', path('1'), headers, { value: '1' })).status, 200);
  const other = await change('PUT', '/v1/stores/hosts2/entries/1', headers, { value: '1' });
  t.deepEqual([other.status, other.body['code']], [403, 'scope_missing']);
});

test.serial('a clone without a master says so', async (t) => {
  const { get, endpoint } = await setUp(t);
  const clone = await endpoint.attachClone('away', { waitMs: 0 });
  const reading = get('/v1/stores/away/entries/1');
  await until('it waits for the master', () => Reflect.get(clone, 'readers').length === 1);
  await endpoint.detachStore('away');
  const { status, body } = await reading;
  t.deepEqual([status, body['code']], [503, 'store_closed']);
  t.is((await get('/v1/stores/away/entries/1')).status, 404);
});
