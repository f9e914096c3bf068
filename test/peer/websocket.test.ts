import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { count, string } from '../../src/codec/value.js';
import { WEBSOCKET_DIAL_INTERVAL_MS } from '../../src/core/limits.js';
import { Overlap } from '../../src/peer/overlap.js';
import { encodeDataMessage, encodeError, readClientMessage } from '../../src/protocol/websocket/messages.js';
import { eventMessage } from '../../src/zeek/message.js';
import { testEndpoint, until } from '../support/endpoints.js';
import { fixtureFile, websocketFrames } from '../support/recordings.js';
import { startWebsocketZeek, type WebsocketZeek } from '../support/websocket-zeek.js';

const event = (number: number): Buffer => encodeDataMessage('a/x', eventMessage('E', [count(number)], 0n));

const isPeered = ({ endpoint }: ReturnType<typeof testEndpoint>): boolean =>
  endpoint.peers()[0]?.state === 'peered';

const saidTypes = ({ events }: ReturnType<typeof testEndpoint>): string[] => events.map(({ type }) => type);

/** An endpoint with one subscription, peered. */
async function peered(t: ExecutionContext, zeek: WebsocketZeek, topics = ['a/']) {
  const one = testEndpoint(t);
  const heard: string[] = [];
  const subscription = one.endpoint.subscribe(topics, ({ topic, events }) => {
    const [argument] = events[0]?.args ?? [];
    heard.push(`${topic} ${argument?.type === 'count' ? argument.value : ''}`);
  });
  one.endpoint.peer(zeek.url);
  await until('peered', () => isPeered(one));
  return { ...one, heard, subscription };
}

for (const name of ['websocket', 'websocket-clean'] as const) {
  test(`${name}: a recorded session is received as it was sent`, async (t) => {
    const zeek = await startWebsocketZeek(t, { acknowledges: false });
    const one = testEndpoint(t);
    const inbox = one.endpoint.subscribe(['gw/ws/']);
    one.endpoint.peer(zeek.url);
    await until('the topics came', () => zeek.clients[0]?.frames.length === 1);
    const [client] = zeek.clients;
    const [first, ...frames] = websocketFrames(name);
    t.deepEqual(client?.frames[0], first?.bytes);
    t.is(client?.path, '/v1/messages/json');
    t.is(client?.application, 'zeekway');
    const sent = frames.filter(({ from }) => from === 'server').map(({ bytes }) => bytes);
    for (const bytes of sent) client?.send(bytes);
    for (const bytes of sent.filter((frame) => frame.includes('"topic"'))) {
      const message = (await inbox.next()).value;
      t.deepEqual(Buffer.from(message?.payload ?? []), bytes);
      t.like(message, { topic: 'gw/ws/all', format: 'broker-json-v1' });
      t.like(message?.source, { transport: 'websocket', name: zeek.url, address: `127.0.0.1:${zeek.port}` });
      t.is(message?.events.length, 1);
    }
    const refused = sent.some((frame) => frame.includes('"error"'));
    await until('all was told', () => one.events.length === (refused ? 2 : 1));
    const id = /"endpoint":"([^"]*)"/.exec(sent[0]?.toString() ?? '')?.[1];
    t.like(one.events[0], { type: 'peer_added', transport: 'websocket', peer: id, address: zeek.url });
    t.like(one.endpoint.peers()[0], { id, state: 'peered', url: zeek.url, ignoredFrames: 0 });
    if (!refused) return;
    t.like(one.events[1], { type: 'peer_warning', error: { code: 'websocket_refused' } });
    t.regex(one.endpoint.peers()[0]?.lastError ?? '', /deserialization_failed/);
  });
}

