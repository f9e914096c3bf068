import test, { type ExecutionContext } from 'ava';
import { decodeLogRecord } from '../../src/codec/log-record.js';
import type { LoadPlan } from '../../src/load/plan.js';
import { type RecordStream, streamsOf } from '../../src/load/records.js';
import { readSamples } from '../../src/load/samples.js';
import { LoadWorker, type SentMessage, type WorkerOptions } from '../../src/load/worker.js';
import { Endpoint } from '../../src/peer/endpoint.js';
import type { Message } from '../../src/peer/message.js';
import type { LogItem } from '../../src/zeek/item.js';
import { LISTEN, testEndpoint, until, urlOf } from '../support/endpoints.js';
import { liveItems } from '../support/live-items.js';
import { loadPlan } from './plan.js';

const samples = await readSamples();

function testWorker(
  t: ExecutionContext,
  url: string,
  options: Partial<WorkerOptions> = {},
): { worker: LoadWorker; streams: RecordStream[] } {
  const plan: LoadPlan = options.plan ?? loadPlan();
  const worker = new LoadWorker({ plan, worker: 0, samples, url, ...options });
  t.teardown(() => worker.stop());
  return { worker, streams: streamsOf(plan, options.worker ?? 0, samples) };
}

/** A gateway as far as the worker can tell: what it gets, in items. */
async function testGateway(t: ExecutionContext) {
  const { endpoint, events } = testEndpoint(t, { nodeName: 'logger-1' });
  const messages = endpoint.subscribe(['zeek/logs/', `zeek/cluster/nodeid/${endpoint.id}/`]);
  const url = urlOf(await endpoint.listen(LISTEN));
  return { endpoint, events, messages, url };
}

/** Takes all that comes. */
function collect(messages: AsyncIterable<Message>): LogItem[] {
  const logs: LogItem[] = [];
  void (async () => {
    for await (const items of liveItems(messages)) {
      for (const item of items) if (item.kind === 'log') logs.push(item);
    }
  })();
  return logs;
}

/** Whether these are the records of the stream from 0 on, each once and in order. */
function isStream(t: ExecutionContext, stream: RecordStream, logs: readonly LogItem[], end: number): void {
  const own = logs.filter(({ schema }) => schema.path === stream.log);
  t.is(own.length, end, stream.log);
  const wrong = own.findIndex(({ serial }, number) => !stream.encode(number).equals(serial));
  t.is(wrong, -1, `${stream.log}: record ${wrong}`);
  t.deepEqual(own[0]?.schema.fields, stream.schema.fields);
}

test('a worker peers as Zeek does, announces, and all of its records come, each once and in order', async (t) => {
  const { endpoint, events, messages, url } = await testGateway(t);
  const logs = collect(messages);
  const told: SentMessage[] = [];
  const { worker, streams } = testWorker(t, url, { onSent: (message) => told.push(message) });
  await worker.connect();
  await until('it said its name', () => endpoint.peers()[0]?.node === 'worker-1');
  t.is(logs.length, 0);
  await worker.begin();
  const all = streams.reduce((sum, { target }) => sum + target, 0);
  t.is(all, 5_000);
  await until('all came', () => logs.length >= all);
  for (const stream of streams) isStream(t, stream, logs, stream.target);
  t.deepEqual(
    worker.sent,
    streams.map(({ log, target }) => ({ log, worker: 0, end: target, cuts: [] })),
  );
  t.is(
    told.reduce((sum, { records }) => sum + records, 0),
    all,
  );
  t.true(told.every(({ records }) => records <= 400));
  await worker.unpeer();
  await until('it left', () => events.length === 2);
  t.is(events[1]?.error?.message, 'the peer unpeered');
});

