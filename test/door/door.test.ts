import { type IncomingHttpHeaders, request } from 'node:http';
import net from 'node:net';
import test from 'ava';
import { count } from '../../src/codec/value.js';
import type { Caller, Gate } from '../../src/core/access.js';
import { API_FAILURE_RATE } from '../../src/core/limits.js';
import { until } from '../support/endpoints.js';
import { websocketFrames } from '../support/recordings.js';
import { accessOf, eventFrame, eventOf, openDoor, subscriber, TestClient } from './support.js';

test('a client subscribes, is acknowledged, and gets the events of its topics', async (t) => {
  const { url, zeek, endpoint } = await openDoor(t);
  const client = await subscriber(t, url, ['zeek/a', 'zeek/b/']);
  t.deepEqual(client.told, [{ type: 'ack', endpoint: endpoint.id, version: 'zeekway 1.2.3' }]);
  await until('Zeek knows', () => zeek.peers()[0]?.filter.includes('zeek/b/') === true);
  zeek.publishEvent('zeek/c', 'Test::other', ['no']);
  zeek.publishEvent('zeek/a/x', 'Test::one', ['a "quoted" ä\n', count(2n ** 64n - 1n)]);
  zeek.publishEvent('zeek/b/', 'Test::two', [new Uint8Array([0x61, 0xff, 0x5c])]);
  await client.has(3);
  const [, one, two] = client.told;
  t.like(one, { type: 'data-message', topic: 'zeek/a/x', '@data-type': 'vector' });
  t.deepEqual(eventOf(one), ['Test::one', 'a "quoted" ä\n']);
  t.regex(client.frames[1]?.toString() ?? '', /"data":18446744073709551615\}/);
  t.deepEqual(eventOf(two), ['Test::two', 'a\\xff\\'], 'bytes that are no text');
});

test('the recorded frames of a client of Zeek', async (t) => {
  const { url, zeek, endpoint } = await openDoor(t);
  const events: string[] = [];
  zeek.subscribe(['gw/'], (message) => void events.push(...message.events.map(({ name }) => name)));
  await until('Zeek has told what it wants', () => endpoint.peers()[0]?.filter.includes('gw/') === true);
  const frames = websocketFrames('websocket-clean').flatMap(({ from, bytes }) =>
    from === 'client' ? [bytes] : [],
  );
  const client = await new TestClient(t, url).opened();
  const other = await subscriber(t, url, ['gw/a/']);
  const [topics, ...messages] = frames;
  client.socket.send(topics ?? '');
  await client.has(1);
  for (const frame of messages) client.socket.send(frame, { binary: false });
  const errors = ['no JSON', 'no event'].length;
  await client.has(1 + errors);
  await until('Zeek has the rest', () => events.length === messages.length - errors);
  await other.has(1 + events.length);
  t.true(events.includes('Gw::scalars'));
  t.deepEqual(
    client.told.slice(1).map(({ type, code }) => [type, code]),
    [
      ['error', 'deserialization_failed'],
      ['error', 'deserialization_failed'],
    ],
  );
  t.is(client.told[2].context, 'failed to create Zeek event');
});

test('what a client publishes goes to Zeek and to the other clients, not back to it', async (t) => {
  const { url, zeek, endpoint, door } = await openDoor(t);
  const got: string[] = [];
  zeek.subscribe(['site/'], (message) => void got.push(message.topic));
  await until('Zeek has told what it wants', () => endpoint.peers()[0]?.filter.includes('site/') === true);
  const [one, two] = [await subscriber(t, url, ['site/']), await subscriber(t, url, ['site/'])];
  one.socket.send(eventFrame('site/x', 'Test::e', 'hi'));
  two.socket.send(eventFrame('site/y', 'Test::e', 'ho'));
  await Promise.all([one.has(2), two.has(2)]);
  t.is(one.told[1].topic, 'site/y');
  t.is(two.told[1].topic, 'site/x');
  await until('Zeek has both', () => got.length === 2);
  t.deepEqual([one.frames.length, two.frames.length], [2, 2]);
  t.is(door.counts.published, 2);
});

