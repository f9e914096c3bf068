import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { openDoor } from '../door/support.js';
import { until } from '../support/endpoints.js';
import type { FanOutClients, FanOutResult } from './fan-out-clients.js';

/** What so many clients of one door got. */
interface FanOut {
  readonly clients: number;
  /** Messages to all clients together. */
  readonly perSecond: number;
  /** The share of what was published that came. */
  readonly share: number;
  /** From the publishing of Zeek to the client's program, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** Events a second that Zeek publishes. */
const RATE = 50;
/** How often events are published: several at once, as clusters do. */
const TICK_MS = 20;

/** One Zeek at a steady rate, and 1, 100 and 1,000 clients in a thread of their own, for some seconds each. */
export async function benchFanOut(
  seconds = 3,
  counts: readonly number[] = [1, 100, 1_000],
): Promise<FanOut[]> {
  const results: FanOut[] = [];
  for (const clients of counts) results.push(await fanOut(clients, seconds));
  return results;
}

async function fanOut(clients: number, seconds: number): Promise<FanOut> {
  const ends: (() => unknown)[] = [];
  const { url, zeek } = await openDoor({ teardown: (end) => void ends.push(end) });
  const workerData: FanOutClients = { url, clients, topic: 'bench/' };
  const worker = new Worker(new URL('./fan-out-clients.js', import.meta.url), { workerData });
  await once(worker, 'message');
  await until('Zeek knows', () => zeek.peers()[0]?.filter.includes('bench/') === true);
  const text = 'x'.repeat(200);
  const start = performance.now();
  let published = 0;
  while (performance.now() - start < seconds * 1_000) {
    const due = ((performance.now() - start) / 1_000) * RATE;
    for (; published < due; published++) {
      zeek.publishEvent('bench/x', 'Bench::event', [`#${process.hrtime.bigint()}#`, text]);
    }
    await sleep(TICK_MS);
  }
  // What is on its way may arrive.
  await sleep(500);
  worker.postMessage('stop');
  const [{ received, p50, p99 }] = (await once(worker, 'message')) as [FanOutResult];
  await worker.terminate();
  for (const end of ends.reverse()) await end();
  return { clients, perSecond: received / seconds, share: received / (published * clients), p50, p99 };
}
