import test, { type ExecutionContext } from 'ava';
import { Address } from '../../src/codec/address.js';
import { count, equals, integer, string, table, type Value, vector } from '../../src/codec/value.js';
import type { Endpoint } from '../../src/peer/endpoint.js';
import type { StoreBackend, StoreChange } from '../../src/store/backend.js';
import type { Store } from '../../src/store/store.js';
import { printNotation } from '../../src/zeek/notation/print.js';
import { LISTEN, testEndpoint, until, urlOf } from '../support/endpoints.js';

/** The machine may be busy with other tests. */
const PATIENT = { waitMs: 60_000 };

const shown = async (store: Store): Promise<string[]> =>
  (await store.entries()).map(({ key, value }) => `${printNotation(key)} = ${printNotation(value)}`).sort();

/** A master's endpoint and one that is peered with it. */
async function joined(t: ExecutionContext): Promise<{ server: Endpoint; client: Endpoint; url: string }> {
  const server = testEndpoint(t);
  const client = testEndpoint(t);
  const url = urlOf(await server.endpoint.listen(LISTEN));
  client.endpoint.peer(url);
  await until('both peered', () => server.events.length === 1 && client.events.length === 1);
  return { server: server.endpoint, client: client.endpoint, url };
}

const idle = (...stores: Store[]): Promise<void> =>
  until('all stores are idle', () => stores.every(({ isIdle }) => isIdle));

test('a clone reads the content of a master elsewhere, and each kind of write comes back', async (t) => {
  const { server, client } = await joined(t);
  const master = await server.attachMaster('hosts');
  await master.put(Address.parse('192.0.2.1'), 'printer');
  const clone = await client.attachClone('hosts', PATIENT);
  t.deepEqual(await clone.get(Address.parse('192.0.2.1')), string('printer'));
  t.is(await clone.get('nobody'), undefined);

  await clone.put('n', count(5));
  await clone.increment('n', count(2));
  await clone.decrement('n', count(1));
  await clone.increment('new', integer(-3n));
  await clone.append('text', 'ab');
  await clone.append('text', Uint8Array.of(0xff));
  await clone.insertIntoSet('set', 1n);
  await clone.insertIntoSet('set', 2n);
  await clone.removeFrom('set', 1n);
  await clone.insertIntoTable('table', 'a', 1n);
  await clone.insertIntoTable('table', 'b', 2n);
  await clone.removeFrom('table', 'a');
  await clone.push('vector', true);
  await clone.push('vector', false);
  await clone.pop('vector');
  t.true(await clone.putUnique('unique', 'mine'));
  t.false(await clone.putUnique('unique', 'again'));
  await clone.erase(Address.parse('192.0.2.1'));
  const expected = [
    '"n" = 6',
    '"new" = -3',
    '"set" = {+2}',
    '"table" = {"b" = +2}',
    '"text" = "ab\\xff"',
    '"unique" = "mine"',
    '"vector" = [T]',
  ];
  const content = await shown(master);
  t.deepEqual(content.length, expected.length);
  await idle(master, clone);
  t.deepEqual(await shown(clone), content);
  t.deepEqual((await clone.keys()).length, expected.length);
  t.deepEqual(await clone.getElement('set', 2n), { type: 'boolean', value: true });
  t.deepEqual(await clone.getElement('table', 'b'), integer(2n));
  t.is(await clone.getElement('vector', count(7)), undefined);
  await t.throwsAsync(clone.getElement('n', 1n), { code: 'store_type_clash' });
  t.true(equals((await master.get('table')) as Value, table([['b', 2n]])));
  t.deepEqual(await master.get('vector'), vector([true]));
  await clone.clear();
  t.deepEqual(await shown(master), []);
});

test('changes come as an async iterator and by a callback, with who made them', async (t) => {
  const { server, client } = await joined(t);
  const master = await server.attachMaster('s');
  await master.put('old', 1n);
  const clone = await client.attachClone('s', PATIENT);
  const seen: string[] = [];
  clone.on('change', ({ type, key }) => seen.push(`${type} ${printNotation(key)}`));
  const feed = clone.changes();
  await master.put('a', 1n);
  await master.put('a', 2n, { expiry: 200_000_000n });
  const types: string[] = [];
  for await (const change of feed) {
    types.push(change.type);
    if (change.type === 'update') t.is(change.publisher.endpoint, server.id);
    if (change.type === 'expire') break;
  }
  t.deepEqual(types, ['insert', 'update', 'expire']);
  t.deepEqual(seen, ['insert "a"', 'update "a"', 'expire "a"']);
  t.deepEqual(await shown(clone), ['"old" = +1']);
});

test('one who does not take the changes is told how many he missed', async (t) => {
  const { endpoint } = testEndpoint(t);
  const master = await endpoint.attachMaster('s');
  const feed = master.changes();
  for (let index = 0; index < 10_003; index++) void master.put('k', count(index));
  await idle(master);
  let last: unknown;
  for (let index = 0; index <= 10_000; index++) last = (await feed.next()).value;
  t.deepEqual(last, { type: 'gap', missed: 3 });
});

test('a clone without a master says so; it attaches when one comes', async (t) => {
  const server = testEndpoint(t);
  const { endpoint: client } = testEndpoint(t);
  await t.throwsAsync(client.attachClone('s', { waitMs: 150 }), { code: 'store_no_master' });
  t.is(client.store('s'), undefined);
  const clone = await client.attachClone('s', { waitMs: 0 });
  const write = clone.put('early', 1n);
  client.peer(urlOf(await server.endpoint.listen(LISTEN)));
  const master = await server.endpoint.attachMaster('s');
  await write;
  t.deepEqual(await shown(master), ['"early" = +1']);
  t.like(clone.status(), { role: 'clone', state: 'ready', entries: 1, pending: 0 });
});