test('who may publish where', async (t) => {
  const tokens = new Map([
    ['soc', 'soc-token-0123456789'],
    ['ops', 'ops-token-0123456789='],
  ]);
  const publish = new Map([['soc', ['site/soc/', 'all/']]]);
  const { url, door } = await openDoor(t, { access: accessOf(tokens, publish) });
  const ops = await subscriber(t, `${url}?token=ops-token-0123456789%3D`, ['']);
  const soc = await subscriber(t, url, [], { authorization: 'Bearer soc-token-0123456789' });
  for (const topic of ['all/x', 'site/soc/', 'site/x', '<$>/x'])
    soc.socket.send(eventFrame(topic, 'Test::e'));
  ops.socket.send(eventFrame('all/x', 'Test::e'));
  await Promise.all([soc.has(3), ops.has(4)]);
  const told = ops.told.slice(1).map(({ topic, code }) => topic ?? code);
  t.deepEqual(told.toSorted(), ['all/x', 'no_permission', 'site/soc/']);
  t.deepEqual(
    soc.told.slice(1).map(({ code }) => code),
    ['no_permission', 'no_permission'],
  );
  soc.socket.send(eventFrame('all/y', 'Test::e'));
  await ops.has(5);
  t.is(ops.told[4].topic, 'all/y', 'the connection stays open');
  t.deepEqual([...door.counts.refused], [['no_permission', 3]]);
  t.deepEqual(
    door.clients().map(({ name }) => name),
    ['ops', 'soc'],
  );
});

/** The status and body that an upgrade is answered with. */
function answer(host: string, path: string, headers: Record<string, string> = {}) {
  return new Promise<{ status: number; body: string; headers: IncomingHttpHeaders }>((resolve, reject) => {
    const upgrade = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    };
    const call = request(`http://${host}${path}`, { headers: { ...upgrade, ...headers } });
    call.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, body: '', headers: response.headers });
    });
    call.on('response', (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body, headers: response.headers }),
      );
    });
    call.on('error', reject);
    call.end();
  });
}

test('without a token there is a 401, before the upgrade', async (t) => {
  const tokens = new Map([
    ['soc', 'soc-token-0123456789'],
    ['old', '***'],
  ]);
  const access = accessOf(tokens, new Map());
  const { host, door } = await openDoor(t, { access });
  const path = '/v1/messages/json';
  for (const [each, headers] of [
    [path, {}],
    [path, { authorization: 'Bearer soc-token-012345678' }],
    [path, { authorization: 'Basic soc-token-0123456789' }],
    [`${path}?token=***`, {}],
    [`${path}?token=guessed-token`, {}],
  ] as const) {
    const { status, body, headers: told } = await answer(host, each, headers);
    t.is(status, 401);
    t.is(JSON.parse(body).code, 'unauthorized');
    t.notRegex(body, /guessed/);
    t.like(told, { 'www-authenticate': 'Bearer' });
  }
  t.is((await answer(host, `${path}?token=soc-token-0123456789`)).status, 101);
  t.deepEqual([...door.counts.refused], [['unauthorized', 5]]);
});

test('web pages of elsewhere are refused', async (t) => {
  const open = await openDoor(t);
  const path = '/v1/messages/json';
  const { host } = open;
  t.is((await answer(host, path, { origin: 'http://evil.example' })).status, 403);
  t.is((await answer(host, path, { origin: 'http://127.0.0.1:1' })).status, 403);
  t.is((await answer(host, path, { 'sec-fetch-site': 'cross-site' })).status, 403);
  t.is((await answer(host, path, { origin: 'http://rebound.example', host: 'rebound.example' })).status, 403);
  t.is((await answer(host, path, { origin: `http://${host}` })).status, 101);
  t.is((await answer(host, path)).status, 101);
  const access = accessOf(new Map([['soc', 'soc-token-0123456789']]), new Map());
  const safe = await openDoor(t, { access });
  const token = { authorization: 'Bearer soc-token-0123456789' };
  const named = { ...token, host: 'gateway.example', origin: 'http://gateway.example' };
  t.is((await answer(safe.host, path, named)).status, 101, 'a token proves it');
  t.is((await answer(safe.host, path, { ...token, origin: 'http://evil.example' })).status, 403);
});

