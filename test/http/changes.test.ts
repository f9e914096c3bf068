import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import pg from 'pg';
import { AuditLog } from '../../src/access/audit-log.js';
import { TokenGate } from '../../src/access/token-gate.js';
import { peerActions } from '../../src/cli/peer-actions.js';
import { set, subnet } from '../../src/codec/value.js';
import { AUDIT_WAITING } from '../../src/core/limits.js';
import type { ServerDeps } from '../../src/http/server.js';
import { systemClock } from '../../src/peer/system.js';
import type { AuditEntry } from '../../src/storage/audit.js';
import { readMessages } from '../../src/zeek/message.js';
import { printNotation } from '../../src/zeek/notation/print.js';
import { keepingLogger } from '../bridge/support.js';
import { accessOf, openDoor, subscriber } from '../door/support.js';
import { testDatabase } from '../support/database.js';
import { LISTEN, testEndpoint, until, urlOf } from '../support/endpoints.js';
import { silentLogger } from '../support/logger.js';
import { type Json, openApi } from './api.js';

const SOC = 'soc-token-0123456789';
const OPS = 'ops-token-0123456789';

/** An API whose tokens may publish below `my/`, and read; with an endpoint that has a peer, and an audit log. */
async function setUp(t: ExecutionContext, more: Partial<ServerDeps> = {}) {
  const { db } = await testDatabase(t);
  const { door, endpoint, zeek, url } = await openDoor(t, {
    access: accessOf(new Map([['soc', SOC]]), new Map()),
  });
  const audit = new AuditLog(db.pool, silentLogger);
  const gate = new TokenGate({
    clock: systemClock,
    logger: silentLogger,
    isRequired: true,
    configured: {
      tokens: new Map([
        ['soc', SOC],
        ['ops', OPS],
      ]),
      publish: new Map([['soc', ['my/', '<$>']]]),
    },
  });
  const actions = peerActions(endpoint, door);
  const api = await openApi(t, { gate, actions, audit: (entry) => audit.add(entry), ...more });
  t.teardown(() => api.close());
  return { ...api, audit, door, endpoint, zeek, url };
}

const by = (token: string) => ({ authorization: `Bearer ${token}` });

test.serial('an identifier that is published over HTTP comes to Zeek in its type', async (t) => {
  const { zeek, change } = await setUp(t);
  const got = zeek.subscribe(['my/']);
  const body = { topic: 'my/x', value: '{10.0.0.0/8}' };
  let answer = await change('PUT', '/v1/identifiers/Site::local_nets', by(SOC), body);
  for (let tries = 0; answer.body['peers'] === 0 && tries < 200; tries++) {
    await sleep(20);
    answer = await change('PUT', '/v1/identifiers/Site::local_nets', by(SOC), body);
  }
  t.deepEqual(answer.body, { peers: 1 });
  const { value: message } = await got.next();
  t.deepEqual(readMessages(message.payload), [
    { type: 'identifier-update', name: 'Site::local_nets', value: set([subnet('10.0.0.0/8')]) },
  ]);
  const elsewhere = await change('PUT', '/v1/identifiers/x', by(SOC), { ...body, topic: 'other/' });
  t.is(elsewhere.status, 403);
  const wrong = await change('PUT', '/v1/identifiers/x', by(SOC), { ...body, value: '{' });
  t.deepEqual([wrong.status, wrong.body['code']], [400, 'notation_invalid']);
});

test.serial('an event that is published over HTTP: Zeek gets it, and the WebSocket clients', async (t) => {
  const { zeek, url, change } = await setUp(t);
  const got: string[] = [];
  zeek.subscribe(['my/'], ({ topic, events }) => {
    for (const { name, args } of events) got.push(`${topic} ${name}(${args.map(printNotation).join(', ')})`);
  });
  const client = await subscriber(t, url, ['my/'], by(SOC));
  const args = ['80/tcp', '1.2.3.4', '"a b"', '5', '{1, 2}', '1min'];
  let answer = await change('POST', '/v1/events', by(SOC), { topic: 'my/x', name: 'My::event', args });
  // Until the peer has told what it wants.
  for (let tries = 0; answer.body['peers'] === 0 && tries < 200; tries++) {
    await sleep(20);
    answer = await change('POST', '/v1/events', by(SOC), { topic: 'my/x', name: 'My::event', args });
  }
  t.deepEqual([answer.status, answer.body], [200, { peers: 1 }]);
  await until('Zeek has it', () => got.length > 0);
  t.is(got[0], 'my/x My::event(80/tcp, 1.2.3.4, "a b", 5, {1, 2}, 1min)');
  await client.has(2);
  t.is(client.told[1].topic, 'my/x');
});

