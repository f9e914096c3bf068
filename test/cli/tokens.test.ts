import { copyFileSync, mkdtempSync, readFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { WebSocket } from 'ws';
import { ownDatabase } from '../support/database.js';
import { until } from '../support/endpoints.js';
import { Zeekway, zeekway } from './cli.js';

const pem = (name: string): string => fileURLToPath(import.meta.resolve(`#fixtures/tls/${name}.pem`));
const ca = readFileSync(pem('ca'));

/** A database, `zeekway token` on it, and gateways. */
async function setUp(t: ExecutionContext) {
  const { db, url } = await ownDatabase(t);
  const data = mkdtempSync(join(tmpdir(), 'zeekway-tokens-'));
  const where = ['--database', url, '--data', data];
  const token = (...args: string[]) => zeekway(t, ['token', ...args, ...where]);
  const serve = (...args: string[]) =>
    new Zeekway(t, ['serve', '--listen', 'broker://127.0.0.1:0?tls=off', ...where, ...args]);
  return { db, token, serve };
}

/** The address of the API, once it is up. */
async function addressOf(gateway: Zeekway): Promise<string> {
  await until('the API is up', () => gateway.err.includes('API at'), 30_000);
  return /API at (https?:\/\/[^,]+),/.exec(gateway.err)?.[1] ?? '';
}

test.serial('tokens are made, listed and revoked', async (t) => {
  const { db, token } = await setUp(t);
  const made = await token('create', '--name', 'soc', '--scope', 'read', '--scope', 'publish:my/');
  t.is(made.code, 0, made.err);
  t.regex(made.out, /^zk_[\w-]{43}\n$/, 'standard output has the token and nothing else');
  t.regex(made.err, /token 1 "soc": read, publish:my\/; it expires never/);
  t.false(made.err.includes(made.out.trim()));
  t.is((await token('create', '--name', 'ops', '--scope', 'admin', '--expires', '30d')).code, 0);
  const { rows } = await db.pool.query(
    `SELECT name, scopes, round(extract(epoch FROM expires - created) / 86400)::int AS days FROM zeekway.tokens ORDER BY id`,
  );
  t.deepEqual(rows, [
    { name: 'soc', scopes: ['read', 'publish:my/'], days: null },
    { name: 'ops', scopes: ['admin'], days: 30 },
  ]);
  t.is((await token('revoke', 'soc')).err, 'revoked token 1 "soc"\n');
  const list = await token('list');
  t.regex(list.out, /1 │ soc +│ read, publish:my\/ │ 20.*│ never +│ never +│ revoked 20/);
  t.regex(list.out, /2 │ ops +│ admin +│ 20.*│ 20.*│ never +│ valid/);
  t.like(JSON.parse((await token('list', '--json')).out).tokens[1], {
    id: 2,
    name: 'ops',
    scopes: ['admin'],
  });
  t.notRegex(list.out, /zk_|\\x/);
});

test.serial('mistakes: a clear line, exit code 1, and no token', async (t) => {
  const { db, token } = await setUp(t);
  t.is((await token('create', '--name', 'soc', '--scope', 'read')).code, 0);
  for (const [args, pattern] of [
    [['create', '--name', 'soc', '--scope', 'read'], /there is a token named "soc" \[token_exists\]/],
    [
      ['create', '--name', 'x', '--scope', 'write'],
      /expected read, publish, .*found "write" \[scope_invalid\]/,
    ],
    [['create', '--name', 'x'], /'--scope <scope>' not specified/],
    [['create', '--name', 'anonymous', '--scope', 'read'], /a name other than "anonymous"/],
    [
      ['create', '--name', 'x', '--scope', 'read', '--expires', '0d'],
      /--expires: expected a time of at most 36500d/,
    ],
    [['create', '--name', 'x', '--scope', 'read', '--expires', 'soon'], /found "soon"/],
    [['revoke', 'nobody'], /there is no valid token "nobody" \[not_found\]/],
  ] as const) {
    const { code, out, err } = await token(...args);
    t.deepEqual([code, out], [1, ''], args.join(' '));
    t.regex(err, pattern);
  }
  t.is((await db.pool.query('SELECT FROM zeekway.tokens')).rowCount, 1);
});

test.serial('a running gateway knows tokens that are made and revoked beside it', async (t) => {
  const { db, token, serve } = await setUp(t);
  const gateway = serve('--http', '127.0.0.1:0', '--api-auth', 'required');
  const api = await addressOf(gateway);
  const made = (await token('create', '--name', 'soc', '--scope', 'admin')).out.trim();
  const ask = async (path: string, method = 'GET'): Promise<number> => {
    // Wrong tokens are limited: while the gateway does not know this one, it is one.
    await sleep(250);
    return (await fetch(`${api}${path}`, { method, headers: { authorization: `Bearer ${made}` } })).status;
  };
  t.is((await fetch(`${api}/v1/logs`)).status, 401);
  t.is((await fetch(`${api}/healthz`)).status, 200);
  await until('it is let in', async () => (await ask('/v1/logs')) === 200);
  t.is(await ask('/v1/dead-letters/1', 'DELETE'), 404);
  const socket = new WebSocket(`${api.replace('http', 'ws')}/v1/messages/json?token=${made}`);
  t.teardown(() => socket.terminate());
  await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
  await token('revoke', 'soc');
  await until('it is not let in any more', async () => (await ask('/v1/logs')) === 401);
  gateway.kill('SIGTERM');
  t.is((await gateway.end()).code, 0);
  const used = await db.pool.query('SELECT last_used > created AS used FROM zeekway.tokens');
  t.deepEqual(used.rows, [{ used: true }]);
  const audit = await db.pool.query('SELECT token, name, method, route, target, status FROM zeekway.audit');
  t.deepEqual(audit.rows, [
    {
      token: 1,
      name: 'soc',
      method: 'DELETE',
      route: '/v1/dead-letters/:id',
      target: { id: '1' },
      status: 404,
    },
  ]);
  t.regex(
    gateway.err,
    /"name":"soc","address":"127\.0\.0\.1","method":"DELETE".*a request to change something/,
  );
  t.false(gateway.err.includes(made));
});

test.serial('no gateway listens for others while nobody has a token', async (t) => {
  const { token, serve } = await setUp(t);
  const refused = await serve('--http', '0.0.0.0:0').end();
  t.is(refused.code, 1);
  t.regex(
    refused.err,
    /listen on 0\.0\.0\.0, which is no loopback address, and there is no token \[tokens_missing\]/,
  );
  t.notRegex(refused.err, /API at/);

  const anonymous = serve('--http', '0.0.0.0:0', '--api-auth', 'anonymous');
  t.is((await fetch(`${await addressOf(anonymous)}/v1/logs`)).status, 200);
  t.regex(anonymous.err, /whoever reaches 0\.0\.0\.0 may read and change all/);
  anonymous.kill('SIGTERM');
  t.is((await anonymous.end()).code, 0);

  const configured = serve('--http', '0.0.0.0:0', '--door-tokens', 'soc=soc-token-0123456789');
  const api = await addressOf(configured);
  t.is((await fetch(`${api}/v1/logs`)).status, 401);
  const headers = { authorization: 'Bearer soc-token-0123456789' };
  t.is((await fetch(`${api}/v1/logs`, { headers })).status, 200);
  t.regex(configured.err, /tokens travel to 0\.0\.0\.0 as they are/);
  configured.kill('SIGTERM');
  t.is((await configured.end()).code, 0);

  await token('create', '--name', 'soc', '--scope', 'read');
  const stored = serve('--http', '0.0.0.0:0');
  t.is((await fetch(`${await addressOf(stored)}/v1/logs`)).status, 401);
});

/** Who the certificate says that the API is. */
async function subjectOf(api: string): Promise<string> {
  const { port } = new URL(api);
  const socket = connect({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false });
  await new Promise((resolve, reject) => socket.on('secureConnect', resolve).on('error', reject));
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

test.serial('the API and the WebSocket door over TLS, with a certificate that is renewed', async (t) => {
  const { serve } = await setUp(t);
  const folder = mkdtempSync(join(tmpdir(), 'zeekway-tls-'));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const put = (name: string): void => {
    copyFileSync(pem(name), cert);
    copyFileSync(pem(`${name}-key`), key);
  };
  put('server');
  const gateway = serve('--http', '127.0.0.1:0', '--api-tls-cert', cert, '--api-tls-key', key);
  const api = await addressOf(gateway);
  t.regex(api, /^https:/);
  const status = await new Promise<number | undefined>((resolve, reject) => {
    request(`${api}/v1/logs`, { ca }, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end();
  });
  t.is(status, 200);
  const socket = new WebSocket(`${api.replace('https', 'wss')}/v1/messages/json`, { ca });
  t.teardown(() => socket.terminate());
  await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
  await t.throwsAsync(fetch(api.replace('https', 'http')), undefined, 'plain HTTP gets nowhere');

  const before = await subjectOf(api);
  copyFileSync(pem('stranger'), cert);
  gateway.kill('SIGHUP');
  await until('the gateway has told', () => gateway.err.includes('stays as it is'));
  t.is(await subjectOf(api), before);
  put('stranger');
  gateway.kill('SIGHUP');
  await until('the gateway has read it', () => gateway.err.includes('was read anew'));
  t.not(await subjectOf(api), before);
});

test.serial('certificates that cannot be used', async (t) => {
  const { serve } = await setUp(t);
  for (const [cert, key, pattern] of [
    [pem('server'), pem('stranger-key'), /cannot be used: .*\[tls_invalid\]/],
    [pem('server'), '/nowhere.pem', /api\.tls-key: \/nowhere\.pem cannot be read.*\[file_unreadable\]/],
  ] as const) {
    const { code, err } = await serve(
      '--http',
      '127.0.0.1:0',
      '--api-tls-cert',
      cert,
      '--api-tls-key',
      key,
    ).end();
    t.is(code, 1);
    t.regex(err, pattern);
  }
});
