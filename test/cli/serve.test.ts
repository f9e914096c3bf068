import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import pg from 'pg';
import { encodeLogRecord, type LogField, type LogValue } from '../../src/codec/log-record.js';
import { count } from '../../src/codec/value.js';
import { openDatabase } from '../../src/storage/database.js';
import { batchMessage, logCreateMessage, logWriteMessage } from '../../src/zeek/message.js';
import { eventOf, subscriber } from '../door/support.js';
import { ownDatabase } from '../support/database.js';
import { testEndpoint, until } from '../support/endpoints.js';
import { Zeekway } from './cli.js';

const fields: LogField[] = [
  { name: 'ts', type: 'time', subtype: 'error', optional: false },
  { name: 'uid', type: 'string', subtype: 'error', optional: false },
  { name: 'bytes', type: 'count', subtype: 'error', optional: true },
];
const schema = { stream: 'Test::LOG', writer: 'Log::WRITER_ASCII', path: 'test', fields };

const record = (index: number): Uint8Array => {
  const values: LogValue[] = [
    { type: 'time', value: 1_700_000_000 + index },
    { type: 'string', value: `C${index}` },
    { type: 'count', value: 2n ** 64n - 1n - BigInt(index) },
  ];
  return encodeLogRecord(values);
};

/** A Zeek node, as far as its peers can tell, and a gateway that dials it and listens for others. */
async function setUp(t: ExecutionContext) {
  const { url } = await ownDatabase(t);
  const worker = testEndpoint(t, { nodeName: 'worker-1' });
  const { port } = await worker.endpoint.listen('broker://127.0.0.1:0');
  const data = mkdtempSync(join(tmpdir(), 'zeekway-serve-'));
  const options = ['--peer', `broker://127.0.0.1:${port}`, '--listen', 'broker://127.0.0.1:0?tls=off'];
  const where = ['--database', url, '--data', data, '--http', '127.0.0.1:0', '--node-name', 'logger-1'];
  const gateway = new Zeekway(t, ['serve', ...options, ...where, '--subscribe', 'zeek/event/']);
  await until('the API is up', () => gateway.err.includes('API at'), 30_000);
  await until('the gateway has peered', () => worker.events.length === 1);
  const api = /API at (http:\/\/[^,]+),/.exec(gateway.err)?.[1] ?? '';
  // biome-ignore lint/suspicious/noExplicitAny: the API's answers are checked field by field.
  const get = async (path: string): Promise<any> => (await fetch(`${api}${path}`)).json();
  return { worker: worker.endpoint, events: worker.events, gateway, get, api, data, url };
}

test.serial('live logs and events come out of the API, and Ctrl-C leaves in order', async (t) => {
  const { worker, events, gateway, get, api, data } = await setUp(t);
  const gatewayId = readFileSync(join(data, 'endpoint-id'), 'utf8').trim();
  t.is(events[0]?.peer, gatewayId);
  await until('the hello came', () => worker.peers()[0]?.node === 'logger-1');
  t.true(worker.peers()[0]?.filter.includes('zeek/cluster/node/logger-1/'));

  t.is(worker.publish('zeek/logs/Test::LOG', logCreateMessage(schema)), 1);
  const writes = Array.from({ length: 400 }, (_, index) => logWriteMessage(schema, record(index)));
  t.is(worker.publish('zeek/logs/Test::LOG', batchMessage(writes)), 1);
  const other = { ...schema, stream: 'Other::LOG', path: 'other' };
  t.is(worker.publish('zeek/logs/Other::LOG', logWriteMessage(other, record(0))), 1);
  t.is(worker.publishEvent('zeek/event/x', 'Test::event', [count(2n ** 63n)]), 1);
  await new Promise((resolve) => setTimeout(resolve, 1_000));

  const logs = await get('/v1/logs/test?uid=C7');
  t.is(logs.rows.length, 1);
  t.like(logs.rows[0], { ts: '2023-11-14T22:13:27.000000Z', uid: 'C7', bytes: String(2n ** 64n - 8n) });
  t.like(logs.rows[0]._source, { kind: 'live', peer: worker.id, node: 'worker-1' });
  const { events: stored } = await get('/v1/events?name=Test::event');
  t.like(stored[0], { name: 'Test::event', topic: 'zeek/event/x' });
  t.deepEqual(stored[0].args, [{ '@data-type': 'count', data: String(2n ** 63n) }]);
  const letters = await get('/v1/dead-letters');
  t.like(letters.deadLetters[0], { code: 'log_without_schema' });
  t.is(worker.publish('zeek/logs/Other::LOG', logCreateMessage(other)), 1);
  const retry = async (): Promise<Record<string, unknown>> => {
    const answer = await fetch(`${api}/v1/dead-letters/retry?to=now`, { method: 'POST' });
    return (await answer.json()) as Record<string, unknown>;
  };
  let retried = await retry();
  // Until the announcement, too, has arrived.
  for (let tries = 0; retried['stored'] === 0 && tries < 100; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    retried = await retry();
  }
  t.like(retried, { stored: 1, failed: 0 });
  t.like((await get('/v1/logs/other')).rows[0], { uid: 'C0', _source: { peer: worker.id } });
  const { peers } = await get('/v1/peers');
  t.like(peers[0], { id: worker.id, node: 'worker-1', state: 'peered', direction: 'out' });
  t.is((await fetch(`${api}/readyz`)).status, 200);
  const { streams } = await get('/v1/ingest');
  const conn = streams.find(({ path }: { path: string }) => path === 'test');
  t.like(conn, { peer: worker.id, node: 'worker-1', stream: 'Test::LOG', records: 400 });
  t.is(
    conn.bytes,
    writes.reduce((sum, _, index) => sum + record(index).length, 0),
  );
  t.true(conn.age >= 0 && conn.age < 600);
  const metrics = await (await fetch(`${api}/metrics`)).text();
  t.regex(metrics, /^zeekway_rows_committed_total\{path="test",peer="worker-1"\} 400$/m);
  t.regex(metrics, /^zeekway_spool_up 1$/m);

  worker.publish('zeek/logs/Test::LOG', logWriteMessage(schema, record(1000)));
  gateway.kill('SIGINT');
  const { code, err } = await gateway.end();
  t.is(code, 0, err);
  t.regex(err, /stopped/);
  await until('the gateway left', () => events.length === 2);
  t.is(events[1]?.type, 'peer_lost');
  t.regex(events[1]?.error?.message ?? '', /the peer unpeered/);
});

