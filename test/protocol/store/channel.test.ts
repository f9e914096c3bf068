import test from 'ava';
import fc from 'fast-check';
import {
  STORE_HEARTBEAT_TICKS,
  STORE_TIMEOUT_HEARTBEATS,
  STORE_UNCONFIRMED_BYTES,
} from '../../../src/core/limits.js';
import type { EntityId } from '../../../src/protocol/store/commands.js';
import { Consumer, type ConsumerControl } from '../../../src/protocol/store/consumer.js';
import { Producer } from '../../../src/protocol/store/producer.js';

/** What travels from the producer. */
type Down =
  | { readonly type: 'greet'; readonly offset: bigint }
  | { readonly type: 'command'; readonly sequence: bigint; readonly text: string }
  | { readonly type: 'heartbeat' | 'failed'; readonly sequence: bigint };

const entity = (object: number): EntityId => ({
  endpoint: '11111111-1111-4111-8111-111111111111',
  object: BigInt(object),
});

/** One producer and some consumers, and between them what is on the way. */
class Channel {
  readonly got: string[][];
  readonly said: ConsumerControl[][];
  readonly dropped: string[] = [];
  readonly consumers: Consumer<string>[];
  readonly producer: Producer;
  down: { readonly to: number; readonly message: Down }[] = [];
  up: { readonly from: number; readonly control: ConsumerControl }[] = [];

  constructor(consumers: number) {
    this.got = Array.from({ length: consumers }, () => []);
    this.said = Array.from({ length: consumers }, () => []);
    this.consumers = this.got.map(
      (got, from) =>
        new Consumer<string>({
          consume: (text) => got.push(text),
          lost: () => got.push('LOST') > 0,
          send: (control) => {
            this.said[from]?.push(control);
            this.up.push({ from, control });
          },
        }),
    );
    const all = (message: Down): void => {
      for (const to of this.consumers.keys()) this.down.push({ to, message });
    };
    const one = (id: EntityId, message: Down): void => {
      this.down.push({ to: Number(id.object), message });
    };
    this.producer = new Producer({
      greet: (id, offset) => one(id, { type: 'greet', offset }),
      broadcast: (bytes) => all(commandOf(bytes)),
      resend: (id, bytes) => one(id, commandOf(bytes)),
      retransmitFailed: (id, sequence) => one(id, { type: 'failed', sequence }),
      heartbeat: (sequence) => all({ type: 'heartbeat', sequence }),
      dropped: (id, reason) => this.dropped.push(`${id.object} ${reason}`),
    });
  }

  produce(text: string): void {
    this.producer.produce((sequence) => Buffer.from(`${sequence} ${text}`));
    this.producer.release(this.producer.sequence);
  }

  tick(): void {
    for (const consumer of this.consumers) consumer.tick();
    this.producer.tick();
  }

  /** @param fate what becomes of the next message: it is lost, it comes twice, or behind others. */
  deliver(fate: () => 'arrives' | 'lost' | 'twice' | 'late' = () => 'arrives'): void {
    const down = this.down.splice(0);
    const up = this.up.splice(0);
    const late = [];
    for (const entry of down) {
      const what = fate();
      if (what === 'late') late.push(entry);
      if (what === 'arrives' || what === 'twice') this.receive(entry.to, entry.message);
      if (what === 'twice') this.receive(entry.to, entry.message);
    }
    this.down.push(...late);
    for (const entry of up) {
      const what = fate();
      if (what === 'late') this.up.push(entry);
      if (what === 'arrives' || what === 'twice') this.answer(entry.from, entry.control);
      if (what === 'twice') this.answer(entry.from, entry.control);
    }
  }

  private receive(to: number, message: Down): void {
    const consumer = this.consumers[to] as Consumer<string>;
    if (message.type === 'greet') consumer.handshake(message.offset, STORE_HEARTBEAT_TICKS);
    else if (message.type === 'command') consumer.receive(message.sequence, message.text);
    else if (message.type === 'heartbeat') consumer.heartbeat(message.sequence);
    else consumer.retransmitFailed(message.sequence);
  }

  private answer(from: number, control: ConsumerControl): void {
    if (control.type === 'nack') this.producer.handleNack(entity(from), control.sequences);
    else this.producer.handleAck(entity(from), control.sequence);
  }
}

function commandOf(bytes: Buffer): Down {
  const [sequence = '', text = ''] = bytes.toString().split(' ');
  return { type: 'command', sequence: BigInt(sequence), text };
}

