import test, { type ExecutionContext } from 'ava';
import type { OverflowPolicy } from '../../src/door/client-queue.js';
import { until } from '../support/endpoints.js';
import { eventOf, openDoor, subscriber, type TestClient, type Told } from './support.js';

const KIB_64 = 'x'.repeat(64 * 1024);

/** The numbers of the events that a client got, and the error frames as they are. */
const story = ({ told }: TestClient): (number | Told)[] =>
  told
    .slice(1)
    .map((each) => (each.type === 'error' ? each : Number(String(eventOf(each)[1]).split(' ')[0])));

const lostIn = (told: Told): number => Number(/^(\d+) messages dropped/.exec(told.context)?.[1]);

/** A client that reads nothing until more messages were published than the queue and the system's buffers take. */
async function flood(t: ExecutionContext, overflow: OverflowPolicy) {
  const open = await openDoor(t, { overflow, queue: { bytes: 256 * 1024, messages: 100 } });
  const { url, zeek, door } = open;
  const [slow, quick] = [await subscriber(t, url, ['zeek/']), await subscriber(t, url, ['zeek/'])];
  await until('Zeek knows', () => zeek.peers()[0]?.filter.includes('zeek/') === true);
  slow.socket.pause();
  let published = 0;
  // Until something was dropped, and then some: how much the system's buffers take is not ours to know.
  while (door.counts.dropped < 5 && published < 2_000) {
    zeek.publishEvent('zeek/x', 'Test::e', [`${published} ${KIB_64}`]);
    published += 1;
    await quick.has(1 + published);
  }
  return { ...open, slow, quick, published };
}

test('drop_oldest: the client hears of the gap before what comes behind it', async (t) => {
  const { slow, quick, published, door } = await flood(t, 'drop_oldest');
  t.is(story(quick).length, published, 'the other one got everything meanwhile');
  slow.socket.resume();
  await until('it has the last one', () => story(slow).at(-1) === published - 1);
  const all = story(slow);
  const at = all.findIndex((each) => typeof each !== 'number');
  t.like(all[at], { type: 'error', code: 'overflow' });
  t.is(all[at + 1] - all[at - 1] - 1, lostIn(all[at]), 'the gap is where it is told');
  t.is(door.counts.dropped, lostIn(all[at]));
  t.is(all.length, published - lostIn(all[at]) + 1, 'nothing else is missing');
  t.is(door.counts.sent, 2 * published - lostIn(all[at]));
});

test('drop_newest: what waits stays, and the client hears what came to nothing', async (t) => {
  const { slow, published, door, zeek } = await flood(t, 'drop_newest');
  slow.socket.resume();
  await until('it hears of it', () => story(slow).some((each) => typeof each !== 'number'));
  zeek.publishEvent('zeek/x', 'Test::e', [`${published} `]);
  await until('it goes on', () => story(slow).at(-1) === published);
  const all = story(slow);
  const at = all.findIndex((each) => typeof each !== 'number');
  t.is(all[at + 1] - all[at - 1] - 1, lostIn(all[at]));
  t.is(door.counts.dropped, lostIn(all[at]));
});

test('disconnect: the client is let go, with the reason', async (t) => {
  const { slow, door } = await flood(t, 'disconnect');
  await until('it is forgotten', () => door.clients().length === 1);
  slow.socket.resume();
  await until('it is closed', () => slow.closed !== undefined);
  if (slow.closed?.code !== 1006) t.like(slow.closed, { code: 1008 });
  t.true(door.counts.dropped > 0);
});

test('many messages at once are no overflow for a client that reads', async (t) => {
  const { url, zeek, door } = await openDoor(t, { overflow: 'disconnect', queue: { messages: 10 } });
  const client = await subscriber(t, url, ['zeek/']);
  await until('Zeek knows', () => zeek.peers()[0]?.filter.includes('zeek/') === true);
  for (let index = 0; index < 1_000; index++) zeek.publishEvent('zeek/x', 'Test::e', [`${index} `]);
  await client.has(1_001);
  t.deepEqual(
    story(client),
    Array.from({ length: 1_000 }, (_, index) => index),
  );
  t.is(door.counts.dropped, 0);
});
