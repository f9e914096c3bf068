import { once } from 'node:events';
import { createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { Context, curveKeyPair, Push } from 'zeromq';
import { count, string } from '../../src/codec/value.js';
import { Endpoint, type EndpointOptions } from '../../src/peer/endpoint.js';
import type { PeerEvent } from '../../src/peer/status.js';
import { answerZap, z85Bytes } from '../../src/transport/zap.js';
import { until } from '../bridge/numbers.js';
import { zeromqMessages } from '../support/recordings.js';
import { curveEnvironment, logBatch, pusher, startProxy } from '../support/zeromq-cluster.js';

function open(t: ExecutionContext, options: EndpointOptions = {}): { endpoint: Endpoint; told: PeerEvent[] } {
  const endpoint = new Endpoint(options);
  const told: PeerEvent[] = [];
  endpoint.on('peer', (event) => told.push(event));
  t.teardown(() => endpoint.close());
  return { endpoint, told };
}

const isPeered = (endpoint: Endpoint): boolean => endpoint.peers().some(({ state }) => state === 'peered');

test('two nodes at one proxy: what one publishes the other receives, and not itself', async (t) => {
  const { url } = await startProxy(t);
  const [one, other] = [open(t), open(t)];
  const heard: string[] = [];
  one.endpoint.subscribe(['my.'], ({ topic }) => void heard.push(`one ${topic}`));
  other.endpoint.subscribe(['my.'], ({ topic, events, format, source }) => {
    const [event] = events;
    heard.push(`other ${topic} ${event?.name} ${format} ${source.transport}`);
    t.deepEqual(event?.args, [string('x'), count(5)]);
  });
  one.endpoint.peer(url);
  other.endpoint.peer(`${url}&format=broker-json-v1`);
  await until(t, () => isPeered(one.endpoint) && isPeered(other.endpoint));
  // The proxy may not have heard of the subscription yet: ZeroMQ drops what nobody wants.
  await until(t, () => {
    one.endpoint.publishEvent('my.topic.', 'hi', ['x', count(5)]);
    return heard.length > 0;
  });
  t.true(
    heard.every((line) => line === 'other my.topic. hi broker-bin-v1 zeromq'),
    heard.join(),
  );
  other.endpoint.publishEvent('my.back.', 'hi', ['x', count(5)]);
  await until(t, () => heard.includes('one my.back.'));
  await other.endpoint.unpeer(`${url}&format=broker-json-v1`);
  t.deepEqual(
    other.told.map(({ type, transport }) => [type, transport]),
    [
      ['peer_added', 'zeromq'],
      ['peer_removed', 'zeromq'],
    ],
  );
  t.deepEqual(other.endpoint.peers(), []);
});

test('nodes with names greet each other until both are up; a quiet one stays out of it', async (t) => {
  const { url } = await startProxy(t);
  const names = ['worker-1', 'manager'];
  const heard = new Map(names.map((name) => [name, [] as string[]]));
  for (const nodeName of names) {
    const { endpoint } = open(t, { nodeName });
    endpoint.subscribe(['zeek.cluster.nodeid.'], ({ topic, source, events }) => {
      if (!topic.includes(`zeromq_${nodeName}_`)) return;
      for (const { name, args } of events) {
        t.deepEqual(args[1], string(source.peer));
        const [from] = args;
        heard.get(nodeName)?.push(`${name} ${from?.type === 'string' ? from.value : ''}`);
      }
    });
    endpoint.peer(url);
  }
  const quiet = open(t, { nodeName: 'quiet' });
  quiet.endpoint.peer(`${url}&hello=no`);
  const both = (from: string): string[] => [
    `Cluster::Backend::ZeroMQ::hello ${from}`,
    `Cluster::hello ${from}`,
  ];
  await until(t, () =>
    names.every(
      (name) => (heard.get(name) ?? []).filter((line) => line.startsWith('Cluster::hello')).length > 0,
    ),
  );
  t.deepEqual([...new Set(heard.get('manager'))], both('worker-1'));
  t.deepEqual([...new Set(heard.get('worker-1'))], both('manager'));
});

test('a proxy that goes and comes back is told once each, and subscriptions hold', async (t) => {
  const first = await startProxy(t);
  const { endpoint, told } = open(t);
  endpoint.peer(first.url);
  await until(t, () => told.length === 1);
  first.stop();
  await until(t, () => told.some(({ type }) => type === 'peer_lost'));
  await until(t, () => told.some(({ type }) => type === 'peer_unavailable'));
  t.deepEqual(
    told.map(({ type }) => type),
    ['peer_added', 'peer_lost', 'peer_unavailable'],
  );
  t.is(told[2]?.error?.code, 'peer_unreachable');
  t.is(endpoint.publishEvent('x', 'x', []), 0);
});

test('a logger takes the batches of each node with its name', async (t) => {
  const { endpoint } = open(t);
  const { port } = await endpoint.listen('zeromq-log://127.0.0.1:0');
  const messages = endpoint.subscribe(['log-write']);
  const recorded = zeromqMessages().filter(({ socket }) => socket === 'pull');
  const push = pusher(t, port);
  for (const { parts } of recorded) await push.send([...parts]);
  for (const { parts } of recorded) {
    const { value } = await messages.next();
    t.deepEqual([value.topic, value.format], ['log-write', 'zeek-bin-serializer']);
    t.deepEqual(Buffer.from(value.payload), parts[3]);
    t.is(value.source.peer, parts[1]?.toString());
  }
  const senders = new Map(recorded.map(({ parts: [, id] }) => [String(id), String(id).split('_')[1]]));
  t.deepEqual(new Map(endpoint.peers().map(({ id, node }) => [id, node])) as Map<unknown, unknown>, senders);
  await push.send(['log-write', 'zeromq_w_h_1_x', 'no-such-format', 'x']);
  await until(t, () => endpoint.peers().some(({ ignoredFrames }) => ignoredFrames === 1));
});

test('a logger that is not read holds the batches back, and none is lost', async (t) => {
  const { endpoint } = open(t);
  const { port } = await endpoint.listen('zeromq-log://127.0.0.1:0');
  const messages = endpoint.subscribe(['log-write']);
  const push = pusher(t, port);
  const batches = 3_000;
  let sent = 0;
  const sending = (async () => {
    for (let number = 0; number < batches; number++) {
      const payload = Buffer.alloc(20_000);
      payload.writeUInt32BE(number);
      await push.send(logBatch('zeromq_worker_h_1_x', payload));
      sent += 1;
    }
  })();
  await until(t, () => messages.full);
  t.true(sent < batches);
  for (let number = 0; number < batches; number++) {
    const { value } = await messages.next();
    if (Buffer.from(value.payload).readUInt32BE() !== number) return t.fail(`${number} is missing`);
  }
  await sending;
  t.pass();
  return undefined;
});

/** Sets Zeek's variables for this test. */
function setCurve(t: ExecutionContext): (name: string) => string {
  const environment = curveEnvironment();
  Object.assign(process.env, environment);
  t.teardown(() => {
    for (const name of Object.keys(environment)) delete process.env[name];
  });
  return (name) => environment[`ZEEK_CLUSTER_BACKEND_ZEROMQ_CURVE_${name}`] ?? '';
}

test.serial(
  'CURVE: a node with the keys is let in at the proxy, one with another key is refused',
  async (t) => {
    const key = setCurve(t);
    const context = new Context();
    const zap = await answerZap(context, z85Bytes(key('CLIENT_PUBLICKEY')));
    t.teardown(() => zap.close());
    const { url } = await startProxy(t, {
      context,
      curveServer: true,
      curveSecretKey: key('SERVER_SECRETKEY'),
    });
    const right = open(t);
    right.endpoint.peer(url);
    const other = open(t);
    other.endpoint.peer(url);
    const heard = new Set<string>();
    for (const { endpoint } of [right, other]) {
      endpoint.subscribe(['my.'], ({ topic }) => void heard.add(topic));
    }
    await until(t, () => {
      right.endpoint.publishEvent('my.one.', 'hi', []);
      other.endpoint.publishEvent('my.other.', 'hi', []);
      return heard.size === 2;
    });
    const stranger = curveKeyPair();
    process.env['ZEEK_CLUSTER_BACKEND_ZEROMQ_CURVE_CLIENT_PUBLICKEY'] = stranger.publicKey;
    process.env['ZEEK_CLUSTER_BACKEND_ZEROMQ_CURVE_CLIENT_SECRETKEY'] = stranger.secretKey;
    const wrong = open(t);
    wrong.endpoint.peer(url);
    await until(t, () => wrong.told.some(({ error }) => error?.code === 'peer_curve_refused'));
    t.false(isPeered(wrong.endpoint));
    const none = open(t);
    none.endpoint.peer(`${url}&curve=off`);
    await until(t, () => none.told.length > 0);
    t.is(none.told[0]?.type, 'peer_unavailable');
    process.env['ZEEK_CLUSTER_BACKEND_ZEROMQ_CURVE_SERVER_PUBLICKEY'] = 'no key';
    const broken = open(t);
    broken.endpoint.peer(`${url}&curve=on`);
    await until(t, () => broken.told.length > 0);
    t.is(broken.told[0]?.error?.code, 'curve_keys_invalid');
  },
);

test.serial('CURVE: the one client key is let in, another one is not', async (t) => {
  const key = setCurve(t);
  const { endpoint, told } = open(t);
  const { port } = await endpoint.listen('zeromq-log://127.0.0.1:0');
  const messages = endpoint.subscribe(['log-write']);
  const curveServerKey = key('SERVER_PUBLICKEY');
  const stranger = curveKeyPair();
  const wrong = pusher(t, port, {
    curveServerKey,
    curvePublicKey: stranger.publicKey,
    curveSecretKey: stranger.secretKey,
  });
  const refused = new Promise<string>((resolve) => {
    wrong.events.on('handshake:error:auth', ({ error }) => resolve(error.message));
  });
  const right = pusher(t, port, {
    curveServerKey,
    curvePublicKey: key('CLIENT_PUBLICKEY'),
    curveSecretKey: key('CLIENT_SECRETKEY'),
  });
  const plain = new Push({ linger: 0, sendTimeout: 0 });
  t.teardown(() => plain.close());
  plain.connect(`tcp://127.0.0.1:${port}`);
  await right.send(logBatch('zeromq_right_h_1_x', Buffer.of(1)));
  t.is((await messages.next()).value.source.node, 'right');
  t.is(await refused, 'Authentication failure');
  await until(t, () =>
    told.some(({ error }) => error?.code === 'peer_curve_refused' || error?.code === 'peer_not_zeromq'),
  );
  t.is(messages.size, 0);
});

test('two loggers at free ports are two, and both ports are free when the endpoint is closed', async (t) => {
  const endpoint = new Endpoint();
  const ports = [
    (await endpoint.listen('zeromq-log://127.0.0.1:0')).port,
    (await endpoint.listen('zeromq-log://127.0.0.1:0')).port,
  ];
  t.is(new Set(ports).size, 2);
  await endpoint.close();
  for (const port of ports) await t.notThrowsAsync(boundAndFreed(port));
});

/** Takes a port for a moment. */
async function boundAndFreed(port: number): Promise<void> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}

test('an address that is in use, or no port, is told', async (t) => {
  const { endpoint } = open(t);
  const { port } = await endpoint.listen('zeromq-log://127.0.0.1:0');
  await t.throwsAsync(endpoint.listen(`zeromq-log://127.0.0.1:${port}`), { code: 'listen_failed' });
  t.throws(() => endpoint.peer('zeromq://127.0.0.1?xpub=0'), { code: 'endpoint_url_invalid' });
  t.throws(() => endpoint.peer('zeromq://127.0.0.1:5555'), {
    code: 'endpoint_url_invalid',
    message: /xpub=/,
  });
});
