import { createHash } from 'node:crypto';
import { type CodecLimits, REPLAY_COPIES, REPLAY_COPY_NANOS, REPLAY_SENDERS } from '../../core/limits.js';
import type { ZeroMqPayload } from '../../protocol/zeromq/messages.js';
import { Interpreter } from '../../zeek/interpreter.js';
import type { Origin } from '../../zeek/item.js';

/** What was said of one content: how often it was handed on, and how often each leg brought it. */
interface Said {
  times: number;
  last: bigint;
  readonly byLeg: Map<object, number>;
}

/**
 * The nodes of a capture's ZeroMQ clusters, whatever connections they use: a node sends its events to the proxy, its
 * logs to each logger, and its name may be on another connection than its records.
 *
 * An event crosses the wire once on its way to the proxy and once to each subscriber, and is to be stored once. Every
 * leg keeps the order and leaves out what its receiver did not subscribe to, so the n-th time that one leg brings a
 * content (sender, topic, format and payload) is the same event as the n-th time on any other. It is taken from the
 * leg that brings it first: the publisher's, where the capture has that, else any subscriber's, also where a leg
 * has a gap or ends. Socket types could not tell: both ends are XPUB and XSUB, and a capture that begins late shows
 * none. Log batches have no copies: each goes to one logger.
 */
export class ZeroMqNodes {
  private readonly interpreters = new Map<string, Interpreter>();
  /** By content, the one said longest ago first. */
  private readonly said = new Map<string, Said>();

  constructor(
    private readonly file: string,
    private readonly limits: CodecLimits,
  ) {}

  /** The interpreter of a sender. One that the capture has far too many others behind begins anew. */
  interpreter(sender: string): Interpreter {
    let found = this.interpreters.get(sender);
    if (!found) {
      found = new Interpreter(this.origin(sender), this.limits);
      this.interpreters.set(sender, found);
      if (this.interpreters.size > REPLAY_SENDERS) dropFirst(this.interpreters);
    }
    return found;
  }

  origin(peer: string): Origin {
    return { kind: 'replay', peer, name: this.file };
  }

  /**
   * Whether another leg has brought this message before.
   * @param leg stands for one direction of a connection.
   */
  isCopy(message: ZeroMqPayload, leg: object, time: bigint): boolean {
    if (message.type === 'log-batch') return false;
    this.forget(time);
    const key = contentKey(message);
    const said = this.said.get(key) ?? { times: 0, last: time, byLeg: new Map<object, number>() };
    const times = (said.byLeg.get(leg) ?? 0) + 1;
    said.byLeg.set(leg, times);
    said.last = time;
    this.said.delete(key);
    this.said.set(key, said);
    if (times <= said.times) return true;
    said.times = times;
    return false;
  }

  private forget(now: bigint): void {
    for (const [key, { last }] of this.said) {
      if (this.said.size < REPLAY_COPIES && now - last < REPLAY_COPY_NANOS) return;
      this.said.delete(key);
    }
  }
}

/** The names with their lengths, so that no two contents have the same bytes. */
function contentKey({ topic, sender, format, payload }: ZeroMqPayload): string {
  const head = JSON.stringify([topic, sender, format]);
  return createHash('sha256').update(head).update(payload).digest('base64');
}

function dropFirst(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