test('other requests for an upgrade, and none', async (t) => {
  const { host } = await openDoor(t);
  t.is((await answer(host, '/healthz', { upgrade: 'h2c' })).status, 200);
  t.is((await answer(host, '/v1/nothing')).status, 404);
  t.is((await fetch(`http://${host}/v1/messages/json`)).status, 400);
  t.is((await answer(host, '/v1/messages/json', { 'sec-websocket-version': '3' })).status, 400);
});

test('frames that are no topics, no text, too large', async (t) => {
  const { url, door } = await openDoor(t, { limits: { subscribeMs: 400 } });
  const client = await new TestClient(t, url).opened();
  const garbage = ['', '{}', '[1]', '[["a"]]', '["a"', 'null', '["\\ud800"]', '\0'];
  for (const frame of garbage) client.socket.send(frame);
  await client.has(garbage.length);
  t.true(client.told.every(({ code }) => code === 'deserialization_failed'));
  await until('it is let go', () => client.closed !== undefined);
  t.like(client.closed, { code: 1008, reason: 'no topics within 400 ms' });

  const bytes = await subscriber(t, url, []);
  for (const frame of [
    '[]',
    '{"topic":"x"}',
    '{"topic":1,"@data-type":"none","data":{}}',
    `${'['.repeat(5_000)}`,
  ])
    bytes.socket.send(frame);
  await bytes.has(5);
  bytes.socket.send(Buffer.from([0x22, 0xff, 0x22]), { binary: false });
  await until('it is let go', () => bytes.closed?.code === 1007);
  const large = await subscriber(t, url, []);
  large.socket.send('x'.repeat(5 * 1024 * 1024));
  await until('it is let go', () => large.closed?.code === 1009);
  await until('they are forgotten', () => door.clients().length === 0);
});

test('thousands of prefixes', async (t) => {
  const { url, zeek } = await openDoor(t);
  const topics = Array.from({ length: 5_000 }, (_, index) => `many/${index}/`);
  const client = await subscriber(t, url, topics);
  await until('Zeek knows', () => (zeek.peers()[0]?.filter.length ?? 0) >= topics.length);
  for (const topic of ['many/4999/x', 'many/5000/', 'many/0/']) zeek.publishEvent(topic, 'Test::e', []);
  await client.has(3);
  t.deepEqual(
    client.told.slice(1).map(({ topic }) => topic),
    ['many/4999/x', 'many/0/'],
  );
  const more = await subscriber(t, url, [...topics, 'one more']);
  t.like(more.told[0], { type: 'error', code: 'too_many_topics' });
  const [second, third] = [1, 2].map((n) => topics.map((topic) => `${n}/${topic}`));
  t.like((await subscriber(t, url, second ?? [])).told[0], { type: 'ack' });
  t.like((await subscriber(t, url, third ?? [])).told[0], { type: 'error', code: 'too_many_topics' });
});

test('logs are not passed on', async (t) => {
  const { url, zeek } = await openDoor(t);
  const client = await subscriber(t, url, ['zeek/']);
  await until('Zeek knows', () => zeek.peers()[0]?.filter.includes('zeek/') === true);
  zeek.publish('zeek/logs/conn', ['a log']);
  zeek.publish('zeek/value', ['a value']);
  await client.has(2);
  t.is(client.told[1].topic, 'zeek/value');
});

test('GET /v1/clients', async (t) => {
  const { url, host } = await openDoor(t);
  await subscriber(t, url, ['a/'], { 'x-application-name': 'my-app/1.0' });
  await subscriber(t, url, ['b/'], { 'x-application-name': 'not <allowed>' });
  const { clients } = (await (await fetch(`http://${host}/v1/clients`)).json()) as { clients: object[] };
  t.like(clients[0], { name: 'anonymous', application: 'my-app/1.0', topics: ['a/'], queued: 0, dropped: 0 });
  t.like(clients[1], { application: '' });
});

test('no more clients than there may be, and they are let go when the server stops', async (t) => {
  const { url, host, door, server } = await openDoor(t, { limits: { clients: 1 } });
  const client = await subscriber(t, url, []);
  t.is((await answer(host, '/v1/messages/json')).status, 503);
  t.deepEqual([...door.counts.refused], [['too_many_clients', 1]]);
  await server.close();
  await until('it was told', () => client.closed !== undefined);
  t.like(client.closed, { code: 1001 });
});

