import test from 'ava';
import { open } from 'lmdb';
import { count, string } from '../../src/codec/value.js';
import { encodeValue } from '../../src/codec/value-binary.js';
import { type Incoming, type IncomingMessage, takeIn } from '../../src/spool/intake.js';
import { SpoolReader } from '../../src/spool/reader.js';
import type { Spool } from '../../src/spool/spool.js';
import type { Item } from '../../src/zeek/item.js';
import { eventMessage, logCreateMessage, logWriteMessage } from '../../src/zeek/message.js';
import { record, SCHEMA, until } from '../bridge/numbers.js';
import { keepingLogger } from '../bridge/support.js';
import { silentLogger } from '../support/logger.js';
import { openSpool, spoolFolder } from './support.js';

const PEER = 'b0a8f0a0-3c5e-4d5e-9a55-6f5d0f2a7c11';
const announcement = encodeValue(logCreateMessage(SCHEMA));
const write = (n: number): Buffer => encodeValue(logWriteMessage(SCHEMA, record(n)));
const hello = encodeValue(eventMessage('Cluster::hello', [string('worker-1'), string(PEER)]));

/** The items of all entries, with the numbers of these. */
async function readAll(reader: SpoolReader, spool: Spool, from = spool.first): Promise<[number, Item[]][]> {
  spool.finish();
  const all: [number, Item[]][] = [];
  let entry = from;
  for await (const items of reader.items(from)) all.push([entry++, [...items]]);
  return all;
}

const kinds = (all: readonly [number, readonly Item[]][]): string[] =>
  all.map(([entry, items]) => `${entry} ${items.map(({ kind }) => kind).join()}`);

async function put(spool: Spool, source: number, ...payloads: Uint8Array[]): Promise<void> {
  for (const payload of payloads) {
    spool.message(source, 5n, 'zeek/logs/numbers', payload);
    await spool.flush();
  }
}

/** What a reader leaves behind that has read all, with all before an entry stored in the database. */
async function storedUpTo(spool: Spool, entry: number): Promise<void> {
  const reader = new SpoolReader(spool, silentLogger);
  await readAll(reader, spool);
  reader.release(entry);
  await spool.close();
}

test('records whose announcement was released are understood after a restart', async (t) => {
  const folder = await spoolFolder(t);
  const spool = await openSpool(t, folder);
  const source = spool.begin({ peer: PEER, name: 'zeek:9999' });
  await put(spool, source, announcement, hello, write(1), write(2));
  await storedUpTo(spool, 4);

  const again = await openSpool(t, folder);
  t.is(again.first, 4);
  const all = await readAll(new SpoolReader(again, silentLogger), again);
  t.deepEqual(kinds(all), ['4 log']);
  t.like(all[0]?.[1][0], {
    schema: SCHEMA,
    origin: { kind: 'live', peer: PEER, name: 'zeek:9999', node: 'worker-1' },
    received: 5n,
    topic: 'zeek/logs/numbers',
  });
});

test('the state is that of the first entry that stays, not a later one', async (t) => {
  const folder = await spoolFolder(t);
  const spool = await openSpool(t, folder);
  const source = spool.begin({ peer: PEER, name: 'n' });
  const other = { ...SCHEMA, fields: SCHEMA.fields.toReversed() };
  await put(spool, source, announcement, write(1), encodeValue(logCreateMessage(other)));
  await storedUpTo(spool, 2);
  const again = await openSpool(t, folder);
  const [first] = await readAll(new SpoolReader(again, silentLogger), again);
  t.like(first?.[1][0], { kind: 'log', schema: SCHEMA });
});

test('what was stored before is read for its announcements only', async (t) => {
  const spool = await openSpool(t, await spoolFolder(t));
  const source = spool.begin({ peer: PEER, name: 'n' });
  await put(spool, source, announcement, write(1), write(2));
  t.deepEqual(kinds(await readAll(new SpoolReader(spool, silentLogger), spool, 3)), ['3 log']);
});

test('what the database has already leaves the spool, also when nothing comes any more', async (t) => {
  const folder = await spoolFolder(t);
  const spool = await openSpool(t, folder);
  const source = spool.begin({ peer: PEER, name: 'n' });
  await put(spool, source, announcement, write(1), write(2));
  await spool.close();
  const again = await openSpool(t, folder);
  t.is(again.status.entries, 4);
  t.deepEqual(await readAll(new SpoolReader(again, silentLogger), again, 4), []);
  t.is(again.status.entries, 0);
  await again.close();
  t.is((await openSpool(t, folder)).first, 4);
});

