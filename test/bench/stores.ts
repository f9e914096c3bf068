import { once } from 'node:events';
import { count, string } from '../../src/codec/value.js';
import { Endpoint } from '../../src/peer/endpoint.js';
import type { Store } from '../../src/store/store.js';

/** Writes that wait for their answers at the same time. */
const AT_ONCE = 100;

export interface StoreRates {
  readonly clones: number;
  readonly putPerSecond: number;
  readonly uniquePerSecond: number;
}

/** A master in this process, and a way to get endpoints with a clone each, over TCP. */
async function site() {
  const server = new Endpoint();
  const { port } = await server.listen('broker://127.0.0.1:0?tls=off');
  const master = await server.attachMaster('bench');
  const endpoints = [server];
  return {
    master,
    addClone: async (): Promise<Store> => {
      const client = new Endpoint();
      endpoints.push(client);
      client.peer(`broker://127.0.0.1:${port}?tls=off`);
      await once(client, 'peer');
      return client.attachClone('bench', { waitMs: 600_000 });
    },
    close: async (): Promise<void> => {
      await Promise.all(endpoints.map((endpoint) => endpoint.close()));
    },
  };
}

/** How often `work` is done in a second, some at once, each of them waited for. */
async function rate(seconds: number, work: (number: number) => Promise<unknown>): Promise<number> {
  let number = 0;
  const start = performance.now();
  const worker = async (): Promise<void> => {
    while (performance.now() - start < seconds * 1000) await work(number++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return number / ((performance.now() - start) / 1000);
}

/** Writes of one clone through the master, which tells all clones. */
export async function benchStores(seconds: number): Promise<StoreRates[]> {
  const results: StoreRates[] = [];
  for (const clones of [1, 10]) {
    const { addClone, close } = await site();
    const writer = await addClone();
    for (let more = 1; more < clones; more++) await addClone();
    const putPerSecond = await rate(seconds, (number) => writer.put(count(number % 10_000), string('value')));
    const uniquePerSecond = await rate(seconds, (number) =>
      writer.putUnique(string(`key ${number}`), count(number)),
    );
    results.push({ clones, putPerSecond, uniquePerSecond });
    await close();
  }
  return results;
}

export interface SnapshotTimes {
  /** Milliseconds from asking to having all. */
  readonly ms: number;
  /** The longest that the event loop stood still meanwhile: master and clone are in one process. */
  readonly blockedMs: number;
}

/** How long a new clone takes to have all entries of a master. */
export async function benchSnapshot(entries: number): Promise<SnapshotTimes> {
  const { master, addClone, close } = await site();
  for (let at = 0; at < entries; at += 50_000) {
    const size = Math.min(50_000, entries - at);
    const numbers = Array.from({ length: size }, (_, index) => at + index);
    await Promise.all(numbers.map((number) => master.put(count(number), string(`value ${number}`))));
  }
  let blockedMs = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    blockedMs = Math.max(blockedMs, now - last);
    last = now;
  }, 1);
  const start = performance.now();
  const clone = await addClone();
  const ms = performance.now() - start;
  clearInterval(timer);
  if (clone.status().entries !== entries) throw new Error(`the clone has ${clone.status().entries} entries`);
  await close();
  return { ms, blockedMs };
}