test.serial(
  'a WebSocket client gets what Zeek publishes, and may not publish unless it was said',
  async (t) => {
    const { worker, get, api, gateway } = await setUp(t);
    const client = await subscriber(t, `${api.replace('http', 'ws')}/v1/messages/json`, ['site/']);
    await until('Zeek knows', () => worker.peers()[0]?.filter.includes('site/') === true);
    worker.publishEvent('site/x', 'Test::event', ['hi']);
    await client.has(2);
    t.deepEqual(eventOf(client.told[1]), ['Test::event', 'hi']);
    client.socket.send(client.frames[1] ?? '', { binary: false });
    await client.has(3);
    t.like(client.told[2], { type: 'error', code: 'no_permission' });
    t.like((await get('/v1/clients')).clients[0], { name: 'anonymous', topics: ['site/'], sent: 1 });
    const metrics = await (await fetch(`${api}/metrics`)).text();
    t.regex(metrics, /^zeekway_door_clients 1$/m);
    gateway.kill('SIGINT');
    t.is((await gateway.end()).code, 0);
    await until('the client was told', () => client.closed?.code === 1001);
  },
);

test.serial(
  'what was taken while the database did not take it survives SIGKILL, and is stored once',
  async (t) => {
    const { worker, gateway, data, url } = await setUp(t);
    worker.publish('zeek/logs/Test::LOG', logCreateMessage(schema));
    const db = await openDatabase({ url });
    t.teardown(() => db.close());
    const stored = async (): Promise<number> => {
      const { rows } = await db.pool.query("SELECT to_regclass('logs.test') IS NOT NULL AS there");
      if (!rows[0].there) return -1;
      return Number((await db.pool.query('SELECT count(*) FROM logs.test')).rows[0].count);
    };
    await until('the table is there', async () => (await stored()) === 0);
    const lock = await db.pool.connect();
    await lock.query('BEGIN; LOCK TABLE logs.test IN ACCESS EXCLUSIVE MODE');
    for (let index = 0; index < 1_000; index++) {
      worker.publish('zeek/logs/Test::LOG', logWriteMessage(schema, record(index)));
    }
    const api = /API at (http:\/\/[^,]+),/.exec(gateway.err)?.[1] ?? '';
    const durable = /^zeekway_spool_durable_entries_total (\d+)$/m;
    await until('all is in the spool', async () => {
      const [, entries] = durable.exec(await (await fetch(`${api}/metrics`)).text()) ?? [];
      return Number(entries) >= 1_002;
    });
    gateway.kill('SIGKILL');
    await gateway.end();
    await lock.query('COMMIT');
    lock.release();
    t.is(await stored(), 0);
    const again = new Zeekway(t, ['serve', '--database', url, '--data', data, '--http', '127.0.0.1:0']);
    await until('it is stored', async () => (await stored()) === 1_000, 30_000);
    t.regex(again.err, /writing what the spool has from the last run/);
    again.kill('SIGTERM');
    t.is((await again.end()).code, 0, again.err);
    t.is(await stored(), 1_000);
    const { rows } = await db.pool.query('SELECT count(DISTINCT uid)::int AS uids FROM logs.test');
    t.deepEqual(rows, [{ uids: 1_000 }]);
  },
);

