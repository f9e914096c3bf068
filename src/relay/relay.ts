import { join } from 'node:path';
import type { Push } from 'zeromq';
import type { PayloadFormat } from '../codec/payload-format.js';
import type { Clock } from '../core/clock.js';
import { errorLine } from '../core/errors.js';
import { RELAY_LINGER_MS } from '../core/limits.js';
import type { Logger } from '../core/logger.js';
import { LOG_WRITE, zeroMqParts } from '../protocol/zeromq/messages.js';
import { readGroup } from '../spool/entry.js';
import { Spool, type SpoolStatus } from '../spool/spool.js';
import type { CurveKeys } from '../transport/curve.js';
import { connectingCurve, loadZeromq, SOCKET_OPTIONS } from '../transport/zeromq.js';

/** A log batch that a node pushed to the gateway. */
export interface RelayedBatch {
  readonly source: { readonly peer: string };
  readonly payload: Uint8Array;
  readonly format: PayloadFormat;
  readonly received: bigint;
}

export interface RelayOptions {
  /** The loggers, like `tcp://10.0.0.5:5557`: batches are dealt out among them, as a node of Zeek does it. */
  readonly loggers: readonly string[];
  /** The folder of what the gateway keeps. */
  readonly data: string;
  readonly curve: CurveKeys | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly sizeBytes?: number;
}

/** Nothing is remembered besides the batches. */
const noState = () => [];

/**
 * Hands log batches on to a site's own loggers, so that the gateway sees everything and the site keeps its logs. A
 * spool of its own is between: loggers that are slow or away hold up nobody, and what waits for them survives a
 * restart. A batch is released when ZeroMQ has taken it: after a crash some come twice. What a logger that dies has in
 * its queues is lost, as it is without a relay.
 */
export class Relay {
  private sent = 0;

  private constructor(
    private readonly spool: Spool,
    private readonly push: Push,
    private readonly logger: Logger,
  ) {}

  /** Throws `spool_busy`, `spool_failed`, `zeromq_unavailable`. */
  static async start({ loggers, data, curve, logger, clock, sizeBytes }: RelayOptions): Promise<Relay> {
    const { Push } = await loadZeromq();
    const size = sizeBytes === undefined ? {} : { sizeBytes };
    const spool = await Spool.open({ folder: join(data, 'relay'), logger, clock, ...size });
    // A logger that is away gets nothing: what is queued for it would be lost with this process.
    const push = new Push({
      ...SOCKET_OPTIONS,
      ...connectingCurve(curve),
      immediate: true,
      linger: RELAY_LINGER_MS,
    });
    for (const address of loggers) push.connect(address);
    const relay = new Relay(spool, push, logger);
    void relay.run();
    return relay;
  }

  /** Batches that wait for the loggers, and those that were handed on since the start. */
  get status(): SpoolStatus & { readonly sent: number } {
    return { ...this.spool.status, sent: this.sent };
  }

  /** Takes batches until they end, or the relay is closed; waits while the spool is full. */
  async take(batches: AsyncIterable<RelayedBatch>): Promise<void> {
    for await (const { source, payload, format, received } of batches) {
      if (!this.spool.hasRoom) await this.spool.room();
      if (this.spool.isClosed) return;
      // The sender stands in the place of the topic, which is always the same.
      this.spool.message(0, received, source.peer, payload, format);
    }
  }

  /** What waits stays for the next start. */
  async close(): Promise<void> {
    await this.spool.close();
    this.push.close();
  }

  private async run(): Promise<void> {
    try {
      for await (const { end, content } of this.spool.groups()) {
        for (const batch of readGroup(content)) {
          if (batch.kind === 'message') await this.send(batch.topic, batch);
        }
        this.spool.release(end, noState);
      }
    } catch (error) {
      if (this.spool.isClosed || this.push.closed) return;
      this.logger.error({ code: 'relay_failed' }, `the relay has ended: ${errorLine(error)}`);
    }
  }

  private async send(
    sender: string,
    { payload, format }: Omit<RelayedBatch, 'source' | 'received'>,
  ): Promise<void> {
    // ZeroMQ reads the bytes later, when those of the spool may have others in them.
    const copy = Buffer.from(payload);
    await this.push.send(zeroMqParts({ type: 'log-batch', topic: LOG_WRITE, sender, format, payload: copy }));
    this.sent += 1;
  }
}
