import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import pg from 'pg';
import { ERROR_CATALOGUE } from '../../src/core/errors.js';
import { type Json, openApi, PEER, type TestApi } from './api.js';

let api: TestApi;
test.before(async (t) => {
  api = await openApi(t);
});
test.after.always(() => api.close());

test('peers', async (t) => {
  t.deepEqual((await api.get('/v1/peers')).body, {
    peers: [{ ...PEER, since: '2026-11-24T03:13:17.123Z' }],
  });
});

test('health', async (t) => {
  t.deepEqual((await api.get('/healthz')).body, { status: 'ok', version: '1.2.3' });
  const { status, body } = await api.get('/readyz');
  t.is(status, 200);
  t.is(body['ready'], true);
  t.deepEqual(
    (body['checks'] as Json[]).map(({ name, ok }) => [name, ok]),
    [
      ['database', true],
      ['bridge', true],
    ],
  );
});

test('not ready while the bridge retries', async (t) => {
  const { server } = await openApi(t, {
    health: () => ({ ready: false, checks: [{ name: 'bridge', ok: false, detail: 'retrying: disk full' }] }),
  });
  const response = await server.inject('/readyz');
  t.is(response.statusCode, 503);
  t.is(response.json<Json>()['ready'], false);
  t.regex(response.body, /retrying: disk full/);
});

test('a database that is not there: 503, and no word about where it should be', async (t) => {
  const pool = new pg.Pool({ host: '127.0.0.1', port: 1, user: 'secret-user', password: 'secret' });
  const { server, logged } = await openApi(t, { pool, probePool: pool });
  const ready = await server.inject('/readyz');
  t.is(ready.statusCode, 503);
  for (const url of ['/v1/logs', '/v1/logs/conn', '/v1/uid/C1', '/v1/events', '/v1/dead-letters']) {
    const response = await server.inject(url);
    t.is(response.statusCode, 503);
    t.is(response.json<Json>()['code'], 'database_unreachable');
    t.notRegex(response.body, /127\.0\.0\.1|secret|ECONN/);
  }
  t.is((await server.inject('/healthz')).statusCode, 200);
  t.regex(logged.join(''), /127\.0\.0\.1/);
});

test('an unexpected error: internal, its words only in the log', async (t) => {
  const { server, logged } = await openApi(t, {
    peers: () => {
      throw new TypeError('secret internals');
    },
  });
  const response = await server.inject('/v1/peers');
  t.is(response.statusCode, 500);
  t.is(response.json<Json>()['code'], 'internal');
  t.notRegex(response.body, /secret/);
  t.regex(logged.join(''), /secret internals/);
});

test('a URL that nothing answers', async (t) => {
  for (const [method, url] of [
    ['GET', '/v2/logs?x=1'],
    ['POST', '/v1/logs'],
    ['DELETE', '/v1/logs/conn'],
  ] as const) {
    const response = await api.server.inject({ method, url });
    t.is(response.statusCode, 404);
    t.regex(String(response.headers['content-type']), /^application\/problem\+json/);
    t.is(response.json<Json>()['code'], 'not_found');
  }
  t.is((await api.get('/v1/logs/%zz')).body['code'], 'request_invalid');
  const large = await api.server.inject({
    method: 'POST',
    url: '/v1/logs',
    payload: { x: 'y'.repeat(100_000) },
  });
  t.true([404, 413].includes(large.statusCode));
});

test('a parameter that nobody knows is refused', async (t) => {
  const { status, body } = await api.get('/v1/events?nam=x');
  t.is(status, 400);
  t.regex(String(body['detail']), /"nam" is no parameter of this request; did you mean "name"\?/);
  t.is((await api.get('/v1/peers?x=1')).status, 400);
});

test('headers', async (t) => {
  for (const url of ['/v1/logs', '/v1/nothing', '/docs/', '/healthz']) {
    const { headers } = await api.server.inject(url);
    t.is(headers['x-content-type-options'], 'nosniff');
    t.is(headers['access-control-allow-origin'], undefined);
  }
});

test('the page of errors has an anchor for each code', async (t) => {
  const { body } = await api.server.inject('/errors');
  for (const code of Object.keys(ERROR_CATALOGUE)) t.true(body.includes(`id="${code}"`), code);
});

/** A view that takes a second a row, in the place of a log's table. */
async function makeSlowLog(path: string): Promise<void> {
  await api.makeLog(path, [
    ['ts', 'time', 'timestamptz'],
    ['uid', 'string', 'text'],
  ]);
  await api.pool.query(`DROP TABLE logs.${path}`);
  await api.pool.query(
    `CREATE VIEW logs.${path} AS SELECT now() AS ts, 'C'::text || pg_sleep(10) AS uid, now() AS _received,
       1 AS _source, 1::oid AS tableoid, '(0,1)'::tid AS ctid`,
  );
}

test.serial('a query that takes too long', async (t) => {
  await makeSlowLog('slow_query');
  const { server } = await openApi(t, { queryTimeoutMs: 200 });
  const response = await server.inject('/v1/logs/slow_query');
  t.is(response.statusCode, 504);
  t.is(response.json<Json>()['code'], 'query_timeout');
  await api.pool.query('DROP VIEW logs.slow_query');
});

test.serial('a query is cancelled when the client goes', async (t) => {
  await makeSlowLog('slow_client');
  const { server } = await openApi(t);
  await server.listen({ host: '127.0.0.1', port: 0 });
  const { port } = server.server.address() as AddressInfo;
  const running = async (): Promise<number> => {
    const { rows } = await api.pool.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
         AND query LIKE '%FROM logs."slow_client"%' AND pid <> pg_backend_pid()`,
    );
    return rows.length;
  };
  const until = async (count: number): Promise<boolean> => {
    for (let tries = 0; tries < 80; tries++) {
      if ((await running()) === count) return true;
      await sleep(50);
    }
    return false;
  };
  const call = request({ host: '127.0.0.1', port, path: '/v1/logs/slow_client' });
  call.on('error', () => undefined);
  call.end();
  t.true(await until(1), 'the query runs');
  call.destroy();
  t.true(await until(0), 'and is cancelled long before its ten seconds');
  await server.close();
  await api.pool.query('DROP VIEW logs.slow_client');
  t.is((await api.pool.query('SELECT 1')).rows.length, 1);
});