test('what is published arrives; what cannot be sent is told and costs nothing', async (t) => {
  const zeek = await startWebsocketZeek(t);
  const one = await peered(t, zeek);
  t.is(one.endpoint.publish('a/out', string(Uint8Array.of(0xff))), 0);
  t.is(one.endpoint.publishEvent('a/out', 'E', ['é', count(2n ** 64n - 1n)]), 1);
  const [client] = zeek.clients;
  await until('it arrived', () => client?.frames.length === 2);
  const { topic, value } = readClientMessage(client?.frames[1] ?? Buffer.of());
  t.is(topic, 'a/out');
  t.is(value.type, 'vector');
  t.like(one.endpoint.peers()[0], { messagesOut: 1, dropped: 1, state: 'peered' });
  t.deepEqual(saidTypes(one), ['peer_added', 'peer_warning']);
  t.like(one.events[1], { error: { code: 'encode_invalid' } });
  t.true(await one.endpoint.unpeer(zeek.url));
  t.deepEqual(saidTypes(one).slice(2), ['peer_removed']);
  t.is(client?.closeCode, 1000);
  t.deepEqual(one.endpoint.peers(), []);
});

test('frames that cannot be read are counted, and the next one is read', async (t) => {
  const zeek = await startWebsocketZeek(t);
  const one = await peered(t, zeek);
  for (const frame of [Buffer.from('no JSON'), Buffer.of(0xff), event(1)]) zeek.clients[0]?.send(frame);
  await until('read on', () => one.heard.length === 1);
  t.like(one.endpoint.peers()[0], { ignoredFrames: 2, messagesIn: 1 });
  t.regex(one.endpoint.peers()[0]?.lastError ?? '', /at byte 0/);
});

test('an ack that is late: connecting until then, and nothing is sent', async (t) => {
  const zeek = await startWebsocketZeek(t, { acknowledges: false });
  const one = testEndpoint(t);
  one.endpoint.subscribe(['a/']);
  one.endpoint.peer(zeek.url);
  await until('the topics came', () => zeek.clients[0]?.frames.length === 1);
  t.is(one.endpoint.peers()[0]?.state, 'connecting');
  t.is(one.endpoint.publish('a/out', 'x'), 0);
  t.deepEqual(one.events, []);
  zeek.clients[0]?.acknowledge();
  await until('peered', () => isPeered(one));
  t.is(one.endpoint.publish('a/out', 'x'), 1);
});

test('an ack that never comes does not hold up the end', async (t) => {
  const zeek = await startWebsocketZeek(t, { acknowledges: false });
  const one = testEndpoint(t);
  one.endpoint.peer(zeek.url);
  await until('the topics came', () => zeek.clients[0]?.frames.length === 1);
  t.is(zeek.clients[0]?.frames[0]?.toString(), '[]');
  await one.endpoint.close();
  t.deepEqual(one.events, []);
  await until('closed', () => zeek.clients[0]?.closeCode === 1000);
});

test('closed with 1007: lost once, with the code, and connected again', async (t) => {
  const zeek = await startWebsocketZeek(t);
  const one = await peered(t, zeek);
  zeek.clients[0]?.socket.close(1007, 'Invalid frame payload data');
  await until('again', () => saidTypes(one).join() === 'peer_added,peer_lost,peer_added');
  t.like(one.events[1], { peer: zeek.clients[0]?.id, error: { code: 'peer_closed' } });
  t.regex(one.events[1]?.message ?? '', /1007 \("Invalid frame payload data"\)/);
  t.is(one.events[2]?.peer, zeek.clients[1]?.id);
  const [first, second] = zeek.clients;
  t.true((second?.at ?? 0) - (first?.at ?? 0) >= WEBSOCKET_DIAL_INTERVAL_MS - 50);
});

test('a server that goes and comes back: each change is told once', async (t) => {
  const zeek = await startWebsocketZeek(t);
  const one = await peered(t, zeek);
  await zeek.stop();
  await until('it is gone', () => saidTypes(one).includes('peer_unavailable'));
  const again = await startWebsocketZeek(t, { port: zeek.port });
  await until('peered again', () => isPeered(one));
  t.deepEqual(saidTypes(one), ['peer_added', 'peer_lost', 'peer_unavailable', 'peer_added']);
  again.clients[0]?.send(event(7));
  await until('it is read', () => one.heard.join() === 'a/x 7');
});