test('a client that does not answer is let go; one that does, stays', async (t) => {
  const { url, host, door } = await openDoor(t, { limits: { pingMs: 500 } });
  const dead = net.connect(Number(host.split(':')[1]), '127.0.0.1');
  t.teardown(() => dead.destroy());
  dead.write(
    `GET /v1/messages/json HTTP/1.1\r\nhost: ${host}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n` +
      'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  const live = await subscriber(t, url, []);
  await until('there are two', () => door.clients().length === 2);
  await until('there is one', () => door.clients().length === 1);
  t.is(live.closed, undefined);
});

/** A gate with tokens that come and go. */
function gateWith(callers: Map<string, Caller>, isRequired = true): Gate {
  const isValid = (caller: Caller): boolean => [...callers.values()].includes(caller);
  return { isRequired, holderOf: (token) => callers.get(token), isValid };
}

test('the scopes of API tokens hold here, too', async (t) => {
  const callers = new Map<string, Caller>([
    ['r', { token: 1, name: 'reader', scopes: ['read'] }],
    ['p', { token: 2, name: 'publisher', scopes: ['publish:my/'] }],
    ['a', { token: 3, name: 'root', scopes: ['admin'] }],
  ]);
  const access = { gate: gateWith(callers), needsToken: false, anonymousPublish: [''] };
  const { url, host } = await openDoor(t, { access });
  t.is((await answer(host, '/v1/messages/json')).status, 401, 'the gate asks for a token');
  const [reader, root] = [
    await subscriber(t, `${url}?token=r`, ['']),
    await subscriber(t, `${url}?token=a`, ['']),
  ];
  const publisher = await subscriber(t, url, ['my/'], { authorization: 'Bearer p' });
  t.like(publisher.told[0], { type: 'error', code: 'no_permission' });
  publisher.socket.send('[]');
  await publisher.has(2);
  t.like(publisher.told[1], { type: 'ack' });
  publisher.socket.send(eventFrame('my/x', 'Test::mine'));
  publisher.socket.send(eventFrame('other/x', 'Test::other'));
  reader.socket.send(eventFrame('my/x', 'Test::reader'));
  await publisher.has(3);
  t.like(publisher.told[2], { type: 'error', code: 'no_permission' });
  await reader.has(3);
  t.deepEqual(eventOf(reader.told[1]), ['Test::mine', '']);
  t.like(reader.told[2], { type: 'error', code: 'no_permission' });
  root.socket.send(eventFrame('<$>', 'Test::reserved'));
  root.socket.send(eventFrame('any/x', 'Test::root'));
  await reader.has(4);
  t.deepEqual(eventOf(reader.told[3]), ['Test::root', '']);
  t.like(root.told[2], { type: 'error', code: 'no_permission' });
});

test('a client whose token was revoked may not publish, and is let go', async (t) => {
  const callers = new Map<string, Caller>([['a', { token: 3, name: 'root', scopes: ['admin'] }]]);
  const access = { gate: gateWith(callers), needsToken: false, anonymousPublish: [] };
  const { url, door } = await openDoor(t, { access, limits: { pingMs: 200 } });
  const client = await subscriber(t, `${url}?token=a`, []);
  callers.clear();
  client.socket.send(eventFrame('any/x', 'Test::late'));
  await until('it is let go', () => client.closed !== undefined);
  t.deepEqual(client.closed, { code: 1008, reason: 'its token is not valid any more' });
  t.is(door.counts.published, 0);
});

test('wrong tokens are limited, by address', async (t) => {
  const { host } = await openDoor(t, {
    access: accessOf(new Map([['soc', 'soc-token-0123456789']]), new Map()),
  });
  const path = '/v1/messages/json';
  for (let index = 0; index < API_FAILURE_RATE; index++) {
    t.is((await answer(host, `${path}?token=guess-${index}`)).status, 401);
  }
  const { status, headers } = await answer(host, `${path}?token=one-more`);
  t.is(status, 429);
  t.true(Number(headers['retry-after']) >= 1);
  t.is((await answer(host, `${path}?token=soc-token-0123456789`)).status, 101);
});
