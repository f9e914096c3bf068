import { streamsOf } from '../../src/load/records.js';
import { readSamples } from '../../src/load/samples.js';
import type { Item, LogItem, Origin } from '../../src/zeek/item.js';

const ORIGIN: Origin = {
  kind: 'live',
  peer: 'b0a8f0a0-3c5e-4d5e-9a55-6f5d0f2a7c11',
  name: '127.0.0.1:9999',
};

/**
 * The load generator's conn records as a peer's items. One origin, one schema, a second of traffic in 5,000.
 * @param path of their log.
 */
export async function connItems(count: number, path: string): Promise<LogItem[]> {
  const mix = { conn: 1, dns: 0, http: 0 };
  const startMicros = 1_700_000_000_000_000;
  const plan = { run: 'item', seed: 1, workers: 1, records: count, mix, startMicros, pace: 5_000 };
  const [stream] = streamsOf(plan, 0, await readSamples());
  if (stream === undefined) throw new RangeError('no records');
  const schema = { ...stream.schema, path };
  return Array.from({ length: count }, (_, number) => ({
    kind: 'log',
    origin: ORIGIN,
    topic: `zeek/logs/${schema.stream}`,
    received: BigInt(stream.micros(number)) * 1_000n,
    schema,
    serial: stream.encode(number),
  }));
}

/** Items as they come from a peer: up to 400 records a message (`Broker::log_batch_size`). */
export async function* inMessages(items: readonly Item[], perMessage = 400): AsyncGenerator<readonly Item[]> {
  for (let index = 0; index < items.length; index += perMessage) yield items.slice(index, index + perMessage);
}