test('other topics: a new connection takes over with its ack, and the old one is closed', async (t) => {
  const zeek = await startWebsocketZeek(t);
  const one = await peered(t, zeek);
  const more: string[] = [];
  one.endpoint.subscribe(['a/narrower/']);
  one.endpoint.subscribe(['b/'], ({ topic }) => void more.push(topic));
  one.endpoint.subscribe(['c/']);
  await until('asked', () => zeek.clients[1]?.frames.length === 1);
  t.is(zeek.clients[1]?.frames[0]?.toString(), '["a/","b/","c/"]');
  await until('the old one is closed', () => zeek.clients[0]?.closeCode === 1000);
  zeek.clients[1]?.send(encodeDataMessage('b/x', eventMessage('E', [], 0n)));
  await until('it is read', () => more.length === 1);
  await until('told', () => one.events.length === 3);
  t.deepEqual(
    one.events.map(({ type, peer }) => [type, peer]),
    [
      ['peer_added', zeek.clients[0]?.id],
      ['peer_added', zeek.clients[1]?.id],
      ['peer_removed', zeek.clients[0]?.id],
    ],
  );
  // What is covered needs no connection of its own, and neither do topics that nobody wants any more.
  one.endpoint.subscribe(['b/narrower/']);
  one.endpoint.subscribe(['d/']).cancel();
  await new Promise((resolve) => setTimeout(resolve, WEBSOCKET_DIAL_INTERVAL_MS + 100));
  t.is(zeek.clients.length, 2);
});

test('while a connection takes over nothing that was sent is lost', async (t) => {
  const zeek = await startWebsocketZeek(t, { acknowledges: false });
  const one = testEndpoint(t);
  const heard: number[] = [];
  one.endpoint.subscribe(['a/'], ({ events }) => {
    const [argument] = events[0]?.args ?? [];
    if (argument?.type === 'count') heard.push(Number(argument.value));
  });
  one.endpoint.peer(zeek.url);
  await until('the topics came', () => zeek.clients[0]?.frames.length === 1);
  const [first] = zeek.clients;
  first?.acknowledge();
  await until('peered', () => isPeered(one));
  one.endpoint.subscribe(['b/']);
  await until('the new topics came', () => zeek.clients[1]?.frames.length === 1);
  const second = zeek.clients[1];
  for (let number = 0; number < 10; number++) first?.send(event(number));
  second?.acknowledge();
  for (let number = 10; number < 20; number++) {
    first?.send(event(number));
    second?.send(event(number));
  }
  await until('the old one is closed', () => first?.closeCode === 1000);
  second?.send(event(20));
  await until('the last one is read', () => heard.includes(20));
  t.deepEqual(
    [...new Set(heard)].sort((a, b) => a - b),
    Array.from({ length: 21 }, (_, index) => index),
  );
});

test('what both connections bring counts once, in whatever order', (t) => {
  const overlap = new Overlap();
  const [a, b] = [event(1), event(2)];
  const copies = (['old', 'old', 'new', 'new', 'new', 'old'] as const).map((side) => overlap.isCopy(side, a));
  t.deepEqual(copies, [false, false, true, true, false, true]);
  t.false(overlap.isCopy('new', b));
});

