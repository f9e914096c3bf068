import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { curveKeyPair, Pull } from 'zeromq';
import { Endpoint } from '../../src/peer/endpoint.js';
import { readZeroMqMessage } from '../../src/protocol/zeromq/messages.js';
import { Relay, type RelayedBatch } from '../../src/relay/relay.js';
import { curveKeys } from '../../src/transport/curve.js';
import { until } from '../bridge/numbers.js';
import { systemClock } from '../bridge/support.js';
import { spoolFolder } from '../spool/support.js';
import { silentLogger } from '../support/logger.js';
import { curveEnvironment, logBatch, pusher } from '../support/zeromq-cluster.js';

/** A free port of this machine, where a logger may be later. */
async function freePort(): Promise<string> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return `tcp://127.0.0.1:${port}`;
}

/** A site's own logger: the numbers of the batches that it gets. */
async function logger(
  t: ExecutionContext,
  at = 'tcp://127.0.0.1:*',
  curve: object = {},
): Promise<{ got: number[]; address: string; pull: Pull }> {
  const pull = new Pull({ linger: 0, ...curve });
  t.teardown(() => pull.close());
  await pull.bind(at);
  const got: number[] = [];
  void (async () => {
    for await (const parts of pull) {
      const message = readZeroMqMessage(parts);
      if (!('payload' in message)) throw new Error('a subscription came');
      t.is(message.sender, 'zeromq_worker_h_1_x');
      got.push(Buffer.from(message.payload).readUInt32BE());
    }
  })();
  return { got, address: pull.lastEndpoint ?? '', pull };
}

/** Resolves when a logger has turned somebody away. */
const refusal = (pull: Pull): Promise<void> =>
  new Promise((resolve) => pull.events.on('handshake:error:protocol', () => resolve()));

const numbered = (number: number): Buffer => {
  const payload = Buffer.alloc(1_000);
  payload.writeUInt32BE(number);
  return payload;
};

const relayed = (number: number): RelayedBatch => ({
  source: { peer: 'zeromq_worker_h_1_x' },
  payload: numbered(number),
  format: 'zeek-bin-serializer',
  received: 0n,
});

const range = (size: number): number[] => Array.from({ length: size }, (_, index) => index);

test.serial(
  'what nodes push comes to the loggers, also what came while they were away, over a restart',
  async (t) => {
    const [data, address] = [await spoolFolder(t), await freePort()];
    const endpoint = new Endpoint();
    t.teardown(() => endpoint.close());
    const { port } = await endpoint.listen('zeromq-log://127.0.0.1:0');
    const options = {
      loggers: [address],
      data,
      curve: undefined,
      logger: silentLogger,
      clock: systemClock,
    };
    const push = pusher(t, port);
    const first = await Relay.start(options);
    const batches = endpoint.subscribe(['log-write']);
    const taking = first.take(batches);
    for (const number of range(500)) await push.send(logBatch('zeromq_worker_h_1_x', numbered(number)));
    await until(t, () => first.status.entries === 500 && first.status.unsyncedBytes === 0);
    t.is(first.status.sent, 0);
    batches.cancel();
    await first.close();
    await taking;

    const second = await Relay.start(options);
    t.teardown(() => second.close());
    const site = await logger(t, address);
    await until(t, () => site.got.length === 500);
    t.deepEqual(site.got, range(500));
    void second.take(endpoint.subscribe(['log-write']));
    for (const number of range(100)) await push.send(logBatch('zeromq_worker_h_1_x', numbered(number)));
    await until(t, () => site.got.length === 600);
    t.deepEqual(site.got.slice(500), range(100));
    await until(t, () => second.status.entries === 0);
  },
);

test.serial('batches are dealt out among the loggers', async (t) => {
  const sites = [await logger(t), await logger(t)];
  const relay = await Relay.start({
    loggers: sites.map(({ address }) => address),
    data: await spoolFolder(t),
    curve: undefined,
    logger: silentLogger,
    clock: systemClock,
  });
  t.teardown(() => relay.close());
  async function* batches() {
    for (const number of range(200)) {
      yield relayed(number);
      // Both loggers are connected when the rest comes.
      if (number === 0) await until(t, () => sites.some(({ got }) => got.length === 1));
    }
  }
  await relay.take(batches());
  await until(t, () => sites.flatMap(({ got }) => got).length === 200);
  t.deepEqual(
    sites.flatMap(({ got }) => got).sort((a, b) => a - b),
    range(200),
  );
});

test.serial(
  'CURVE: a logger with the keys of the cluster gets the batches, others get nothing',
  async (t) => {
    const environment = curveEnvironment();
    const curve = curveKeys('on', 'connect', environment);
    const serverKey = environment['ZEEK_CLUSTER_BACKEND_ZEROMQ_CURVE_SERVER_SECRETKEY'];
    const stranger = await logger(t, undefined, {
      curveServer: true,
      curveSecretKey: curveKeyPair().secretKey,
    });
    const plain = await logger(t);
    const right = await logger(t, undefined, { curveServer: true, curveSecretKey: serverKey });
    const options = { data: await spoolFolder(t), curve, logger: silentLogger, clock: systemClock };
    const loggers = [stranger, plain, right].map(({ address }) => address);
    const refused = Promise.all([stranger, plain].map(({ pull }) => refusal(pull)));
    const relay = await Relay.start({ ...options, loggers });
    t.teardown(() => relay.close());
    async function* batches() {
      for (const number of range(100)) yield relayed(number);
    }
    await relay.take(batches());
    await until(t, () => right.got.length === 100);
    t.deepEqual(right.got, range(100));
    await refused;
    t.is(stranger.got.length + plain.got.length, 0);
  },
);
