import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import type { FastifyInstance } from 'fastify';
import { WebSocket } from 'ws';
import { TokenGate } from '../../src/access/token-gate.js';
import { storeAccess } from '../../src/cli/store-access.js';
import { allows, type Gate, type RouteScope } from '../../src/core/access.js';
import { API_BODY_BYTES, API_FAILURE_RATE, API_IDLE_MS } from '../../src/core/limits.js';
import type { ServerDeps } from '../../src/http/server.js';
import { Endpoint } from '../../src/peer/endpoint.js';
import { systemClock } from '../../src/peer/system.js';
import { createToken } from '../../src/storage/tokens.js';
import { testDatabase } from '../support/database.js';
import { silentLogger } from '../support/logger.js';
import { ACTIONS, DOOR, INGEST, type Json, openApi } from './api.js';

const SCOPES = {
  read: ['read'],
  publish: ['publish'],
  below: ['publish:my/'],
  writer: ['read', 'publish'],
  admin: ['admin'],
} as const;
type Name = keyof typeof SCOPES;

const tokens = new Map<Name, string>();
const endpoint = new Endpoint();
let gate: TokenGate;

test.before(async (t) => {
  const { db } = await testDatabase(t);
  for (const [name, scopes] of Object.entries(SCOPES)) {
    tokens.set(name as Name, (await createToken(db.pool, { name, scopes })).token);
  }
  gate = new TokenGate({
    pool: db.pool,
    clock: systemClock,
    logger: silentLogger,
    isRequired: true,
    configured: { tokens: new Map([['configured', 'configured-token-1']]), publish: new Map() },
  });
  await gate.start();
});
test.after.always(() => Promise.all([gate.close(), endpoint.close()]));

const METRICS = async () => ({ contentType: 'text/plain', text: 'x 1\n' });

async function openGuarded(t: ExecutionContext, more: Partial<ServerDeps> = {}): Promise<FastifyInstance> {
  const stores = storeAccess(endpoint);
  const all = { door: DOOR, actions: ACTIONS, stores, ingest: () => INGEST, metrics: METRICS };
  const { server } = await openApi(t, { ...all, gate, ...more });
  return server;
}

const as = (name: Name) => ({ authorization: `Bearer ${tokens.get(name)}` });

interface Asked {
  readonly method: 'GET' | 'POST' | 'DELETE' | 'PUT' | 'PATCH';
  readonly url: string;
  readonly scope: RouteScope;
}

/** Each operation that the API describes, with a URL and the scope that it says. */
function operations(document: Json): Asked[] {
  const samples: Record<string, string> = { path: 'conn', uid: 'C1', id: '99', store: 'my' };
  const paths = document['paths'] as Record<string, Record<string, { security: { token?: string[] }[] }>>;
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { security }]) => ({
      method: method.toUpperCase() as Asked['method'],
      url: path.replace(/\{(\w+)\}/g, (_, name: string) => samples[name] ?? 'x'),
      scope: (security[0]?.token?.[0] ?? 'open') as RouteScope,
    })),
  );
}

test('every route that is described: 401 without a token, 403 without the scope, neither with it', async (t) => {
  const server = await openGuarded(t);
  const all = operations((await server.inject('/openapi.json')).json<Json>());
  t.deepEqual(
    all.filter(({ scope }) => scope === 'open').map(({ url }) => url),
    ['/healthz', '/readyz'],
  );
  t.true(all.every(({ method, scope }) => method === 'GET' || scope === 'publish' || scope === 'admin'));
  for (const { method, url, scope } of all) {
    const what = `${method} ${url} (${scope})`;
    const ask = (headers: Record<string, string>) => server.inject({ method, url, headers });
    const without = await ask({});
    if (scope === 'open') {
      t.is(without.statusCode, 200, what);
      continue;
    }
    t.is(without.statusCode, 401, what);
    t.is(without.headers['www-authenticate'], 'Bearer');
    t.is(without.json<Json>()['code'], 'unauthorized');
    for (const name of tokens.keys()) {
      const answer = await ask(as(name));
      if (allows(SCOPES[name], scope)) {
        t.false([401, 403].includes(answer.statusCode), `${what} as ${name}`);
      } else {
        t.is(answer.statusCode, 403, `${what} as ${name}`);
        t.is(answer.json<Json>()['code'], 'scope_missing');
        t.regex(String(answer.json<Json>()['detail']), new RegExp(`scope ${scope}`));
      }
    }
  }
});

test('what a wrong token gets, and where none is needed', async (t) => {
  const server = await openGuarded(t);
  for (const authorization of ['Bearer zk_guessed', 'Bearer', `Basic ${tokens.get('read')}`, '']) {
    const answer = await server.inject({ url: '/v1/logs', headers: { authorization } });
    t.is(answer.statusCode, 401, authorization);
    t.notRegex(answer.body, /guessed/);
  }
  t.is((await server.inject(`/v1/logs?token=${tokens.get('read')}`)).statusCode, 401, 'not in the URL');
  const head = await server.inject({ method: 'HEAD', url: '/v1/logs' });
  t.is(head.statusCode, 401);
  for (const url of ['/healthz', '/readyz', '/errors', '/openapi.json', '/docs/'])
    t.is((await server.inject(url)).statusCode, 200, url);
  t.is((await server.inject('/v1/nothing')).statusCode, 404);
  const configured = { authorization: 'Bearer configured-token-1' };
  t.is((await server.inject({ url: '/v1/logs', headers: configured })).statusCode, 200);
  t.is((await server.inject({ url: '/v1/audit', headers: configured })).statusCode, 403);
});