test.serial('what may not be published, or is no event', async (t) => {
  const { change } = await setUp(t);
  const event = { topic: 'my/x', name: 'My::event', args: ['5'] };
  for (const [body, status, code, detail] of [
    [
      { ...event, topic: 'other/x' },
      403,
      'scope_missing',
      /may not publish on "other\/x": it has read, publish:my\//,
    ],
    [{ ...event, topic: '<$>/local' }, 400, 'request_invalid', /Broker's own/],
    [{ ...event, args: ['5', '{1'] }, 400, 'notation_invalid', /argument 2, \{1: at character/],
    [{ ...event, name: '' }, 400, 'request_invalid', /"name"/],
    [{ ...event, more: 1 }, 400, 'request_invalid', /"more"/],
    [{ ...event, name: '\ud800' }, 400, 'request_invalid', /half characters/],
    [{ ...event, args: Array(1_001).fill('1') }, 400, 'request_invalid', /"args"/],
    [{ ...event, args: ['"'.padEnd(70_000)] }, 413, 'request_invalid', /large/],
  ] as const) {
    const { status: found, body: problem } = await change('POST', '/v1/events', by(SOC), body);
    t.is(found, status, JSON.stringify(body).slice(0, 200));
    t.is(problem['code'], code);
    t.regex(String(problem['detail']), detail);
  }
  const reader = await change('POST', '/v1/events', by(OPS), event);
  t.deepEqual([reader.status, reader.body['code']], [403, 'scope_missing']);
});

test.serial('peers come and go while the gateway runs', async (t) => {
  const { endpoint, change } = await setUp(t, {
    gate: { isRequired: false, holderOf: () => undefined, isValid: () => true },
  });
  const other = testEndpoint(t);
  const url = urlOf(await other.endpoint.listen(LISTEN));
  t.deepEqual((await change('POST', '/v1/peers', {}, { url })).body, { url });
  await until('it is peered', () =>
    endpoint.peers().some((peer) => peer.url === url && peer.state === 'peered'),
  );
  const gone = await change('DELETE', `/v1/peers/${encodeURIComponent(url)}`);
  t.deepEqual([gone.status, gone.body], [200, { removed: url }]);
  t.false(endpoint.peers().some((peer) => peer.url === url));
  t.is((await change('DELETE', `/v1/peers/${encodeURIComponent(url)}`)).status, 404);

  await change('POST', '/v1/peers', {}, { url });
  await until('it is peered again', () => endpoint.peers().some(({ id }) => id === other.endpoint.id));
  t.is((await change('DELETE', `/v1/peers/${other.endpoint.id}`)).status, 200);
  t.false(endpoint.peers().some((peer) => peer.url === url));
  // Of other transports the endpoint knows the URL only.
  const websocket = 'ws://127.0.0.1:1';
  const { body } = await change('POST', '/v1/peers', {}, { url: websocket });
  t.is((await change('DELETE', `/v1/peers/${encodeURIComponent(String(body['url']))}`)).status, 200);

  for (const [wrong, code] of [
    ['http://h', 'endpoint_url_invalid'],
    ['broker://h:0', 'endpoint_url_invalid'],
    ['zeromq-log://h:1', 'endpoint_url_invalid'],
    ['broker://h?tls=mutual&passphrase=hunter2', 'endpoint_url_invalid'],
  ] as const) {
    const answer = await change('POST', '/v1/peers', {}, { url: wrong });
    t.deepEqual([answer.status, answer.body['code']], [400, code], wrong);
    t.notRegex(JSON.stringify(answer.body), /hunter2/);
  }
  t.is((await change('DELETE', '/v1/peers/worker-1')).body['code'], 'endpoint_id_invalid');
});

test.serial('every request to change something is in the audit log, by whom and about what', async (t) => {
  const { audit, change, get, pool, server } = await setUp(t);
  await pool.query('TRUNCATE zeekway.audit RESTART IDENTITY');
  const event = { topic: 'my/x\0', name: 'My::event', args: ['"secret"'] };
  await change('POST', '/v1/events', by(SOC), event);
  await change('POST', '/v1/events', {}, event);
  await change('DELETE', '/v1/dead-letters/17', by(OPS));
  await change('DELETE', '/v1/dead-letters?code=row_rejected&to=-1d', by(SOC));
  const url = 'broker://h?tls=mutual&cert=c&key=k&ca=a&passphrase=hunter2';
  await change('POST', '/v1/peers', by(SOC), { url });
  await change('DELETE', `/v1/peers/${encodeURIComponent(url)}`, by(SOC));
  await change('DELETE', '/v1/nothing', by(SOC));
  await get('/v1/logs');
  await audit.close();
  const { rows } = await pool.query(
    'SELECT id::int, token, name, address, method, route, target, status FROM zeekway.audit ORDER BY id',
  );
  const base = { token: null, address: '127.0.0.1' };
  const masked = 'broker://h?tls=mutual&cert=c&key=k&ca=a&passphrase=***';
  t.deepEqual(rows, [
    {
      ...base,
      id: 1,
      name: 'soc',
      method: 'POST',
      route: '/v1/events',
      target: { topic: 'my/x\\x00', name: 'My::event' },
      status: 200,
    },
    { ...base, id: 2, name: 'anonymous', method: 'POST', route: '/v1/events', target: {}, status: 401 },
    {
      ...base,
      id: 3,
      name: 'ops',
      method: 'DELETE',
      route: '/v1/dead-letters/:id',
      target: { id: '17' },
      status: 403,
    },
    {
      ...base,
      id: 4,
      name: 'soc',
      method: 'DELETE',
      route: '/v1/dead-letters',
      target: { code: 'row_rejected', to: '-1d' },
      status: 403,
    },
    { ...base, id: 5, name: 'soc', method: 'POST', route: '/v1/peers', target: {}, status: 403 },
    {
      ...base,
      id: 6,
      name: 'soc',
      method: 'DELETE',
      route: '/v1/peers/:id',
      target: { id: masked },
      status: 403,
    },
  ]);
  t.is((await server.inject({ url: '/v1/audit', headers: by(SOC) })).statusCode, 403);
});

test.serial('secrets in URLs are in no entry', async (t) => {
  const entries: AuditEntry[] = [];
  const open = { isRequired: false, holderOf: () => undefined, isValid: () => true };
  const { change } = await setUp(t, { gate: open, audit: (entry) => void entries.push(entry) });
  const url = 'broker://127.0.0.1:1?tls=mutual&cert=c&key=k&ca=a&passphrase=hunter2';
  const added = await change('POST', '/v1/peers', {}, { url });
  t.is(added.status, 201);
  t.regex(String(added.body['url']), /passphrase=\*\*\*$/);
  const removed = await change('DELETE', `/v1/peers/${encodeURIComponent(url)}`);
  t.is(removed.status, 200);
  t.is(entries.length, 2);
  t.notRegex(JSON.stringify([entries, added, removed]), /hunter2/);
});

test.serial('GET /v1/audit in pages', async (t) => {
  const { pool, audit } = await setUp(t);
  await pool.query('TRUNCATE zeekway.audit RESTART IDENTITY');
  for (let index = 1; index <= 5; index++) {
    audit.add({
      time: new Date(`2026-11-24T0${index}:00:00Z`),
      token: index,
      name: index === 3 ? 'ops' : 'soc',
      address: '192.0.2.1',
      method: 'POST',
      route: '/v1/events',
      target: { topic: `my/"{\\${index}}` },
      status: 200,
    });
  }
  await audit.close();
  const api = await openApi(t);
  t.teardown(() => api.close());
  const seen: Json[] = [];
  for (let url: unknown = '/v1/audit?limit=2&name=soc'; url !== undefined; ) {
    const { body } = await api.get(String(url));
    seen.push(...(body['entries'] as Json[]));
    url = body['next'];
  }
  t.deepEqual(
    seen.map(({ token }) => token),
    [5, 4, 2, 1],
  );
  t.like(seen[0], { time: '2026-11-24T05:00:00.000000Z', target: { topic: 'my/"{\\5}' }, name: 'soc' });
  const range = await api.get('/v1/audit?from=2026-11-24T02:00:00Z&to=2026-11-24T04:00:00Z&order=asc');
  t.deepEqual(
    (range.body['entries'] as Json[]).map(({ token }) => token),
    [2, 3],
  );
});

test('while the database is away the log has what the table has not, and it is counted', async (t) => {
  const pool = new pg.Pool({ host: '127.0.0.1', port: 1 });
  t.teardown(() => pool.end());
  const logger = keepingLogger();
  const audit = new AuditLog(pool, logger);
  const { change } = await setUp(t, {
    audit: (entry) => audit.add(entry),
    actions: { publish: () => 0, publishIdentifier: () => 0, add: (url) => url, remove: async () => true },
  });
  const answer = await change('POST', '/v1/events', by(SOC), { topic: 'my/x', name: 'My::event' });
  t.deepEqual([answer.status, answer.body], [200, { peers: 0 }]);
  await audit.close();
  t.is(audit.unwritten, 1);
  t.regex(logger.lines[0]?.message ?? '', /the audit log has not all requests: .*\[database_unreachable\]/);
  const entry = { time: new Date(), name: 'x', address: '', method: '', route: '', target: {}, status: 200 };
  for (let index = 0; index < AUDIT_WAITING + 11; index++) audit.add(entry);
  t.true(audit.unwritten >= 11, 'no more wait than there may be');
  await audit.close();
  t.is(audit.unwritten, AUDIT_WAITING + 12);
});
