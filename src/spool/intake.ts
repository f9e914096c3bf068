import type { PayloadFormat } from '../codec/payload-format.js';
import type { SpoolSource } from './entry.js';
import type { Spool } from './spool.js';

/** A message of a live peer. */
export interface IncomingMessage {
  readonly source: SpoolSource & {
    /** Resolves when the connection has ended. */
    readonly ended: Promise<void>;
  };
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly format: PayloadFormat;
  /** Nanoseconds since the Unix epoch. */
  readonly received: bigint;
}

/** Messages as they come, and how many wait to be taken. */
export interface Incoming extends AsyncIterable<IncomingMessage> {
  readonly size: number;
}

/**
 * Takes all messages into the spool, as fast as the spool takes them; resolves when they end or the spool is closed. A
 * source begins with its first message, and ends when its connection has and nothing of it waits any more.
 */
export async function takeIn(messages: Incoming, spool: Spool): Promise<void> {
  const numbers = new Map<IncomingMessage['source'], number>();
  const ended = new Set<IncomingMessage['source']>();
  let isHolding = false;
  let isOver = false;
  const endSources = (): void => {
    // What waits may still be of a source that has ended.
    if (isHolding || messages.size > 0) return;
    for (const source of ended) {
      const number = numbers.get(source);
      if (number !== undefined) spool.endSource(number);
      numbers.delete(source);
    }
    ended.clear();
  };
  for await (const { source, topic, payload, received, format } of messages) {
    isHolding = true;
    if (!spool.hasRoom) await spool.room();
    if (spool.isClosed) return;
    let number = numbers.get(source);
    if (number === undefined) {
      number = spool.begin(source);
      numbers.set(source, number);
      void source.ended.then(() => {
        ended.add(source);
        if (!spool.isClosed && !isOver) endSources();
      });
    }
    spool.message(number, received, topic, payload, format);
    isHolding = false;
    if (ended.size > 0) endSources();
  }
  isOver = true;
}