test('where no token is needed, one that is shown still counts', async (t) => {
  const open: Gate = {
    isRequired: false,
    holderOf: (token) => gate.holderOf(token),
    isValid: () => true,
  };
  const server = await openGuarded(t, { gate: open });
  t.is((await server.inject('/v1/audit')).statusCode, 200);
  t.is((await server.inject({ url: '/v1/audit', headers: as('read') })).statusCode, 403);
  const stranger = { authorization: 'Bearer of-something-in-front' };
  t.is((await server.inject({ url: '/v1/audit', headers: stranger })).statusCode, 200);
});

test('a token shows that a page was not led here by a name of its own', async (t) => {
  const server = await openGuarded(t);
  const named = { host: 'zeekway.example', origin: 'http://zeekway.example', ...as('admin') };
  const ask = (headers: object) =>
    server.inject({ method: 'DELETE', url: '/v1/dead-letters/99', headers: { ...headers } });
  t.is((await ask(named)).statusCode, 404);
  const foreign = await ask({ ...named, origin: 'http://evil.example' });
  t.is(foreign.json<Json>()['code'], 'cross_site_refused');
});

test('a route that declares no scope: the server does not start', async (t) => {
  const server = await openGuarded(t);
  server.get('/v1/forgotten', async () => 'secrets');
  await t.throwsAsync(async () => server.ready(), {
    message: /routes without a scope: .*GET \/v1\/forgotten/,
  });
});

test('while the tokens are not known, a good one does not seem to be bad', async (t) => {
  const { db } = await testDatabase(t);
  const unread = new TokenGate({
    pool: db.pool,
    clock: systemClock,
    logger: silentLogger,
    isRequired: true,
    configured: { tokens: new Map(), publish: new Map() },
  });
  const server = await openGuarded(t, { gate: unread });
  const answer = await server.inject({ url: '/v1/logs', headers: as('read') });
  t.is(answer.statusCode, 503);
  t.is(answer.json<Json>()['code'], 'database_unreachable');
});

test('too many requests of one token: 429, and when to come again; others go on', async (t) => {
  const server = await openGuarded(t, { rateLimit: 3 });
  const ask = (name: Name) => server.inject({ url: '/v1/peers', headers: as(name) });
  for (let index = 0; index < 3; index++) t.is((await ask('read')).statusCode, 200);
  const refused = await ask('read');
  t.is(refused.statusCode, 429);
  t.regex(String(refused.headers['content-type']), /^application\/problem\+json/);
  t.is(refused.json<Json>()['code'], 'rate_limited');
  const seconds = Number(refused.headers['retry-after']);
  t.true(seconds >= 1 && seconds <= 60);
  t.is((await ask('admin')).statusCode, 200);
  t.is((await server.inject('/healthz')).statusCode, 200);
});

test('wrong tokens are limited more tightly, by address, and a good one is still let in', async (t) => {
  const server = await openGuarded(t);
  const guess = (index: number, remoteAddress: string) =>
    server.inject({ url: '/v1/peers', headers: { authorization: `Bearer guess-${index}` }, remoteAddress });
  for (let index = 0; index < API_FAILURE_RATE; index++) {
    t.is((await guess(index, '192.0.2.1')).statusCode, 401);
  }
  const refused = await guess(API_FAILURE_RATE, '192.0.2.1');
  t.is(refused.statusCode, 429);
  t.true(Number(refused.headers['retry-after']) >= 1);
  t.is((await guess(0, '192.0.2.2')).statusCode, 401, 'another address');
  const good = await server.inject({ url: '/v1/peers', headers: as('read'), remoteAddress: '192.0.2.1' });
  t.is(good.statusCode, 200);
});

test('who has no token cannot fill the audit log', async (t) => {
  const statuses: number[] = [];
  const server = await openGuarded(t, { audit: ({ status }) => void statuses.push(status) });
  const ask = async (method: 'GET' | 'DELETE') =>
    (await server.inject({ method, url: '/v1/dead-letters', remoteAddress: '192.0.2.3' })).statusCode;
  for (let index = 0; index < API_FAILURE_RATE; index++) t.is(await ask('DELETE'), 401);
  for (let index = 0; index < 3; index++) t.is(await ask('DELETE'), 429);
  t.is(await ask('GET'), 401);
  t.deepEqual(statuses, Array(API_FAILURE_RATE).fill(401));
});

test('the limits of size, time and connections hold with TLS, too', async (t) => {
  const file = (name: string): Buffer =>
    readFileSync(fileURLToPath(import.meta.resolve(`#fixtures/tls/${name}.pem`)));
  const tls = { cert: file('server'), key: file('server-key') };
  const [plain, secure] = [await openGuarded(t), await openGuarded(t, { tls })];
  const limits = ({ server, initialConfig }: FastifyInstance) => {
    const { timeout, requestTimeout, maxConnections, headersTimeout } = server;
    return { timeout, requestTimeout, maxConnections, headersTimeout, body: initialConfig.bodyLimit };
  };
  t.deepEqual(limits(secure), limits(plain));
  t.like(limits(secure), { timeout: API_IDLE_MS, requestTimeout: API_IDLE_MS, body: API_BODY_BYTES });
});

test('a WebSocket may have its token in the URL, of which the route sees nothing', async (t) => {
  const server = await openGuarded(t);
  await server.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(() => server.close());
  const { port } = server.server.address() as AddressInfo;
  const statusOf = (path: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
      socket.on('unexpected-response', (_request, response) => resolve(response.statusCode));
      socket.on('error', reject);
    });
  t.is(await statusOf('/v1/peers'), 401);
  t.is(await statusOf('/v1/peers?token=zk_wrong'), 401);
  t.is(await statusOf(`/v1/peers?token=${tokens.get('read')}`), 200, 'an answer, since it is no WebSocket');
});
