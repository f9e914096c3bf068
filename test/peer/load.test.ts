import { once } from 'node:events';
import net from 'node:net';
import test from 'ava';
import { count } from '../../src/codec/value.js';
import {
  PEER_SEND_QUEUE_BYTES,
  PEER_STALLED_BYTES,
  PING_BYTES,
  SUBSCRIBER_QUEUE_MESSAGES,
} from '../../src/core/limits.js';
import { encodeEnvelope, frame } from '../../src/protocol/broker/envelope.js';
import type { SessionOutput } from '../../src/protocol/broker/session-contract.js';
import { LISTEN, testEndpoint, until, urlOf } from '../support/endpoints.js';
import { LARGEST_ID, Party, SMALLEST_ID } from '../support/session-pair.js';

test('a full subscription keeps nobody from peering, and no peer is lost to it', async (t) => {
  const server = testEndpoint(t, { id: LARGEST_ID });
  const inbox = server.endpoint.subscribe(['x/']);
  const url = urlOf(await server.endpoint.listen(LISTEN));
  const noisy = testEndpoint(t, { id: SMALLEST_ID });
  noisy.endpoint.peer(url);
  await until('peered', () => noisy.events.length === 1);
  const block = 'x'.repeat(1024 * 1024);
  while (!inbox.full) {
    noisy.endpoint.publish('x/y', block);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const late = testEndpoint(t);
  late.endpoint.peer(url);
  await until('the late one is peered', () => late.events.length === 1 && server.events.length === 2);
  t.deepEqual(
    server.events.map(({ type }) => type),
    ['peer_added', 'peer_added'],
  );
});

test('a large message goes to a peer whose queue is empty', async (t) => {
  const server = testEndpoint(t);
  const client = testEndpoint(t);
  const inbox = server.endpoint.subscribe(['x/']);
  client.endpoint.peer(urlOf(await server.endpoint.listen(LISTEN)));
  await until('peered', () => client.events.length === 1);
  const large = new Uint8Array(PEER_SEND_QUEUE_BYTES + 1);
  t.is(client.endpoint.publish('x/y', large), 1);
  t.is(client.endpoint.publish('x/y', large), 0);
  t.is(client.endpoint.peers()[0]?.dropped, 1);
  const { value } = await inbox.next();
  t.true(value.payload.length > large.length);
});

test('a message above what may wait for a peer, as a large snapshot is, keeps the peering', async (t) => {
  const size = PEER_STALLED_BYTES + 32 * 1024 * 1024;
  const server = testEndpoint(t);
  const client = testEndpoint(t, { limits: { frameBytes: 2 * size, stringBytes: 2 * size } });
  const messages = client.endpoint.subscribe(['large']);
  client.endpoint.peer(urlOf(await server.endpoint.listen(LISTEN)));
  await until('both peered', () => server.events.length === 1 && client.events.length === 1);
  t.is(server.endpoint.publish('large', Buffer.alloc(size, 0xff)), 1);
  // What is said while it is on its way.
  for (const topic of ['a', 'b', 'c']) server.endpoint.subscribe([topic]);
  const { value: message } = await messages.next();
  t.is(message.payload.length > size, true);
  t.is(server.events.length, 1);
});

test('a handler that throws is told, and gets the next message', async (t) => {
  const server = testEndpoint(t);
  const client = testEndpoint(t);
  const errors: unknown[] = [];
  server.endpoint.on('error', (error) => errors.push(error));
  let calls = 0;
  server.endpoint.subscribe(['x/'], () => {
    calls += 1;
    throw new Error(`call ${calls}`);
  });
  client.endpoint.peer(urlOf(await server.endpoint.listen(LISTEN)));
  await until('peered', () => client.events.length === 1);
  client.endpoint.publish('x/y', 1);
  client.endpoint.publish('x/y', 2);
  await until('called twice', () => errors.length === 2);
  t.deepEqual(errors.map(String), ['Error: call 1', 'Error: call 2']);
});

test('a peer that asks and does not read is given up', async (t) => {
  const server = testEndpoint(t, { id: LARGEST_ID });
  const { port } = await server.endpoint.listen(LISTEN);
  const party = new Party({ id: SMALLEST_ID, side: 'dialled' });
  const socket = net.connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  const say = (outputs: readonly SessionOutput[]): void => {
    party.take(outputs);
    for (const bytes of party.inFlight.splice(0)) socket.write(bytes);
  };
  socket.on('data', (chunk) => say(party.session.receive(chunk)));
  say(party.session.start(0));
  await until('peered', () => server.events.length === 1);
  socket.removeAllListeners('data').pause();
  const ping = { type: 'ping', sender: SMALLEST_ID, receiver: LARGEST_ID, ttl: 16, topic: '<$>' } as const;
  const bytes = frame(encodeEnvelope({ ...ping, payload: Buffer.alloc(PING_BYTES) }));
  for (let sent = 0; server.events.length === 1 && sent < 2 * PEER_STALLED_BYTES; sent += bytes.length) {
    if (!socket.write(bytes)) await new Promise((resolve) => setImmediate(resolve));
  }
  await until('it is lost', () => server.events.length === 2);
  t.is(server.events[1]?.type, 'peer_lost');
  t.is(server.events[1]?.error?.code, 'peer_overflow');
});

test('nothing is lost to a slow subscriber: its peers wait', async (t) => {
  const server = testEndpoint(t);
  const client = testEndpoint(t);
  const inbox = client.endpoint.subscribe(['x/']);
  client.endpoint.peer(urlOf(await server.endpoint.listen(LISTEN)));
  await until('peered', () => server.events.length === 1 && client.events.length === 1);
  const total = 3 * SUBSCRIBER_QUEUE_MESSAGES;
  let sent = 0;
  while (sent < total) {
    sent += server.endpoint.publish('x/y', [count(sent), 'x'.repeat(1000)]);
    if (sent % 256 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await until('the queue is full', () => inbox.full);
  await new Promise((resolve) => setTimeout(resolve, 200));
  t.true(inbox.size < total);
  for (let index = 0; index < total; index++) {
    const { value } = await inbox.next();
    if (index % 1000 === 0) t.like(value.value, { value: [count(index)] });
  }
  t.is(inbox.size, 0);
});

test('a handler that gives a promise gets one message at a time', async (t) => {
  const server = testEndpoint(t);
  const client = testEndpoint(t);
  let running = 0;
  const seen: unknown[] = [];
  client.endpoint.subscribe(['x/'], async ({ value }) => {
    running += 1;
    t.is(running, 1);
    await new Promise((resolve) => setTimeout(resolve, 2));
    seen.push(value);
    running -= 1;
  });
  client.endpoint.peer(urlOf(await server.endpoint.listen(LISTEN)));
  await until('peered', () => server.events.length === 1);
  for (let index = 0; index < 20; index++) server.endpoint.publish('x/y', count(index));
  await until('all seen', () => seen.length === 20);
  t.deepEqual(
    seen,
    Array.from({ length: 20 }, (_, index) => count(index)),
  );
});
