import net from 'node:net';
import test from 'ava';
import { LISTEN, testEndpoint, until, urlOf } from '../support/endpoints.js';
import { LARGEST_ID, SMALLEST_ID } from '../support/session-pair.js';

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
