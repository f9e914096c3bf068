import { once } from 'node:events';
import net from 'node:net';
import test from 'ava';
import { count, enumValue, string, subnet } from '../../src/codec/value.js';
import {
  PEER_SEND_QUEUE_BYTES,
  PEER_STALLED_BYTES,
  PING_BYTES,
  SUBSCRIBER_QUEUE_MESSAGES,
} from '../../src/core/limits.js';
import type { Message } from '../../src/peer/message.js';
import { encodeEnvelope, frame } from '../../src/protocol/broker/envelope.js';
import type { SessionOutput } from '../../src/protocol/broker/session.js';
import { testEndpoint, until } from '../support/endpoints.js';
import { LARGEST_ID, Party, SMALLEST_ID } from '../support/session-pair.js';

const LISTEN = 'broker://127.0.0.1:0?tls=off';
const urlOf = ({ port }: { port: number }, query = 'tls=off'): string =>
  `broker://127.0.0.1:${port}?${query}`;

for (const [dialling, listening] of [
  [SMALLEST_ID, LARGEST_ID],
  [LARGEST_ID, SMALLEST_ID],
] as const) {
  test(`two endpoints peer and talk both ways (${dialling} dials)`, async (t) => {
    const server = testEndpoint(t, { id: listening });
    const client = testEndpoint(t, { id: dialling });
    const toServer: Message[] = [];
    server.endpoint.subscribe(['to/server/'], (message) => void toServer.push(message));
    const toClient = client.endpoint.subscribe(['to/client/']);
    client.endpoint.peer(urlOf(await server.endpoint.listen(LISTEN)));
    await until('both peered', () => server.events.length === 1 && client.events.length === 1);
    t.like(client.events[0], { type: 'peer_added', peer: listening });
    t.is(
      client.endpoint.publish('to/server/x', [
        count(2n ** 64n - 1n),
        subnet('10.0.0.0/8'),
        Uint8Array.of(0xff),
      ]),
      1,
    );
    t.is(client.endpoint.publish('to/nobody', 'x'), 0);
    t.is(
      server.endpoint.publishEvent('to/client/y', 'Gw::done', [enumValue('Gw::RED')], { timestamp: 5n }),
      1,
    );
    const { value: message } = await toClient.next();
    t.deepEqual(message.events, [
      {
        name: 'Gw::done',
        args: [enumValue('Gw::RED')],
        metadata: [{ id: 1n, value: { type: 'timestamp', value: 5n } }],
      },
    ]);
    await until('the server has it', () => toServer.length === 1);
    t.like(toServer[0]?.value, { type: 'vector' });
    t.is(toServer[0]?.source.peer, dialling);
    t.like(server.endpoint.peers()[0], {
      id: dialling,
      direction: 'in',
      state: 'peered',
      messagesIn: 1,
      messagesOut: 1,
    });
    t.like(client.endpoint.peers()[0], {
      id: listening,
      direction: 'out',
      state: 'peered',
      filter: ['to/server/'],
    });
  });
}

test('a late subscription reaches the peer, a cancelled one leaves it', async (t) => {
  const server = testEndpoint(t);
  const client = testEndpoint(t);
  client.endpoint.peer(urlOf(await server.endpoint.listen(LISTEN)));
  await until('peered', () => server.events.length === 1);
  const late = client.endpoint.subscribe(['late/', 'late/covered/']);
  await until('the filter came', () => server.endpoint.peers()[0]?.filter[0] === 'late/');
  t.is(server.endpoint.publish('late/x', 'one'), 1);
  t.deepEqual((await late.next()).value.value, string('one'));
  late.cancel();
  await until('the filter is gone', () => server.endpoint.peers()[0]?.filter.length === 0);
  t.is(server.endpoint.publish('late/x', 'two'), 0);
});

test('a clean end: peer_removed here, peer_lost there; a peer that restarts is dialled again', async (t) => {
  const server = testEndpoint(t, { id: SMALLEST_ID });
  const client = testEndpoint(t);
  const listener = await server.endpoint.listen(LISTEN);
  client.endpoint.peer(urlOf(listener));
  await until('peered', () => client.events.length === 1);
  await server.endpoint.close();
  t.deepEqual(
    server.events.map(({ type }) => type),
    ['peer_added', 'peer_removed'],
  );
  await until('lost', () => client.events.length === 2);
  t.is(client.events[1]?.type, 'peer_lost');
  await until('unavailable', () => client.events.length === 3);
  t.is(client.events[2]?.type, 'peer_unavailable');
  const again = testEndpoint(t, { id: SMALLEST_ID });
  await again.endpoint.listen(urlOf(listener));
  await until('peered again', () => client.events.length === 4, 30_000);
  t.deepEqual(
    client.events.map(({ type }) => type),
    ['peer_added', 'peer_lost', 'peer_unavailable', 'peer_added'],
  );
});