/** A way to a database that is closed until it is opened. */
async function closedWay(t: ExecutionContext, url: string): Promise<{ url: string; open: () => void }> {
  let isOpen = false;
  const { host, port, user, password, database } = new pg.Client({ connectionString: url });
  const way = net.createServer((socket) => {
    socket.on('error', () => {});
    if (!isOpen) return void socket.destroy();
    const onward = host.startsWith('/')
      ? net.connect(join(host, `.s.PGSQL.${port}`))
      : net.connect(port, host);
    onward.on('error', () => socket.destroy());
    socket.on('close', () => onward.destroy());
    socket.pipe(onward).pipe(socket);
  });
  way.listen(0, '127.0.0.1');
  await once(way, 'listening');
  t.teardown(() => way.close());
  const closed = new URL('postgres://127.0.0.1');
  Object.assign(closed, { port: (way.address() as net.AddressInfo).port, pathname: `/${database}` });
  Object.assign(closed, { username: user ?? '', password: password ?? '' });
  const open = (): void => {
    isOpen = true;
  };
  return { url: closed.href, open };
}

test.serial('a gateway starts and takes what comes while the database is away', async (t) => {
  const { url } = await ownDatabase(t);
  const way = await closedWay(t, url);
  const worker = testEndpoint(t, { nodeName: 'worker-1' });
  const { port } = await worker.endpoint.listen('broker://127.0.0.1:0');
  const data = mkdtempSync(join(tmpdir(), 'zeekway-serve-'));
  const args = ['--peer', `broker://127.0.0.1:${port}`, '--data', data, '--http', '127.0.0.1:0'];
  const gateway = new Zeekway(t, ['serve', ...args, '--database', way.url]);
  await until('the gateway has peered', () => worker.events.length === 1, 30_000);
  // Without a name it is no node of the cluster, and says no hello; it listens to those of others.
  const [{ filter = [], node } = {}] = worker.endpoint.peers();
  t.is(node, undefined);
  t.deepEqual(
    filter.map((topic) => topic.replace(/nodeid\/.*/, 'nodeid/')),
    ['zeek/cluster/nodeid/', 'zeek/logs/', 'zeekway/logs/'],
  );
  t.regex(gateway.err, /cannot connect to 127\.0\.0\.1:\d+, database .*\[database_unreachable\]/);
  worker.endpoint.publish('zeek/logs/Test::LOG', logCreateMessage(schema));
  worker.endpoint.publish('zeek/logs/Test::LOG', logWriteMessage(schema, record(1)));
  const api = /API at (http:\/\/[^,]+),/.exec(gateway.err)?.[1] ?? '';
  const ready = await fetch(`${api}/readyz`);
  t.is(ready.status, 503);
  t.regex(await ready.text(), /"writing","ok":false,"detail":"retrying since/);
  t.is((await fetch(`${api}/v1/logs`)).status, 503);
  way.open();
  const db = await openDatabase({ url });
  t.teardown(() => db.close());
  await until(
    'it is stored',
    async () => {
      const { rows } = await db.pool.query("SELECT to_regclass('logs.test') IS NOT NULL AS there");
      return rows[0].there && (await db.pool.query('SELECT uid FROM logs.test')).rows.length === 1;
    },
    30_000,
  );
  t.is((await fetch(`${api}/readyz`)).status, 200);
});

test.serial('a second start keeps the endpoint ID', async (t) => {
  const { gateway, data, worker, events } = await setUp(t);
  const before = readFileSync(join(data, 'endpoint-id'), 'utf8');
  gateway.kill('SIGTERM');
  t.is((await gateway.end()).code, 0);
  await until('the gateway left', () => events.length === 2);
  const { port } = await worker.listen('broker://127.0.0.1:0');
  const { url } = await ownDatabase(t);
  new Zeekway(t, [
    'serve',
    '--peer',
    `broker://127.0.0.1:${port}`,
    '--database',
    url,
    '--data',
    data,
    '--http',
    '127.0.0.1:0',
  ]);
  await until('it is back', () => events.length === 3, 30_000);
  t.is(`${events[2]?.peer}\n`, before);
});
