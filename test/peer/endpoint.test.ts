import { once } from 'node:events';
import net from 'node:net';
import test from 'ava';
import { count, enumValue, string, subnet } from '../../src/codec/value.js';
import type { Message } from '../../src/peer/message.js';
import { LISTEN, testEndpoint, until, urlOf } from '../support/endpoints.js';
import { LARGEST_ID, SMALLEST_ID } from '../support/session-pair.js';

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