test('one event per change, not per try', async (t) => {
  const client = testEndpoint(t);
  const gone = net.createServer().listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const { port } = gone.address() as net.AddressInfo;
  await new Promise((resolve) => gone.close(resolve));
  client.endpoint.peer(urlOf({ port }));
  await until('several tries', () => client.endpoint.peers()[0]?.lastError !== undefined);
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  t.deepEqual(
    client.events.map(({ type, error }) => [type, error?.code]),
    [['peer_unavailable', 'peer_unreachable']],
  );
  await until('waiting for the next try', () => client.endpoint.peers()[0]?.state === 'retrying');
});

test('unpeer stops dialling, by URL and by ID', async (t) => {
  const server = testEndpoint(t);
  const client = testEndpoint(t);
  const url = urlOf(await server.endpoint.listen(LISTEN));
  for (const handle of [url, server.endpoint.id]) {
    const before = client.events.length;
    client.endpoint.peer(url);
    await until('peered', () => client.events.length === before + 1);
    t.true(await client.endpoint.unpeer(handle));
    await until('removed', () => client.events.length === before + 2);
    t.is(client.events.at(-1)?.type, 'peer_removed');
    t.deepEqual(client.endpoint.peers(), []);
  }
  t.false(await client.endpoint.unpeer(url));
});

for (const swap of [false, true]) {
  test(`two endpoints that dial each other end up with one connection (${swap ? 'swapped' : 'plain'})`, async (t) => {
    const a = testEndpoint(t, { id: swap ? LARGEST_ID : SMALLEST_ID });
    const b = testEndpoint(t, { id: swap ? SMALLEST_ID : LARGEST_ID });
    const [urlA, urlB] = [urlOf(await a.endpoint.listen(LISTEN)), urlOf(await b.endpoint.listen(LISTEN))];
    a.endpoint.peer(urlB);
    b.endpoint.peer(urlA);
    await until('peered', () => a.events.length > 0 && b.events.length > 0);
    const peered = (): number[] =>
      [a, b].map(({ endpoint }) => endpoint.peers().filter(({ state }) => state === 'peered').length);
    await until('settled', () => peered().join() === '1,1');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    t.deepEqual(peered(), [1, 1]);
    t.deepEqual([a.events.length, b.events.length], [1, 1]);
    const inbox = a.endpoint.subscribe(['x/']);
    await until('the filter came', () => b.endpoint.peers().some(({ filter }) => filter.includes('x/')));
    t.is(b.endpoint.publish('x/y', 'hello'), 1, 'each message goes once');
    t.deepEqual((await inbox.next()).value.value, string('hello'));
  });
}

for (const handle of ['url', 'id'] as const) {
  test(`unpeer by ${handle} ends the peering with an endpoint that dialled us, and does not dial it again`, async (t) => {
    const a = testEndpoint(t, { id: SMALLEST_ID });
    const b = testEndpoint(t, { id: LARGEST_ID });
    const [urlA, urlB] = [urlOf(await a.endpoint.listen(LISTEN)), urlOf(await b.endpoint.listen(LISTEN))];
    b.endpoint.peer(urlA);
    await until('peered', () => a.events.length === 1 && b.events.length === 1);
    a.endpoint.peer(urlB);
    await until('standby', () => a.endpoint.peers().some(({ state }) => state === 'standby'));
    b.endpoint.on('peer', ({ type }) => {
      if (type === 'peer_lost') void b.endpoint.unpeer(urlA);
    });
    t.true(await a.endpoint.unpeer(handle === 'url' ? urlB : b.endpoint.id.toUpperCase()));
    t.deepEqual(a.endpoint.peers(), []);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    t.deepEqual(
      a.events.map(({ type }) => type),
      ['peer_added', 'peer_removed'],
    );
  });
}

test('unpeering an address that was never reached leaves strangers alone', async (t) => {
  const { endpoint } = testEndpoint(t);
  const { port } = await endpoint.listen(LISTEN);
  const stranger = net.connect(port, '127.0.0.1');
  t.teardown(() => stranger.destroy());
  await until('connected', () => endpoint.peers().length === 1);
  const url = 'broker://127.0.0.1:1?tls=off';
  endpoint.peer(url);
  await until('tried', () => endpoint.peers().some(({ state }) => state === 'retrying'));
  t.true(await endpoint.unpeer(url));
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.deepEqual(
    endpoint.peers().map(({ direction }) => direction),
    ['in'],
  );
});

test('listening that is overtaken by a close leaves nothing behind', async (t) => {
  const { endpoint } = testEndpoint(t);
  const listening = endpoint.listen(LISTEN);
  await endpoint.close();
  await t.throwsAsync(listening, { code: 'endpoint_closed' });
});

test('an endpoint that is closed stays closed', async (t) => {
  const { endpoint } = testEndpoint(t);
  endpoint.peer('broker://127.0.0.1:1?tls=off');
  const inbox = endpoint.subscribe(['x/']);
  await Promise.all([endpoint.close(), endpoint.close()]);
  t.deepEqual(endpoint.peers(), []);
  t.true((await inbox.next()).done);
  t.true((await endpoint.subscribe(['x/']).next()).done);
  t.is(endpoint.publish('x/y', 1), 0);
  t.throws(() => endpoint.peer('broker://127.0.0.1:1?tls=off'), { code: 'endpoint_closed' });
  await t.throwsAsync(endpoint.listen(LISTEN), { code: 'endpoint_closed' });
});

