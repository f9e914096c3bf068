import { setTimeout as sleep } from 'node:timers/promises';
import { ByteWriter } from '../codec/bytes.js';
import { encodeValue } from '../codec/value-binary.js';
import { ZeekwayError } from '../core/errors.js';
import {
  DEFAULT_TTL,
  LOAD_BATCH_RECORDS,
  LOAD_FLUSH_MS,
  LOAD_REDIAL_MS,
  LOAD_TICK_MS,
  LOAD_TURN_BYTES,
} from '../core/limits.js';
import { Link, type LinkOwner } from '../peer/link.js';
import { systemClock, systemRandom } from '../peer/system.js';
import { type EndpointId, EVERYBODY } from '../protocol/broker/endpoint-id.js';
import { encodeEnvelope } from '../protocol/broker/envelope.js';
import type { Connection } from '../transport/contract.js';
import { parseDialledUrl } from '../transport/endpoint-url.js';
import { dial } from '../transport/tcp.js';
import { clusterHello, LOG_TOPIC_PREFIX, nodeIdTopic } from '../zeek/cluster.js';
import { batchMessage, eventMessage, logCreateMessage } from '../zeek/message.js';
import type { LoadLog, LoadPlan } from './plan.js';
import { type RecordStream, streamsOf } from './records.js';
import { RecordRing } from './ring.js';
import type { Samples } from './samples.js';

/** What a worker has handed over of one log: records 0 to `end` (not included), in their order. */
export interface Sent {
  readonly log: LoadLog;
  readonly worker: number;
  readonly end: number;
  /**
   * The values of `end` at which a connection was lost. What was on its way then may be lost, too, always up to
   * such a number: Zeek does not send anything twice, and neither does this.
   */
  readonly cuts: readonly number[];
}

/** A message that went into the socket: its last record is `end - 1`. */
export interface SentMessage {
  readonly log: LoadLog;
  readonly worker: number;
  readonly records: number;
  readonly end: number;
}

export interface WorkerOptions {
  readonly plan: LoadPlan;
  /** From 0. */
  readonly worker: number;
  readonly samples: Samples;
  /** `broker://host:port?tls=...` */
  readonly url: string;
  /** Records a second of this worker, evenly; as fast as the socket takes them where it is left out. */
  readonly rate?: number;
  readonly onSent?: (message: SentMessage) => void;
}

interface Lane {
  readonly stream: RecordStream;
  readonly ring: RecordRing;
  readonly topic: string;
  next: number;
  readonly cuts: number[];
  /** When the last message went out. */
  flushed: number;
}

interface Peering {
  readonly connection: Connection;
  readonly link: Link;
  /** Whether the logs were announced. */
  isReady: boolean;
}

/** The value of a batch up to its number of messages, which is the last byte of an empty one. */
const BATCH_HEAD = encodeValue(batchMessage([])).subarray(0, -1);
/** What a Zeek worker subscribes to, in short. */
const FILTER = ['zeek/cluster/worker', 'zeek/control'];

/**
 * A Zeek worker as far as its logger can tell: it dials, says hello, announces its logs and sends their records as
 * Zeek batches them. It dials anew whenever the connection is lost, and goes on with the next record.
 *
 * A message is made only when the socket has taken the one before: so the records lie in a ring that is written over
 * (`RecordRing`), nothing piles up, and a receiver that does not read stops it.
 */
export class LoadWorker {
  private readonly id: EndpointId;
  private readonly lanes: Lane[];
  private readonly stopped = new AbortController();
  private peering: Peering | undefined;
  private running: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private begun: number | undefined;
  private wakePeered = (): void => {};
  private wakeFinished = (): void => {};
  private readonly peeredOnce = new Promise<void>((resolve) => {
    this.wakePeered = resolve;
  });
  private readonly finishedOnce = new Promise<void>((resolve) => {
    this.wakeFinished = resolve;
  });
  private lastFailure: unknown;

  /** Throws `config_invalid` for a plan that cannot be and `endpoint_url_invalid`. */
  constructor(private readonly options: WorkerOptions) {
    const { plan, worker, samples, url } = options;
    parseDialledUrl(url);
    this.lanes = streamsOf(plan, worker, samples).map((stream) => ({
      stream,
      ring: new RecordRing(stream),
      topic: LOG_TOPIC_PREFIX + stream.schema.stream,
      next: 0,
      cuts: [],
      flushed: 0,
    }));
    // The smaller ID is the originator, as Zeek's workers are before their logger half of the time.
    const run = Buffer.from(plan.run).toString('hex');
    this.id = `00000000-0000-4000-8000-${run}${worker.toString(16).padStart(4, '0')}`;
  }

  /** What was handed to the socket so far. */
  get sent(): Sent[] {
    const { worker } = this.options;
    return this.lanes.map(({ stream, next, cuts }) => ({
      log: stream.log,
      worker,
      end: next,
      cuts: [...cuts],
    }));
  }

  /** Why there is no connection, where one failed. */
  get failure(): unknown {
    return this.lastFailure;
  }

  /** Keeps the gateway peered from now on; resolves when the logs are announced for the first time. */
  connect(): Promise<void> {
    this.running ??= this.keepPeered();
    return this.peeredOnce;
  }

  /** Begins to send; resolves when all records of the plan were handed to the socket. */
  begin(): Promise<void> {
    if (this.begun === undefined) {
      this.begun = performance.now();
      for (const lane of this.lanes) lane.flushed = this.begun;
    }
    void this.connect();
    this.tick();
    return this.finishedOnce;
  }