test('a consumer asks for the handshake, gets what comes after it, and confirms it', (t) => {
  const channel = new Channel(1);
  channel.tick();
  t.deepEqual(channel.said[0], []);
  channel.tick();
  t.deepEqual(channel.said[0], [{ type: 'nack', sequences: [0n] }]);
  channel.deliver();
  channel.deliver();
  t.deepEqual(channel.said[0]?.[1], { type: 'cumulative_ack', sequence: 1n });
  for (const text of ['a', 'b']) channel.produce(text);
  channel.deliver();
  t.deepEqual(channel.got[0], ['a', 'b']);
  t.false(channel.producer.isIdle);
  for (let tick = 0; tick < STORE_HEARTBEAT_TICKS; tick++) channel.tick();
  channel.deliver();
  t.deepEqual(channel.said[0]?.at(-1), { type: 'cumulative_ack', sequence: 3n });
  t.true(channel.producer.isIdle);
});

test('what is lost is asked for after two ticks, and the last one is known by the heartbeat', (t) => {
  const channel = new Channel(1);
  channel.producer.add(entity(0));
  channel.deliver();
  channel.deliver();
  const commands = ['a', 'b', 'c', 'd'];
  for (const text of commands) channel.produce(text);
  channel.down = channel.down.filter(
    ({ message }) => message.type !== 'command' || 'ac'.includes(message.text),
  );
  channel.deliver();
  t.deepEqual(channel.got[0], ['a']);
  for (let tick = 0; tick < 3; tick++) channel.tick();
  t.deepEqual(channel.said[0]?.at(-1), { type: 'nack', sequences: [3n] });
  for (let tick = 0; tick < 12; tick++) {
    channel.deliver();
    channel.tick();
  }
  t.deepEqual(channel.got[0], commands);
});

test('whatever is lost, doubled or late: each consumer gets all that came after its handshake, in order and once', (t) => {
  const fates = fc.constantFrom(
    'arrives' as const,
    'arrives' as const,
    'lost' as const,
    'twice' as const,
    'late' as const,
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 60 }),
      fc.infiniteStream(fates),
      (consumers, rounds, fate) => {
        const channel = new Channel(consumers);
        const all: string[] = [];
        for (const commands of rounds) {
          for (let index = 0; index < commands; index++) {
            all.push(`c${all.length}`);
            channel.produce(all.at(-1) as string);
          }
          channel.deliver(() => fate.next().value ?? 'arrives');
          channel.tick();
        }
        for (let tick = 0; tick < 40; tick++) {
          channel.deliver();
          channel.tick();
        }
        t.deepEqual(channel.dropped, []);
        for (const got of channel.got) t.deepEqual(got, got.length === 0 ? [] : all.slice(-got.length));
        return channel.consumers.every(({ isReady, isIdle }) => isReady && isIdle) && channel.producer.isIdle;
      },
    ),
    { numRuns: 500 },
  );
});

test('a consumer that is silent for 50 s is dropped; what it missed it gets if it comes back', (t) => {
  const channel = new Channel(2);
  for (const id of [0, 1]) channel.producer.add(entity(id));
  channel.deliver();
  channel.deliver();
  channel.produce('a');
  const ticks = STORE_HEARTBEAT_TICKS * STORE_TIMEOUT_HEARTBEATS;
  for (let tick = 0; tick < ticks; tick++) {
    channel.tick();
    channel.down = channel.down.filter(({ to }) => to === 0);
    channel.up = channel.up.filter(({ from }) => from === 0);
    channel.deliver();
  }
  t.deepEqual(channel.dropped, ['1 silent']);
  t.deepEqual(channel.got, [['a'], []]);
  t.true(channel.producer.adopt(entity(1), 1n));
  channel.deliver();
  t.deepEqual(channel.got, [['a'], ['a']]);
  t.false(channel.producer.adopt(entity(1), 99n));
});

test('a command that is kept back is not sent, not even to who asks for it', (t) => {
  const channel = new Channel(1);
  channel.producer.add(entity(0));
  channel.deliver();
  channel.deliver();
  channel.producer.produce((sequence) => Buffer.from(`${sequence} a`));
  channel.producer.handleNack(entity(0), [2n]);
  channel.tick();
  channel.deliver();
  t.deepEqual(channel.got, [[]]);
  t.is(channel.producer.released, 1n);
  channel.producer.release(2n);
  channel.deliver();
  t.deepEqual(channel.got, [['a']]);
});

test('who is too far behind is dropped, and what it would need is let go of', (t) => {
  const channel = new Channel(2);
  for (const id of [0, 1]) channel.producer.add(entity(id));
  channel.deliver();
  channel.deliver();
  const part = Buffer.alloc(STORE_UNCONFIRMED_BYTES / 8, ' ');
  part.write('2');
  for (let index = 0; index < 12; index++) {
    channel.producer.produce(() => part);
    channel.producer.release(channel.producer.sequence);
    channel.producer.handleAck(entity(0), channel.producer.sequence);
  }
  t.deepEqual(channel.dropped, ['1 behind']);
  t.false(channel.producer.adopt(entity(1), 1n));
});

test('an order that makes no sense drops who asked for it', (t) => {
  const channel = new Channel(1);
  channel.producer.add(entity(0));
  channel.producer.handleNack(entity(0), [3n, 2n]);
  t.deepEqual(channel.dropped, ['0 invalid']);
});
