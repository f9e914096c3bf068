import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ZeekwayError } from '../../src/core/errors.js';
import { type Database, isTransient, openDatabase, toDatabaseError } from '../../src/storage/database.js';
import { testDatabase } from '../support/database.js';
import { until } from '../support/endpoints.js';

/** Opening the URL must fail with one line that names no password. */
async function fails(t: ExecutionContext, url: string, code: string, message: RegExp): Promise<void> {
  const error = await t.throwsAsync(openDatabase({ url }), { instanceOf: ZeekwayError, code, message });
  t.false(error?.message.includes('s3cret'));
  t.false(error?.message.includes('\n'));
}

/** A TCP server that treats each connection in the given way; its port. */
async function listen(t: ExecutionContext, serve: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    serve(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

test('an external database: its sessions and how it is described', async (t) => {
  const { url } = await testDatabase(t);
  const db = await openDatabase({ url });
  t.teardown(() => db.close());
  t.is(db.kind, 'external');
  t.is(db.connectHint, undefined);
  t.regex(db.description, /^PostgreSQL \d+\.\d+ at \S+, database zeekway_test_[0-9a-f]{16}, user \w+$/);
  const { rows } = await db.pool.query(
    "SELECT current_setting('timezone') AS zone, current_setting('application_name') AS name",
  );
  t.deepEqual(rows, [{ zone: 'UTC', name: 'zeekway' }]);
});

test('queries of others leave the connections for writing alone', async (t) => {
  const { url } = await testDatabase(t);
  const db = await openDatabase({ url });
  t.teardown(() => db.close());
  const sleeping = Array.from({ length: 20 }, () => db.queryPool.query('SELECT pg_sleep(1)'));
  const { rows } = await db.pool.query(
    "SELECT count(*)::int AS sleeping FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(1)'",
  );
  t.true(rows[0].sleeping < 20);
  await Promise.all(sleeping);
});

test('URLs that are none', async (t) => {
  for (const url of ['', 'localhost', 'mysql://u:s3cret@host/db', 'postgres://u:s3cret@host:port/db']) {
    await fails(t, url, 'config_invalid', /^the database URL is not understood: write postgres:\/\//);
  }
});

test('a server that cannot be reached', async (t) => {
  const port = await listen(t, (socket) => socket.destroy());
  await fails(
    t,
    `postgres://u:s3cret@127.0.0.1:${port}/db`,
    'database_unreachable',
    /^cannot connect to 127\.0\.0\.1:\d+, database db, user u: the connection was lost/,
  );
  await fails(
    t,
    'postgres://u:s3cret@127.0.0.1:1/db',
    'database_unreachable',
    /^cannot connect to 127\.0\.0\.1:1, database db, user u: nothing listens there \(connect ECONNREFUSED/,
  );
  await fails(t, 'postgres://u:s3cret@%2Fnowhere/db', 'database_unreachable', /there is no such socket/);
  const noFile = 'postgres://u:s3cret@127.0.0.1:1/db?sslmode=verify-full&sslrootcert=/nowhere/ca.pem';
  await fails(t, noFile, 'database_unreachable', /there is no such file \(ENOENT.*\/nowhere\/ca\.pem/);
});

test('a server that does not answer', async (t) => {
  const port = await listen(t, () => {});
  await fails(t, `postgres://u:s3cret@127.0.0.1:${port}/db`, 'database_unreachable', /no answer in time/);
});

test('a server that is no PostgreSQL', async (t) => {
  const port = await listen(t, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await fails(
    t,
    `postgres://u:s3cret@127.0.0.1:${port}/db`,
    'database_unreachable',
    /the connection was lost/,
  );
});

test('a database that is missing', async (t) => {
  const { url } = await testDatabase(t);
  const missing = url.replace(/zeekway_test_\w+/, 'zeekway_missing');
  await fails(
    t,
    missing,
    'database_auth',
    /^cannot connect to .*"zeekway_missing" does not exist\): create it/,
  );
});

test('a server without TLS that is asked for it', async (t) => {
  const port = await listen(t, (socket) => socket.once('data', () => socket.write('N')));
  await fails(
    t,
    `postgres://u:s3cret@127.0.0.1:${port}/db?sslmode=verify-full`,
    'database_unreachable',
    /: the server offers no TLS: drop sslmode= from the URL$/,
  );
});

test('a server that is too old', async (t) => {
  const { db, url } = await testDatabase(t);
  // A function of the same name before PostgreSQL's own in the search path: the server claims to be another.
  await db.pool.query(`CREATE FUNCTION public.current_setting(text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE $1 WHEN 'server_version' THEN '13.14 (Debian)' ELSE '130014' END $$`);
  await fails(
    t,
    `${url}?options=-c%20search_path%3Dpublic%2Cpg_catalog`,
    'database_version',
    /^the database server is PostgreSQL 13\.14, zeekway needs 14 or later$/,
  );
});

test('errors of the server and whether they pass', async (t) => {
  const { db } = await testDatabase(t);
  const raise = async (state: string, message: string): Promise<ZeekwayError> => {
    const sql = `DO $$ BEGIN RAISE EXCEPTION '${message}' USING ERRCODE = '${state}'; END $$`;
    const error: unknown = await t.throwsAsync(db.pool.query(sql));
    return toDatabaseError(error, 'write');
  };
  for (const [state, code, transient, text] of [
    ['53100', 'database_failed', true, 'the disk of the database server is full'],
    ['53300', 'database_unreachable', true, 'the server has no free connection'],
    ['57P01', 'database_unreachable', true, 'the server closed the connection'],
    ['40P01', 'database_failed', true, 'oops'],
    ['40001', 'database_failed', true, 'oops'],
    ['28000', 'database_auth', false, 'the server lets this user or host not in'],
    ['42501', 'database_failed', false, 'oops'],
    ['22003', 'database_failed', false, 'oops'],
    ['23502', 'database_failed', false, 'oops'],
  ] as const) {
    const error = await raise(state, 'oops');
    t.is(error.code, code, state);
    t.is(isTransient(error), transient, state);
    t.true(error.message.startsWith(`cannot write: ${text}`), error.message);
  }
  t.is((await raise('22003', 'two\nlines')).message.includes('\n'), false);
  t.true((await raise('22003', 'oops')).message.includes('(SQLSTATE 22003)'));
});

test('errors of ours and of others pass as they are', (t) => {
  const ours = new ZeekwayError('row_rejected', 'no');
  t.is(toDatabaseError(ours, 'write'), ours);
  t.false(isTransient(ours));
  t.is(toDatabaseError('text', 'write').message, 'cannot write: text');
  t.false(isTransient(new Error('EPIPE is not in the message')));
});

/** An embedded server of its own, to do things to it. */
async function ownServer(
  t: ExecutionContext,
  log?: (line: string) => void,
): Promise<Database & { dir: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'zeekway-own-'));
  await chmod(dir, 0o755);
  const db = await openDatabase({ dataDir: dir, log });
  t.teardown(async () => {
    await db.close();
    await rm(dir, { recursive: true, force: true });
  });
  return { ...db, dir };
}

test('a wrong password, and none', async (t) => {
  const { pool, dir } = await ownServer(t);
  await pool.query("SET password_encryption = 'scram-sha-256'; CREATE ROLE guest LOGIN PASSWORD 'right'");
  const hba = join(dir, 'postgres', 'data', 'pg_hba.conf');
  await writeFile(hba, `local all guest scram-sha-256\n${await readFile(hba, 'utf8')}`);
  await pool.query('SELECT pg_reload_conf()');
  const host = encodeURIComponent(pool.options.host ?? '');
  const url = (user: string): string => `postgres://${user}@${host}/zeekway`;
  let opened: Database | undefined;
  for (let tries = 0; !opened && tries < 50; tries++) {
    opened = await openDatabase({ url: url('guest:right') }).catch(() => undefined);
  }
  await opened?.close();
  await fails(
    t,
    url('guest:s3cret'),
    'database_auth',
    /: wrong user or password \(password authentication failed/,
  );
  await fails(t, url('guest'), 'database_auth', /: the server wants a password and the URL has none$/);
  await fails(t, url('nobody:s3cret'), 'database_auth', /: the server lets this user or host not in \(role/);
});

const IDLE_LOST = 'cannot keep an idle database connection: ';

test('a server that is stopped while it is used', async (t) => {
  const lines: string[] = [];
  const { pool, dir } = await ownServer(t, (line) => lines.push(line));
  const idle = await pool.connect();
  const busy = pool.query('SELECT pg_sleep(60)');
  idle.release();
  const [pid] = (await readFile(join(dir, 'postgres', 'data', 'postmaster.pid'), 'utf8')).split('\n');
  process.kill(Number(pid), 'SIGINT');
  const error: unknown = await t.throwsAsync(busy);
  t.true(isTransient(error), String(error));
  t.is(toDatabaseError(error, 'sleep').code, 'database_unreachable');
  // The idle connection is lost at about the same time; a query that took it would get the error instead.
  await until('the idle connection is lost', () => lines.some((line) => line.startsWith(IDLE_LOST)));
  const later: unknown = await t.throwsAsync(pool.query('SELECT 1'));
  t.true(isTransient(later), String(later));
  t.regex(toDatabaseError(later, 'read').message, /^cannot read: /);
});