test('a master of a store that a peer has already is refused, and a name twice', async (t) => {
  const { server, client } = await joined(t);
  await server.attachMaster('s');
  await until('the peer knows', async () => {
    const error = await client.attachMaster('s').then(
      () => undefined,
      ({ code }) => code,
    );
    if (error === undefined) await client.detachStore('s');
    return error === 'store_exists';
  });
  await t.throwsAsync(server.attachMaster('s'), { code: 'store_exists' });
  await t.throwsAsync(server.attachClone('s'), { code: 'store_exists' });
  await t.throwsAsync(server.attachMaster(''), { code: 'store_name_invalid' });
});

/** Keeps all in memory beyond the life of its master, and fails when it is told to. */
class TestBackend implements StoreBackend {
  readonly commits: (readonly StoreChange[])[] = [];
  isFailing = false;
  private position: Uint8Array | undefined;

  async load(entry: Parameters<StoreBackend['load']>[0]): Promise<Uint8Array | undefined> {
    for (const change of this.commits.flat()) if (change.type === 'put') entry(change);
    return this.position;
  }

  async commit(changes: readonly StoreChange[], position: Uint8Array): Promise<void> {
    if (this.isFailing) throw new Error('no space');
    this.commits.push(changes);
    this.position = position;
  }

  async close(): Promise<void> {}
}

test('a write resolves when the back end has it; one that fails is tried again, and told once', async (t) => {
  const { server, client } = await joined(t);
  const backend = new TestBackend();
  const master = await server.attachMaster('s', backend);
  const problems: string[] = [];
  master.on('problem', ({ code }) => problems.push(code));
  const clone = await client.attachClone('s', PATIENT);
  backend.isFailing = true;
  let isDone = false;
  const writes = Promise.all([master.put('a', 1n), clone.put('b', 2n)]).then(() => {
    isDone = true;
  });
  await until('it fails', () => master.status().state === 'failing');
  await new Promise((resolve) => setTimeout(resolve, 400));
  t.false(isDone);
  t.deepEqual(await shown(clone), []);
  t.deepEqual(problems, ['store_backend_failed']);
  backend.isFailing = false;
  await writes;
  await idle(master, clone);
  t.deepEqual(await shown(clone), ['"a" = +1', '"b" = +2']);
  t.is(master.status().state, 'ready');
});

test('a master that is started again goes on with clones that never noticed', async (t) => {
  const first = testEndpoint(t);
  const { endpoint: client } = testEndpoint(t);
  const backend = new TestBackend();
  const listener = await first.endpoint.listen(LISTEN);
  client.peer(urlOf(listener));
  const master = await first.endpoint.attachMaster('s', backend);
  const clone = await client.attachClone('s', PATIENT);
  await clone.put('a', 1n);
  await idle(master, clone);
  await first.endpoint.close();
  const detached: string[] = [];
  clone.on('detached', (reason) => detached.push(reason));

  const { endpoint: second } = testEndpoint(t, { id: first.endpoint.id });
  await second.listen(`broker://127.0.0.1:${listener.port}?tls=off`);
  const again = await second.attachMaster('s', backend);
  await again.put('b', 2n);
  await clone.put('c', 3n);
  await until('the clone has it', async () => (await shown(clone)).length === 3);
  t.deepEqual(await shown(again), ['"a" = +1', '"b" = +2', '"c" = +3']);
  t.deepEqual(detached, []);
});

test('a snapshot of 100,000 entries lets others have their turn', async (t) => {
  const { server, client } = await joined(t);
  const master = await server.attachMaster('large');
  await Promise.all(Array.from({ length: 99_000 }, (_, index) => master.put(count(index), `value ${index}`)));
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  const clone = await client.attachClone('large', PATIENT);
  clearInterval(timer);
  t.log(`the event loop of both stood still for ${Math.round(longest)} ms at most`);
  t.is(clone.status().entries, 99_000);
  t.deepEqual(await clone.get(count(98_999)), string('value 98999'));
});

test('what is no command is counted as a frame that was ignored, and does no harm', async (t) => {
  const { server, client } = await joined(t);
  await server.attachMaster('s');
  const manager = Reflect.get(client, 'peerManager');
  await until('the topic is known', () => manager.isWanted('s/<$>/data/master'));
  manager.publish('s/<$>/data/master', Uint8Array.of(1, 2, 3), undefined, 'command');
  await until('it arrived', () => server.peers()[0]?.ignoredFrames === 1);
  t.regex(server.peers()[0]?.lastError ?? '', /decode_truncated/);
  const clone = await client.attachClone('s', PATIENT);
  await clone.put('a', 1n);
  t.pass();
});

test('a store that is detached rejects what waits, and everything later', async (t) => {
  const { endpoint } = testEndpoint(t);
  const clone = await endpoint.attachClone('s', { waitMs: 0 });
  const write = clone.put('a', 1n);
  const read = clone.get('a');
  const changes = clone.changes();
  const rejected = [
    t.throwsAsync(write, { code: 'store_closed' }),
    t.throwsAsync(read, { code: 'store_closed' }),
  ];
  t.true(await endpoint.detachStore('s'));
  t.false(await endpoint.detachStore('s'));
  await Promise.all(rejected);
  await t.throwsAsync(clone.put('a', 1n), { code: 'store_closed' });
  t.true((await changes.next()).done);
});