test('a receiver that does not read stops the worker, and its memory', async (t) => {
  const { messages, url } = await testGateway(t);
  const { worker } = testWorker(t, url, { plan: loadPlan({ workers: 1, records: 500_000_000 }) });
  await worker.connect();
  const sent = (): number => worker.sent.reduce((sum, { end }) => sum + end, 0);
  const before = process.memoryUsage().arrayBuffers;
  void worker.begin();
  await until('the receiver is full', () => messages.full);
  // What the system's own buffers hold.
  let last = -1;
  while (sent() !== last) {
    last = sent();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  t.true(last < 500_000, `${last} records were sent`);
  // The receiver's queue is here, too: 16 MiB and the chunks that they lie in.
  const grown = process.memoryUsage().arrayBuffers - before;
  t.true(grown < 64 * 1024 * 1024, `${grown} bytes`);
  const logs = collect(messages);
  await until('it goes on', () => sent() > last && logs.length > last);
});

test('a worker that is cut off comes back and goes on, and tells where', async (t) => {
  const { events, messages, url } = await testGateway(t);
  const logs = collect(messages);
  const plan = loadPlan({ workers: 1, records: 20_000 });
  const { worker, streams } = testWorker(t, url, { plan, rate: 20_000 });
  await worker.connect();
  const done = worker.begin();
  await until('some came', () => logs.length > 0);
  worker.cut();
  await done;
  await until('it came back', () => events.length === 3);
  t.deepEqual(
    events.map(({ type }) => type),
    ['peer_added', 'peer_lost', 'peer_added'],
  );
  for (const stream of streams) {
    const sent = worker.sent.find(({ log }) => log === stream.log);
    t.is(sent?.end, stream.target);
    t.is(sent?.cuts.length, 1);
    const cut = sent?.cuts[0] ?? 0;
    const numbers = (): number[] => numbersOf(stream, logs);
    await until('the last came', () => numbers().at(-1) === stream.target - 1);
    const came = numbers();
    const lost = came.findIndex((number, index) => number !== index);
    // Before the cut some may be missing, behind it none.
    const before = lost === -1 ? cut : lost;
    t.true(before <= cut);
    t.deepEqual(came, [...range(0, before), ...range(cut, stream.target)]);
  }
});

const range = (first: number, end: number): number[] =>
  Array.from({ length: end - first }, (_, index) => first + index);

/** The numbers in the UIDs of a log's records, as they came. */
const numbersOf = (stream: RecordStream, logs: readonly LogItem[]): number[] =>
  logs
    .filter(({ schema }) => schema.path === stream.log)
    .map(({ serial }) => {
      const uid = decodeLogRecord(serial)[1];
      const text = uid && 'value' in uid ? String(uid.value) : '';
      return Number([...text.slice(1, 10)].reverse().join(''));
    });

test('with a rate it takes its time, and small parts do not wait for a full message', async (t) => {
  const { messages, url } = await testGateway(t);
  const logs = collect(messages);
  const { worker } = testWorker(t, url, { plan: loadPlan({ workers: 1, records: 300 }), rate: 200 });
  await worker.connect();
  const begun = performance.now();
  void worker.begin();
  await until('the first came', () => logs.length > 0);
  // The last of them are due after 1.5 s; the first go when they are a second old.
  t.true(performance.now() - begun > 900);
  t.true(logs.length < 300);
  await until('all came', () => logs.length === 300);
  t.true(performance.now() - begun > 1_400);
});

test('a peer that wants no logs gets none', async (t) => {
  const { endpoint } = testEndpoint(t);
  const messages: Message[] = [];
  endpoint.subscribe(['zeek/event/'], (message) => void messages.push(message));
  const { worker } = testWorker(t, urlOf(await endpoint.listen(LISTEN)));
  void worker.connect();
  void worker.begin();
  await until('it says so', () => String(worker.failure).includes('takes no logs'));
  t.is(worker.sent[0]?.end, 0);
  t.is(messages.length, 0);
});

test('a gateway that comes late is found', async (t) => {
  const { endpoint } = testEndpoint(t);
  const { port, close } = await endpoint.listen(LISTEN);
  await close();
  const { worker } = testWorker(t, urlOf({ port }));
  const peered = worker.connect();
  await until('it failed', () => worker.failure !== undefined);
  const late = new Endpoint();
  t.teardown(() => late.close());
  const logs = collect(late.subscribe(['zeek/logs/']));
  await late.listen(`broker://127.0.0.1:${port}?tls=off`);
  await peered;
  await worker.begin();
  await until('all came', () => logs.length >= 5_000);
  t.is(logs.length, 5_000);
});