test('sources of an earlier run are forgotten, and so are those that ended', async (t) => {
  const folder = await spoolFolder(t);
  const spool = await openSpool(t, folder);
  const [one, two] = [spool.begin({ peer: PEER, name: 'a' }), spool.begin({ peer: PEER, name: 'b' })];
  await put(spool, one, announcement);
  await put(spool, two, announcement);
  spool.endSource(one);
  await spool.flush();
  await put(spool, two, write(1));
  await storedUpTo(spool, 5);
  const second = await openSpool(t, folder);
  t.deepEqual(
    [...second.state.keys()]
      .filter((name) => name.startsWith('source/'))
      .map((name) => name.split('/', 3).join('/')),
    [`source/${two}/log`, `source/${two}/origin`],
  );
  const third = second.begin({ peer: PEER, name: 'c' });
  await put(second, third, announcement, write(1));
  await storedUpTo(second, second.next);
  const last = await openSpool(t, folder);
  const names = [...last.state.keys()].filter((name) => name.endsWith('/origin'));
  t.deepEqual(names, [`source/${third}/origin`]);
});

test('a damaged group: the rest is read, and what is lost is told', async (t) => {
  const folder = await spoolFolder(t);
  const spool = await openSpool(t, folder);
  const source = spool.begin({ peer: PEER, name: 'n' });
  await put(spool, source, announcement, write(1), write(2));
  await spool.close();
  const file = open<Buffer, (string | number)[]>({ path: folder, encoding: 'binary' });
  for (const key of file.getKeys({ start: ['group', 1], end: ['group', 3] })) {
    const content = Buffer.from(file.getBinary(key) ?? []);
    file.putSync(key, key[1] === 1 ? content : content.subarray(0, 40));
  }
  await file.close();
  const again = await openSpool(t, folder);
  const logger = keepingLogger();
  const all = await readAll(new SpoolReader(again, logger), again);
  t.deepEqual(kinds(all), ['0 ', '1 schema', '2 ', '3 log']);
  t.regex(logger.lines[0]?.message ?? '', /^the spool is damaged: entries 2 to 2 are lost: at byte \d+/);
  t.is(logger.lines.length, 1);
});

/** Messages that are handed over one by one, and how many of them wait. */
function incoming() {
  const queue: IncomingMessage[] = [];
  let wake = (): void => {};
  let isOver = false;
  const messages: Incoming = {
    get size() {
      return queue.length;
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const message = queue.shift();
        if (message) yield message;
        else if (isOver) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
  const push = (...more: IncomingMessage[]): void => {
    queue.push(...more);
    wake();
  };
  const end = (): void => {
    isOver = true;
    wake();
  };
  return { messages, push, end };
}

test('a source begins with its first message and ends behind its last', async (t) => {
  const spool = await openSpool(t, await spoolFolder(t));
  const { messages, push, end } = incoming();
  const taking = takeIn(messages, spool);
  let endA = (): void => {};
  const a = { peer: PEER, name: 'a', ended: new Promise<void>((resolve) => (endA = resolve)) };
  const b = { peer: PEER, name: 'b', ended: new Promise<void>(() => {}) };
  const message = (source: IncomingMessage['source'], payload: Uint8Array): IncomingMessage => ({
    source,
    topic: 'x',
    payload,
    received: 1n,
    format: 'broker-bin-v1',
  });
  push(message(a, announcement), message(b, write(1)));
  await until(t, () => spool.next === 4);
  endA();
  // It still waits when the connection has ended.
  push(message(a, write(2)));
  await until(t, () => spool.next === 6);
  push(message(b, encodeValue(eventMessage('x', [count(1)]))));
  await until(t, () => spool.next === 7);
  end();
  await taking;
  const all = await readAll(new SpoolReader(spool, silentLogger), spool);
  t.deepEqual(kinds(all), ['0 ', '1 schema', '2 ', '3 dead-letter', '4 log', '5 ', '6 event']);
});

test('a full spool holds the messages back until there is room, or it is closed', async (t) => {
  const spool = await openSpool(t, await spoolFolder(t), { sizeBytes: 50_000, syncBytes: 10_000 });
  const { messages, push } = incoming();
  const taking = takeIn(messages, spool);
  const source = { peer: PEER, name: 'a', ended: new Promise<void>(() => {}) };
  const message = { source, topic: 'x', received: 1n, format: 'broker-bin-v1' } as const;
  for (let n = 0; n < 200; n++) push({ ...message, payload: new Uint8Array(1_000) });
  await until(t, () => spool.status.state === 'full' && spool.status.unsyncedBytes === 0);
  t.true(messages.size > 100, `${messages.size} wait`);
  const reader = new SpoolReader(spool, silentLogger);
  const items = reader.items(0);
  for (let entry = 0; entry < 40; entry++) await items.next();
  reader.release(40);
  await until(t, () => spool.next > 60);
  await until(t, () => spool.status.state === 'full');
  await spool.close();
  await taking;
  t.pass();
});
