import { encodeValue } from '../../src/codec/value-binary.js';
import { ZeekwayError } from '../../src/core/errors.js';
import { type ReplayOptions, replayBytes } from '../../src/replay/replay.js';
import type { ReplayReport } from '../../src/replay/report.js';
import type { Item } from '../../src/zeek/item.js';
import { eventMessage } from '../../src/zeek/message.js';

export const OPTIONS: ReplayOptions = {
  clock: { now: () => 0, wallNanos: () => 1_700_000_000_000_000_000n },
};

export interface Read {
  readonly items: readonly Item[];
  readonly report: ReplayReport;
  /** The code of the error that it ended with. */
  readonly error: string | undefined;
}

async function* chunksOf(bytes: Buffer, size = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Replays bytes to their end. Errors with a code end up in the result, any other fails the test. */
export async function read(
  bytes: Buffer,
  name = 'test.pcap',
  options = OPTIONS,
  chunk?: number,
): Promise<Read> {
  const replay = await replayBytes(name, chunksOf(bytes, chunk), options);
  const items: Item[] = [];
  try {
    for await (const batch of replay.items) items.push(...batch);
  } catch (error) {
    if (!(error instanceof ZeekwayError)) throw error;
    return { items, report: replay.report, error: error.code };
  }
  return { items, report: replay.report, error: undefined };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** What an item holds, without where it came from. */
export function content(item: Item): string {
  switch (item.kind) {
    case 'log':
      return `${item.schema.path} ${hex(item.serial)}`;
    case 'event':
      return hex(encodeValue(eventMessage(item.event.name, item.event.args)));
    case 'schema':
      return JSON.stringify(item.schema);
    case 'identifier':
      return `${item.name} ${hex(encodeValue(item.value))}`;
    case 'dead-letter':
      return `${item.code} ${hex(item.raw)}`;
  }
}

/** All of an item in one line. */
function line(item: Item, withTime = true): string {
  const { kind, topic, received, origin } = item;
  return [kind, origin.peer, origin.node ?? '', topic, withTime ? received : '', content(item)].join(' ');
}

export const lines = (items: readonly Item[], withTime = true): string[] =>
  items.map((item) => line(item, withTime));

/** The items by sender, whose order among each other is the capture's and not of interest. */
export function bySender(items: readonly Item[]): Record<string, string[]> {
  const senders = [...new Set(items.map(({ origin }) => origin.peer))].sort();
  const of = (peer: string): readonly Item[] => items.filter(({ origin }) => origin.peer === peer);
  return Object.fromEntries(senders.map((peer) => [peer, lines(of(peer), false)]));
}

export const codes = (report: ReplayReport): string[] => [...report.warningCounts.keys()].sort();