test('a subscription that is full stops the reading, and nothing is lost', async (t) => {
  const zeek = await startWebsocketZeek(t);
  const one = testEndpoint(t);
  const inbox = one.endpoint.subscribe(['a/']);
  one.endpoint.peer(zeek.url);
  await until('peered', () => isPeered(one));
  const large = encodeDataMessage('a/x', string('x'.repeat(1_000_000)));
  const all = 60;
  for (let number = 0; number < all; number++) zeek.clients[0]?.send(large);
  const { socket } = zeek.clients[0] ?? {};
  let pongs = 0;
  socket?.on('pong', () => {
    pongs += 1;
  });
  await until('it gives signs of life unasked', () => pongs > 0);
  t.true((socket?.bufferedAmount ?? 0) > 10_000_000);
  for (let number = 0; number < all; number++) t.is((await inbox.next()).value?.payload.length, large.length);
  t.like(one.endpoint.peers()[0], { messagesIn: all, state: 'peered' });
});

test('wss: verified with the CA, refused without it, taken without being verified', async (t) => {
  const zeek = await startWebsocketZeek(t, { tls: true });
  const ca = encodeURIComponent(fixtureFile('tls/ca.pem'));
  for (const query of [`?ca=${ca}`, '?verify=no']) {
    const one = testEndpoint(t);
    const inbox = one.endpoint.subscribe(['a/']);
    one.endpoint.peer(`${zeek.url}${query}`);
    await until('peered', () => isPeered(one));
    const client = zeek.clients.at(-1);
    client?.send(event(1));
    t.is((await inbox.next()).value.events[0]?.name, 'E');
    t.is(one.endpoint.publishEvent('a/out', 'E', [count(2)]), 1);
    await until('it arrived', () => client?.frames.length === 2);
    t.is(readClientMessage(client?.frames[1] ?? Buffer.of()).topic, 'a/out');
  }
  const stranger = encodeURIComponent(fixtureFile('tls/stranger.pem'));
  const missing = encodeURIComponent(fixtureFile('tls/missing.pem'));
  const refused: [string, string][] = [
    [zeek.url, 'peer_certificate'],
    [`${zeek.url}?ca=${stranger}`, 'peer_certificate'],
    [`${zeek.url}?ca=${missing}`, 'file_unreadable'],
    [`ws://127.0.0.1:${zeek.port}`, 'peer_closed'],
  ];
  for (const [url, code] of refused) {
    const one = testEndpoint(t);
    one.endpoint.peer(url);
    await until('refused', () => one.events.length === 1);
    t.like(one.events[0], { type: 'peer_unavailable', error: { code } }, url);
  }
});

test('what is no WebSocket of Zeek is told as what it is', async (t) => {
  const http = createHttpServer((_request, response) => response.writeHead(404).end());
  const garbage = createServer((socket) => socket.on('error', () => {}).end('\0\0\0\x2agarbage'));
  const listeners = await Promise.all(
    [http, garbage].map(async (server) => {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      t.teardown(() => server.close());
      return (server.address() as AddressInfo).port;
    }),
  );
  const [httpPort, garbagePort] = listeners;
  const zeek = await startWebsocketZeek(t, { acknowledges: false });
  const cases: [string, string][] = [
    [`ws://127.0.0.1:${httpPort}`, 'peer_not_websocket'],
    [`ws://127.0.0.1:${garbagePort}`, 'peer_not_websocket'],
    [`wss://127.0.0.1:${httpPort}`, 'peer_tls_mismatch'],
    ['ws://127.0.0.1:1', 'peer_unreachable'],
    [`${zeek.url}/other/path`, 'websocket_refused'],
  ];
  for (const [url, code] of cases) {
    const one = testEndpoint(t);
    one.endpoint.peer(url);
    if (code === 'websocket_refused') {
      await until('it came', () => zeek.clients[0]?.frames.length === 1);
      t.is(zeek.clients[0]?.path, '/other/path');
      zeek.clients[0]?.send(encodeError('invalid_uri', 'Invalid URI - use /v1/messages/json'));
    }
    await until('refused', () => one.events.length === 1);
    t.like(one.events[0], { type: 'peer_unavailable', address: url, error: { code } }, url);
    await one.endpoint.close();
  }
});
