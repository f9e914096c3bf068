import test from 'ava';
import { DEFAULT_CODEC_LIMITS } from '../../src/core/limits.js';
import { Message } from '../../src/peer/message.js';
import { Subscription } from '../../src/peer/subscription.js';

const SOURCE = {
  transport: 'broker' as const,
  peer: 'd3adbeef-d3ad-4eef-a3ad-beefd3adbeef',
  name: 'a',
  address: 'a:1',
  ended: new Promise<void>(() => {}),
};

const message = (bytes: number): Message =>
  new Message('x/y', new Uint8Array(bytes), SOURCE, 0n, DEFAULT_CODEC_LIMITS);

/** A subscription that holds 4 messages or 100 bytes, and what its owner was told. */
function subscribe() {
  const told: string[] = [];
  const subscription: Subscription = new Subscription(
    ['x/'],
    { messages: 4, bytes: 100 },
    {
      fullnessChanged: () => told.push(subscription.full ? 'full' : 'room'),
      cancelled: () => told.push('cancelled'),
    },
  );
  return { subscription, told };
}

test('it is full by number until half is taken', async (t) => {
  const { subscription, told } = subscribe();
  for (let n = 0; n < 6; n += 1) subscription.offer(message(1));
  t.deepEqual(told, ['full']);
  for (let n = 0; n < 3; n += 1) await subscription.next();
  t.deepEqual(told, ['full']);
  await subscription.next();
  t.deepEqual(told, ['full', 'room']);
  t.is(subscription.size, 2);
});

test('it is full by bytes until half is taken, also by one message alone', async (t) => {
  const { subscription, told } = subscribe();
  subscription.offer(message(60));
  subscription.offer(message(40));
  t.deepEqual(told, ['full']);
  await subscription.next();
  t.deepEqual(told, ['full', 'room']);
  await subscription.next();
  subscription.offer(message(1000));
  t.deepEqual(told, ['full', 'room', 'full']);
  await subscription.next();
  t.deepEqual(told, ['full', 'room', 'full', 'room']);
});

test('what waits does not hold the chunk that it came in', (t) => {
  const { subscription } = subscribe();
  const chunk = new Uint8Array(1000).fill(7);
  const small = new Message('x/y', chunk.subarray(10, 20), SOURCE, 0n, DEFAULT_CODEC_LIMITS);
  const large = new Message('x/y', chunk.subarray(0, 900), SOURCE, 0n, DEFAULT_CODEC_LIMITS);
  subscription.offer(small);
  subscription.offer(large);
  t.deepEqual(small.payload, new Uint8Array(10).fill(7));
  t.is(small.payload.buffer.byteLength, 10);
  t.is(large.payload.buffer, chunk.buffer);
});

test('a message that somebody waits for does not count', async (t) => {
  const { subscription, told } = subscribe();
  const next = subscription.next();
  subscription.offer(message(1000));
  t.is((await next).value.payload.length, 1000);
  subscription.offer(message(60));
  t.deepEqual(told, []);
});

test('one that is cancelled while it is full lets the peers go on', async (t) => {
  const { subscription, told } = subscribe();
  subscription.offer(message(100));
  subscription.cancel();
  subscription.cancel();
  t.deepEqual(told, ['full', 'room', 'cancelled']);
  t.true((await subscription.next()).done);
});