  /** Cuts the connection off, as when the network fails; the worker dials anew. */
  cut(): void {
    this.peering?.connection.destroy();
  }

  /** Sends nothing more, unpeers in order (BYE) and does not come back. */
  async unpeer(): Promise<void> {
    this.stopped.abort();
    clearTimeout(this.timer);
    this.peering?.link.unpeer();
    await this.running;
  }

  /** Ends at once. */
  async stop(): Promise<void> {
    this.stopped.abort();
    clearTimeout(this.timer);
    this.cut();
    await this.running;
  }

  private async keepPeered(): Promise<void> {
    const { signal } = this.stopped;
    while (!signal.aborted) {
      try {
        await this.peerOnce(signal);
      } catch (error) {
        this.lastFailure = error;
      }
      if (!signal.aborted) await sleep(LOAD_REDIAL_MS, undefined, { signal }).catch(() => {});
    }
  }

  /** One connection from its start to its end. */
  private async peerOnce(signal: AbortSignal): Promise<void> {
    const address = parseDialledUrl(this.options.url);
    const connection = await dial(address, signal);
    const owner: LinkOwner = {
      conflict: (link) => link.resolve('proceed'),
      peered: (link) => {
        peering.isReady = this.announce(link);
        if (!peering.isReady) link.unpeer();
        this.tick();
      },
      alive: () => {},
      message: () => {},
      ended: (_, { error }) => {
        this.peering = undefined;
        if (error !== undefined) this.lastFailure = error;
        if (!peering.isReady) return;
        for (const { next, cuts } of this.lanes) if (cuts.at(-1) !== next) cuts.push(next);
      },
    };
    const session = { id: this.id, filter: FILTER, random: systemRandom, claim: () => true };
    const link = new Link(connection, 'out', address.url, session, systemClock, owner);
    const peering: Peering = { connection, link, isReady: false };
    this.peering = peering;
    link.start();
    if (signal.aborted) link.unpeer();
    await link.ended;
  }

  /** Says who we are and what we log; `false` where the peer does not want it. */
  private announce(link: Link): boolean {
    const { peer, session } = link;
    if (peer === undefined || !this.lanes.every(({ topic }) => session.wants(topic))) {
      const what = `${this.options.url} takes no logs: it subscribed to ${session.peerFilter.join(', ')}`;
      this.lastFailure = new ZeekwayError('load_refused', what);
      return false;
    }
    const { name, args } = clusterHello(`worker-${this.options.worker + 1}`, this.id);
    link.publish(nodeIdTopic(peer), encodeValue(eventMessage(name, args, systemClock.wallNanos())));
    for (const { stream, topic } of this.lanes) {
      link.publish(topic, encodeValue(logCreateMessage(stream.schema)));
    }
    this.lastFailure = undefined;
    this.wakePeered();
    return true;
  }

  /** Sends what is due and the socket takes, and comes again. */
  private tick(): void {
    clearTimeout(this.timer);
    if (this.begun === undefined || this.stopped.signal.aborted) return;
    const now = performance.now();
    const { peering } = this;
    for (let bytes = 0; peering?.isReady && bytes < LOAD_TURN_BYTES; ) {
      // What is queued is a view of the ring: it must not change before the system has it.
      if (peering.connection.queuedBytes > 0 || !peering.link.isPeered) break;
      const lane = this.dueLane(now);
      if (lane === undefined) break;
      bytes += this.send(peering.connection, lane, now);
    }
    if (this.lanes.every(({ next, stream }) => next >= stream.target)) this.wakeFinished();
    else this.timer = setTimeout(() => this.tick(), LOAD_TICK_MS);
  }

  /** Records of a lane that may be sent by now. */
  private due({ stream }: Lane, now: number): number {
    const { rate, plan } = this.options;
    if (rate === undefined) return stream.target;
    const seconds = (now - (this.begun ?? now)) / 1000;
    return Math.min(stream.target, Math.floor(seconds * rate * stream.share * plan.workers));
  }

  /** The lane that is most behind of those that have a message to send: a full one, an old one, or the last. */
  private dueLane(now: number): Lane | undefined {
    let most: Lane | undefined;
    for (const lane of this.lanes) {
      const { next, stream, flushed } = lane;
      const due = this.due(lane, now);
      if (due <= next) continue;
      const isRipe =
        due - next >= LOAD_BATCH_RECORDS || due === stream.target || now - flushed >= LOAD_FLUSH_MS;
      if (isRipe && (most === undefined || next / stream.share < most.next / most.stream.share)) most = lane;
    }
    return most;
  }

  private send(connection: Connection, lane: Lane, now: number): number {
    const { ring, stream, topic, next } = lane;
    const count = Math.min(LOAD_BATCH_RECORDS, this.due(lane, now) - next, ring.room(next));
    const records = ring.take(next, count);
    const head = this.messageHead(topic, count, records.length);
    connection.write(head);
    connection.write(records);
    lane.next += count;
    lane.flushed = now;
    this.options.onSent?.({ log: stream.log, worker: stream.worker, records: count, end: lane.next });
    return head.length + records.length;
  }

  /** A frame up to its records: its length, the envelope's header and the head of the batch. */
  private messageHead(topic: string, count: number, recordBytes: number): Buffer {
    const payload = new ByteWriter().put(BATCH_HEAD).varbyte(count).written();
    const to = { receiver: EVERYBODY, ttl: DEFAULT_TTL, topic };
    const content = encodeEnvelope({ type: 'data', sender: this.id, ...to, payload });
    return new ByteWriter()
      .u32(content.length + recordBytes)
      .put(content)
      .finish();
  }
}
