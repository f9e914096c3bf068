import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { XPublisher } from 'zeromq';
import { nameFromBytes } from '../../src/codec/text.js';
import { vector } from '../../src/codec/value.js';
import { encodeValue } from '../../src/codec/value-binary.js';
import { encodeValueJson } from '../../src/codec/value-json.js';
import type { Database } from '../../src/storage/database.js';
import { readMessages } from '../../src/zeek/message.js';
import { Zeekway } from '../cli/cli.js';
import { ownDatabase } from '../support/database.js';
import { until } from '../support/endpoints.js';
import { recordedLogEvents } from '../support/log-events.js';
import { zeromqMessages } from '../support/recordings.js';
import { compareWithZeek } from '../support/stored-logs.js';
import { pusher, startProxy } from '../support/zeromq-cluster.js';

/*
 * A ZeroMQ cluster, as it was recorded, at work with a gateway: it is one of its loggers, and a node at its proxy.
 */

/** The node that the gateway is: one whose name the recorded manager sent something to. */
const NODE = 'worker-1';
const SUBSCRIBED = ['zeek.cluster.manager', 'zeek.cluster.worker'];
const wanted = [...SUBSCRIBED, `zeek.cluster.node.${NODE}.`];

/** A node that publishes at the proxy, and the topics that somebody there wants. */
function publisher(t: ExecutionContext, proxy: string) {
  const socket = new XPublisher({ linger: 0 });
  const topics = new Set<string>();
  socket.connect(`tcp://127.0.0.1:${new URL(proxy).searchParams.get('xsub')}`);
  const reading = (async () => {
    for await (const [part] of socket) if (part?.[0] === 1) topics.add(nameFromBytes(part, 1));
  })();
  t.teardown(async () => {
    socket.close();
    await reading;
  });
  return { socket, topics };
}

const events = zeromqMessages().filter(({ socket }) => socket === 'sub');
const batches = zeromqMessages().filter(({ socket }) => socket === 'pull');

/** Topic, name and arguments in one line that can be sorted; PostgreSQL has the members of objects in an order of its own. */
function line(topic: string, name: string, args: unknown): string {
  return JSON.stringify([topic, name, args], (_, value) =>
    typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}

const expectedEvents = events
  .flatMap(({ parts: [first, , , payload] }) => {
    const topic = nameFromBytes(first as Buffer);
    if (!wanted.some((prefix) => topic.startsWith(prefix))) return [];
    return readMessages(payload as Buffer).map((message) => {
      if (message.type !== 'event') throw new Error(`a ${message.type} in the recording`);
      const json = encodeValueJson(vector(message.event.args), { strings: 'escaped' });
      return line(topic, message.event.name, JSON.parse(String(json)).data);
    });
  })
  .sort();

async function storedEvents(db: Database): Promise<string[]> {
  const { rows } = await db.pool.query<{ topic: string; name: string; args: string }>(
    'SELECT topic, name, args::text AS args FROM zeekway.events',
  );
  return rows.map(({ topic, name, args }) => line(topic, name, JSON.parse(args))).sort();
}

/** How many records of logs a gateway has stored. */
async function committed(gateway: Zeekway): Promise<number> {
  const api = /API at (http:\/\/[^,]+),/.exec(gateway.err)?.[1] ?? '';
  const text = await (await fetch(`${api}/metrics`)).text();
  const rows = text.matchAll(/^zeekway_rows_committed_total\{path="(?!\()[^}]*\} (\d+)$/gm);
  return [...rows].reduce((sum, [, n]) => sum + Number(n), 0);
}

test('a gateway at a recorded cluster has its logs as Zeek wrote them, and each event once', async (t) => {
  const { db, url } = await ownDatabase(t);
  const proxy = await startProxy(t);
  const data = mkdtempSync(join(tmpdir(), 'zeekway-zeromq-'));
  const gateway = new Zeekway(t, [
    'serve',
    ...['--listen', 'zeromq-log://127.0.0.1:0', '--peer', proxy.url, '--node-name', NODE],
    ...SUBSCRIBED.flatMap((topic) => ['--subscribe', topic]),
    ...['--database', url, '--data', data, '--http', '127.0.0.1:0'],
  ]);
  await until('the API is up', () => gateway.err.includes('API at'), 30_000);
  const port = Number(/listening for peers at 127\.0\.0\.1:(\d+)/.exec(gateway.err)?.[1]);

  const { socket, topics } = publisher(t, proxy.url);
  const subscribed = [...wanted, 'zeekway/logs/'];
  await until('the subscriptions came', () => subscribed.every((topic) => topics.has(topic)));
  for (const { parts } of events) await socket.send([...parts]);
  const push = pusher(t, port);
  for (const { parts } of batches) await push.send([...parts]);

  const count = async (table: string): Promise<number> =>
    Number((await db.pool.query(`SELECT count(*) FROM zeekway.${table}`)).rows[0].count);
  await until(
    'all is stored',
    async () => (await committed(gateway)) >= 866 && (await count('events')) >= expectedEvents.length,
    30_000,
  );
  gateway.kill('SIGTERM');
  t.is((await gateway.end()).code, 0, gateway.err);
  t.is(await compareWithZeek(t, db, 'zeromq'), 866);
  t.deepEqual(await storedEvents(db), expectedEvents);
  t.is(await count('dead_letters'), 0, gateway.err);
  const { rows } = await db.pool.query<{ node: string }>(
    'SELECT DISTINCT s.node FROM logs.conn JOIN zeekway.sources s ON s.id = _source',
  );
  t.deepEqual(rows, [{ node: 'worker-1' }]);
});

test('logs that a node publishes as events are stored as Zeek wrote them', async (t) => {
  const { db, url } = await ownDatabase(t);
  const proxy = await startProxy(t);
  const data = mkdtempSync(join(tmpdir(), 'zeekway-zeromq-'));
  const gateway = new Zeekway(t, [
    'serve',
    ...['--peer', proxy.url, '--database', url, '--data', data, '--http', '127.0.0.1:0'],
  ]);
  await until('the API is up', () => gateway.err.includes('API at'), 30_000);
  const { socket, topics } = publisher(t, proxy.url);
  await until('the subscription came', () => topics.has('zeekway/logs/'), 30_000);
  for (const { topic, value } of recordedLogEvents('native-logs')) {
    await socket.send([topic, 'zeromq_worker-1_host_1_x', 'broker-bin-v1', encodeValue(value)]);
  }
  await until('all is stored', async () => (await committed(gateway)) >= 869, 30_000);
  gateway.kill('SIGTERM');
  t.is((await gateway.end()).code, 0, gateway.err);
  t.is(await compareWithZeek(t, db, 'native-logs', 'any'), 869);
  for (const table of ['events', 'dead_letters']) {
    const { rows } = await db.pool.query(`SELECT count(*)::int AS n FROM zeekway.${table}`);
    t.deepEqual(rows, [{ n: 0 }], gateway.err);
  }
});