test('unpeer resolves when the peering has ended, and nothing is published behind it', async (t) => {
  const server = testEndpoint(t);
  const client = testEndpoint(t);
  server.endpoint.subscribe(['x/']);
  const url = urlOf(await server.endpoint.listen(LISTEN));
  client.endpoint.peer(url);
  await until('peered', () => client.events.length === 1 && server.events.length === 1);
  t.is(client.endpoint.publish('x/y', 1), 1);
  const unpeered = client.endpoint.unpeer(url.replace('?', '/?'));
  t.is(client.endpoint.publish('x/y', 2), 0);
  t.true(await unpeered);
  t.deepEqual(client.endpoint.peers(), []);
});

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

test('a second connection of a peer that is connected is dropped as redundant', async (t) => {
  const server = testEndpoint(t, { id: SMALLEST_ID });
  const client = testEndpoint(t, { id: LARGEST_ID });
  const [first, second] = [await server.endpoint.listen(LISTEN), await server.endpoint.listen(LISTEN)];
  client.endpoint.peer(urlOf(first));
  await until('peered', () => client.events.length === 1);
  client.endpoint.peer(urlOf(second));
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  t.is(client.events.length, 1);
  t.is(server.endpoint.peers().filter(({ state }) => state === 'peered').length, 1);
  await client.endpoint.unpeer(urlOf(first));
  await until(
    'the second takes over',
    () => client.events.at(-1)?.type === 'peer_added' && client.events.length === 3,
  );
  t.pass();
});

for (const listening of [SMALLEST_ID, LARGEST_ID]) {
  test(`a peer whose old connection is dead without our knowing gets in again (${listening} listens)`, async (t) => {
    const server = testEndpoint(t, { id: listening });
    const { port } = await server.endpoint.listen(LISTEN);
    const frozen = { yes: false };
    const proxy = net.createServer((inner) => {
      const outer = net.connect(port, '127.0.0.1');
      for (const [from, to] of [
        [inner, outer],
        [outer, inner],
      ] as const) {
        from.on('data', (chunk) => !frozen.yes && to.write(chunk));
        from.on('error', () => {});
        t.teardown(() => from.destroy());
      }
    });
    proxy.listen(0, '127.0.0.1');
    t.teardown(() => proxy.close());
    await once(proxy, 'listening');
    const id = listening === SMALLEST_ID ? LARGEST_ID : SMALLEST_ID;
    const before = testEndpoint(t, { id });
    before.endpoint.peer(urlOf(proxy.address() as net.AddressInfo));
    await until('peered', () => server.events.length === 1);
    frozen.yes = true;
    const after = testEndpoint(t, { id });
    after.endpoint.peer(urlOf({ port }));
    await until('peered again', () => after.events.length === 1 && server.events.length === 3, 20_000);
    t.deepEqual(
      server.events.map(({ type, error }) => [type, error?.code]),
      [
        ['peer_added', undefined],
        ['peer_lost', 'peer_timeout'],
        ['peer_added', undefined],
      ],
    );
  });
}

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

test('nodes say hello: each knows the other by its name', async (t) => {
  const logger = testEndpoint(t, { nodeName: 'logger' });
  const worker = testEndpoint(t, { nodeName: 'worker-1' });
  worker.endpoint.peer(urlOf(await logger.endpoint.listen(LISTEN)));
  await until(
    'both know',
    () => logger.endpoint.peers()[0]?.node === 'worker-1' && worker.endpoint.peers()[0]?.node === 'logger',
  );
  t.pass();
});

test('who is no Broker peer is told apart', async (t) => {
  const server = testEndpoint(t);
  const { port } = await server.endpoint.listen(LISTEN);
  const http = net.connect(port, '127.0.0.1');
  http.on('error', () => http.destroy());
  http.write('GET / HTTP/1.1\r\n\r\n');
  await until('refused', () => server.events.length === 1);
  t.is(server.events[0]?.error?.code, 'peer_not_broker');

  const client = testEndpoint(t);
  const ssh = net.createServer(
    (socket) => void socket.on('error', () => socket.destroy()).end('SSH-2.0-OpenSSH_9.2\r\n'),
  );
  t.teardown(() => ssh.close());
  ssh.listen(0, '127.0.0.1');
  await once(ssh, 'listening');
  client.endpoint.peer(urlOf(ssh.address() as net.AddressInfo));
  await until('refused', () => client.events.length === 1);
  t.regex(client.events[0]?.message ?? '', /does not speak Broker: it began with "SSH-2.0/);
});

test('a port in use, a bad URL, a bad ID: one clear error each', async (t) => {
  const { endpoint } = testEndpoint(t);
  const { port } = await endpoint.listen(LISTEN);
  await t.throwsAsync(() => endpoint.listen(urlOf({ port })), {
    code: 'listen_failed',
    message: /EADDRINUSE/,
  });
  t.throws(() => endpoint.peer('http://x'), { code: 'endpoint_url_invalid', message: /scheme is http/ });
  t.throws(() => testEndpoint(t, { id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' }), {
    code: 'endpoint_id_invalid',
  });
});
