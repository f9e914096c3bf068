import test from 'ava';
import fc from 'fast-check';
import { string } from '../../src/codec/value.js';
import { DOOR_LINGER_MS, DOOR_TOPICS } from '../../src/core/limits.js';
import { ClientQueue, type Frame, OVERFLOW_POLICIES } from '../../src/door/client-queue.js';
import { type DoorMessage, Hub, type Subscriber } from '../../src/door/hub.js';
import { Interest } from '../../src/door/interest.js';
import { silentLogger } from '../support/logger.js';

const frame = (number: number, bytes = 1): Frame => ({
  bytes: Buffer.from(String(number).padStart(bytes, '0')),
  isMessage: true,
});

const isNotice = ({ isMessage }: Frame): boolean => !isMessage;
const lost = ({ bytes }: Frame): number =>
  Number(/^(\d+) messages/.exec(JSON.parse(bytes.toString()).context)?.[1]);

test('a queue loses nothing untold, keeps the order, and stays within its bounds', (t) => {
  const steps = fc.array(fc.oneof(fc.constant('take'), fc.integer({ min: 1, max: 30 })), { maxLength: 200 });
  for (const policy of OVERFLOW_POLICIES) {
    fc.assert(
      fc.property(steps, (all) => {
        const queue = new ClientQueue({ messages: 5, bytes: 40 }, policy);
        const out: Frame[] = [];
        let [offered, refused] = [0, 0];
        const take = (): boolean => {
          const next = queue.take();
          if (next) out.push(next);
          return next !== undefined;
        };
        for (const step of all) {
          if (step === 'take') take();
          else if (queue.offer(frame(offered++, Number(step)))) t.true(queue.size <= 6);
          else refused += 1;
        }
        while (take());
        t.true(queue.isEmpty);
        t.is(refused > 0 && policy !== 'disconnect', false);
        // Each number comes once, in order, and the gaps are as large as was told in their place.
        let expected = 0;
        for (const each of out) {
          if (isNotice(each)) expected += lost(each);
          else if (policy === 'disconnect') t.true(Number(each.bytes) >= expected);
          else t.is(Number(each.bytes), expected++);
        }
        if (policy !== 'disconnect') t.is(expected, offered);
        t.is(
          queue.dropped,
          out.filter(isNotice).reduce((sum, each) => sum + lost(each), 0),
        );
      }),
    );
  }
});

test('topics linger, and are bounded', (t) => {
  let now = 0;
  const interest = new Interest({ now: () => now });
  interest.add(['a', 'b']);
  interest.add(['b', 'c']);
  interest.remove(['a', 'b']);
  now += DOOR_LINGER_MS - 1;
  t.false(interest.sweep());
  now += 1;
  t.true(interest.sweep());
  t.deepEqual(interest.topics, ['b', 'c']);
  const many = Array.from({ length: DOOR_TOPICS - 1 }, (_, index) => String(index));
  t.throws(() => interest.add(many), { code: 'too_many_topics' });
  t.deepEqual(interest.topics, ['b', 'c'], 'none of them was added');
  t.throws(() => interest.add(['x'.repeat(1024 * 1024)]), { code: 'too_many_topics' });
});

/** A hub on an endpoint that only remembers. */
function testHub() {
  let now = 0;
  const log: string[] = [];
  let handler: (message: DoorMessage) => void = () => {};
  const upstream = {
    id: 'an id',
    subscribe: (topics: readonly string[], each: (message: DoorMessage) => void) => {
      handler = each;
      log.push(`+${topics}`);
      return { cancel: () => void log.push(`-${topics}`) };
    },
    publish: () => 0,
  };
  const hub = new Hub(upstream, { now: () => now }, silentLogger);
  const deliver = (message: DoorMessage): void => handler(message);
  const pass = (ms: number): void => {
    now += ms;
    hub.sweep();
  };
  return { hub, log, deliver, pass };
}

const listener = (): Subscriber & { frames: Frame[] } => {
  const frames: Frame[] = [];
  return { frames, offer: (each) => void frames.push(each), flush: () => {} };
};

test('one subscription for all clients, exchanged without a gap when they want more', (t) => {
  const { hub, log, pass } = testHub();
  const [one, two, three] = [listener(), listener(), listener()];
  hub.join(one, ['a/b', 'c']);
  hub.join(two, ['c/d', 'a/b']);
  t.deepEqual(log, ['+a/b,c']);
  hub.join(three, ['a']);
  t.deepEqual(log.splice(0), ['+a/b,c', '+a,c', '-a/b,c']);
  hub.leave(three);
  hub.leave(one);
  pass(DOOR_LINGER_MS - 1);
  hub.join(one, ['c']);
  t.deepEqual(log, [], 'who comes back changes nothing');
  pass(DOOR_LINGER_MS);
  t.deepEqual(log.splice(0), ['+a/b,c', '-a,c']);
  hub.close();
  t.deepEqual(log, ['-a/b,c']);
});

test('a message is encoded once for all, and one that is no value is counted', (t) => {
  const { hub, deliver } = testHub();
  const [one, two] = [listener(), listener()];
  hub.join(one, ['']);
  hub.join(two, ['x']);
  let decoded = 0;
  const message = {
    topic: 'x/\udcff',
    format: 'broker-bin-v1',
    get value() {
      decoded += 1;
      return string('v');
    },
  } as const;
  deliver(message);
  t.is(decoded, 1);
  t.is(one.frames[0], two.frames[0]);
  t.is(JSON.parse(one.frames[0]?.bytes.toString() ?? '').topic, 'x/\\xff');
  deliver({ topic: 'x', format: 'zeek-bin-serializer', value: string('') });
  t.is(hub.undecodable, 1);
  t.is(one.frames.length, 1);
});
