import { getEventListeners } from 'node:events';
import net from 'node:net';
import test from 'ava';
import { parseEndpointUrl } from '../../src/transport/endpoint-url.js';
import { dial } from '../../src/transport/tcp.js';
import { testEndpoint, until } from '../support/endpoints.js';
import { LARGEST_ID, SMALLEST_ID } from '../support/session-pair.js';
import { mutualTls, pem } from '../support/tls-urls.js';

const url = (query: string, port = 0): string => `broker://127.0.0.1:${port}?${query}`;

const modes = {
  plain: { server: 'tls=off', client: 'tls=off' },
  anonymous: { server: 'tls=anonymous', client: 'tls=anonymous' },
  mutual: { server: mutualTls('server'), client: mutualTls('client') },
  'mutual with the host checked': {
    server: mutualTls('server'),
    client: `${mutualTls('client')}&verify-host=yes`,
  },
  'mutual with an encrypted key': {
    server: mutualTls('server'),
    client: `tls=mutual&cert=${pem('client')}&key=${pem('client-key-encrypted')}&ca=${pem('ca')}&passphrase=secret`,
  },
};

for (const [mode, { server, client }] of Object.entries(modes)) {
  for (const [dialling, listening] of [
    [SMALLEST_ID, LARGEST_ID],
    [LARGEST_ID, SMALLEST_ID],
  ] as const) {
    test(`peering over ${mode}, the ${dialling === SMALLEST_ID ? 'originator' : 'responder'} dials`, async (t) => {
      const a = testEndpoint(t, { id: listening });
      const b = testEndpoint(t, { id: dialling });
      const inbox = a.endpoint.subscribe(['x/']);
      const answers = b.endpoint.subscribe(['y/']);
      const { port } = await a.endpoint.listen(url(server));
      b.endpoint.peer(url(client, port));
      await until('peered', () => a.events.length === 1 && b.events.length === 1);
      const big = 'x'.repeat(1_000_000);
      t.is(b.endpoint.publish('x/', big), 1);
      t.like((await inbox.next()).value.value, { value: big });
      t.is(a.endpoint.publishEvent('y/', 'E', []), 1);
      t.is((await answers.next()).value.events[0]?.name, 'E');
      await b.endpoint.close();
      await until('ended', () => a.events.length === 2);
      t.is(b.events[1]?.type, 'peer_removed');
    });
  }
}

const mismatches: [string, string, string, RegExp, RegExp][] = [
  [
    'a plain side dials TLS',
    'tls=anonymous',
    'tls=off',
    /peer_tls_mismatch/,
    /peer_closed|peer_tls_mismatch/,
  ],
  ['TLS dials a plain side', 'tls=off', 'tls=anonymous', /peer_tls_mismatch/, /peer_tls_mismatch/],
  [
    'anonymous dials mutual',
    mutualTls('server'),
    'tls=anonymous',
    /peer_tls_mismatch|peer_certificate/,
    /peer_tls_mismatch/,
  ],
  ['mutual dials anonymous', 'tls=anonymous', mutualTls('client'), /peer_tls_mismatch/, /peer_tls_mismatch/],
  [
    'a client certificate of another CA',
    mutualTls('server'),
    mutualTls('stranger'),
    /peer_certificate/,
    /peer_certificate|peer_tls_mismatch|peer_closed/,
  ],
  ['a server certificate of another CA', mutualTls('stranger'), mutualTls('client'), /./, /peer_certificate/],
  [
    'a certificate for another host, checked',
    mutualTls('client'),
    `${mutualTls('client')}&verify-host=yes`,
    /./,
    /peer_certificate/,
  ],
];

for (const [what, server, client, serverSays, clientSays] of mismatches) {
  test(`${what}: both sides are told`, async (t) => {
    const a = testEndpoint(t);
    const b = testEndpoint(t);
    const { port } = await a.endpoint.listen(url(server));
    b.endpoint.peer(url(client, port));
    await until('the dialling side knows', () => b.events.length > 0);
    t.regex(b.events[0]?.error?.code ?? '', clientSays, b.events[0]?.message);
    await until('the listening side knows', () => a.events.length > 0);
    t.regex(a.events[0]?.error?.code ?? '', serverSays, a.events[0]?.message);
  });
}

test('a certificate file that is not there, and one that is none', async (t) => {
  const { endpoint } = testEndpoint(t);
  const missing = 'tls=mutual&cert=/nowhere/c.pem&key=/nowhere/k.pem&ca=/nowhere/ca.pem';
  await t.throwsAsync(() => endpoint.listen(url(missing)), { code: 'file_unreadable', message: /nowhere/ });
  const swapped = `tls=mutual&cert=${pem('ca')}&key=${pem('client-key')}&ca=${pem('ca')}`;
  await t.throwsAsync(() => endpoint.listen(url(swapped)), { code: 'peer_certificate', message: /key/i });
});

test('a TLS peer that never speaks is given up', async (t) => {
  const silent = net.createServer(() => undefined).listen(0, '127.0.0.1');
  t.teardown(() => silent.close());
  await until('listening', () => silent.listening);
  const client = testEndpoint(t);
  client.endpoint.peer(url('tls=anonymous', (silent.address() as net.AddressInfo).port));
  await until('given up', () => client.events.length > 0, 20_000);
  t.is(client.events[0]?.error?.code, 'peer_timeout');
});

const badUrls: [string, RegExp][] = [
  ['not a url', /not a URL/],
  ['zeromq://h:1', /scheme is zeromq/],
  ['broker://:9999', /not a URL|host is missing/],
  ['broker://h/path', /has a path/],
  ['broker://h?tsl=off', /no parameter "tsl"/],
  ['broker://h?tls=maybe', /tls=maybe/],
  ['broker://h?tls=off&cert=x', /cert= has a meaning/],
  ['broker://h?tls=mutual&cert=x', /needs key=FILE/],
  ['broker://h?tls=mutual&cert=x&key=y&ca=z&verify-host=perhaps', /verify-host=perhaps/],
];

for (const [text, message] of badUrls) {
  test(`the URL ${text} is refused`, (t) => {
    t.throws(() => parseEndpointUrl(text), { code: 'endpoint_url_invalid', message });
  });
}

test('a dial that failed leaves no listener behind', async (t) => {
  const stop = new AbortController();
  for (let n = 0; n < 3; n += 1) {
    await t.throwsAsync(dial(parseEndpointUrl('broker://127.0.0.1:1?tls=off'), stop.signal), {
      code: 'peer_unreachable',
    });
  }
  t.is(getEventListeners(stop.signal, 'abort').length, 0);
});

test('an endpoint URL has defaults, and is shown without its passphrase', (t) => {
  t.like(parseEndpointUrl('broker://zeek'), { host: 'zeek', port: 9999, tls: { mode: 'anonymous' } });
  t.like(parseEndpointUrl('broker://[::1]:1?tls=off'), { host: '::1', port: 1, tls: { mode: 'off' } });
  const secret = parseEndpointUrl('broker://h?tls=mutual&cert=c&key=k&ca=a&passphrase=hunter2');
  t.like(secret.tls, { passphrase: 'hunter2', verifyHost: false });
  t.notRegex(secret.url, /hunter2/);
});
