import { hostname } from 'node:os';
import type { XPublisher, XSubscriber } from 'zeromq';
import { DecodeError } from '../codec/bytes.js';
import { encodeValue } from '../codec/value-binary.js';
import { encodeValueJson } from '../codec/value-json.js';
import { errorLine, ZeekwayError } from '../core/errors.js';
import { PEER_SEND_QUEUE_BYTES } from '../core/limits.js';
import { type Filter, FilterMatcher } from '../protocol/broker/filter.js';
import { readZeroMqMessage, type ZeroMqPayload, zeroMqParts } from '../protocol/zeromq/messages.js';
import { curveKeys } from '../transport/curve.js';
import {
  connectingCurve,
  loadZeromq,
  SOCKET_OPTIONS,
  watch,
  ZeromqReader,
  ZeromqWriter,
} from '../transport/zeromq.js';
import type { ZeromqAddress } from '../transport/zeromq-url.js';
import { eventMessage } from '../zeek/message.js';
import { readPayload } from '../zeek/payload.js';
import {
  type NodeEvent,
  ZeromqHello,
  zeromqNodeId,
  zeromqNodeIdTopic,
  zeromqNodeTopic,
} from '../zeek/zeromq-node.js';
import { FailureLog } from './failure-log.js';
import type { Outgoing, Peer, PeerHost } from './peer.js';
import { SenderTable } from './sender-table.js';
import type { PeerStatus } from './status.js';

/** The sockets of a node, once they are made. */
interface Sockets {
  readonly subscriber: XSubscriber;
  readonly publisher: XPublisher;
  readonly reader: ZeromqReader;
  readonly subscriptions: ZeromqWriter;
  readonly events: ZeromqWriter;
}

const BOTH = 2;

/**
 * A node of a ZeroMQ cluster: two sockets at the cluster's proxy, an XSUB for what comes and an XPUB for what is
 * published, which ZeroMQ keeps connected. It is peered while both are. With a node name, and unless the URL has
 * hello=no, it greets the other nodes, so that `Cluster::node_up` is raised for it.
 */
export class ZeromqPeer implements Peer {
  readonly id: string;
  readonly transport = 'zeromq';
  readonly url: string;
  private readonly senders: SenderTable;
  private readonly hello: ZeromqHello | undefined;
  private readonly failures = new FailureLog();
  private readonly started: Promise<Sockets | undefined>;
  private sockets: Sockets | undefined;
  private filter = new Set<string>();
  /** What the nodes of the cluster subscribed to. */
  private readonly wanted = new Set<string>();
  private matcher: FilterMatcher | undefined;
  private reading = true;
  private isClosed = false;
  private readonly connected = new Set<string>();
  private since: bigint;
  private messagesOut = 0;
  private bytesOut = 0;
  private dropped = 0;
  private ignored = 0;
  private lastError: string | undefined;

  constructor(
    private readonly address: ZeromqAddress,
    private readonly host: PeerHost,
  ) {
    const { nodeName } = host;
    const unique = Buffer.from(host.random(12)).toString('hex');
    this.id = zeromqNodeId(nodeName ?? 'zeekway', hostname(), process.pid, unique);
    this.url = address.url;
    this.hello = nodeName === undefined || address.quiet ? undefined : new ZeromqHello(nodeName, this.id);
    this.senders = new SenderTable(this.url, () => host.clock.wallNanos());
    this.since = host.clock.wallNanos();
    this.started = this.start();
  }

  setFilter(filter: Filter): void {
    const wanted = new Set([...filter, ...this.ownTopics()]);
    const cancelled = [...this.filter].filter((topic) => !wanted.has(topic));
    const added = [...wanted].filter((topic) => !this.filter.has(topic));
    this.filter = wanted;
    this.subscribe(added, cancelled);
  }

  setReading(reading: boolean): void {
    this.reading = reading;
    this.sockets?.reader.setReading(reading);
  }

  publish({ topic, value, bytes }: Outgoing): boolean {
    if (!this.sockets || !this.isPeered || !this.wants(topic)) return false;
    const { format } = this.address;
    const payload = format === 'broker-bin-v1' ? bytes : encodeValueJson(value);
    const parts = zeroMqParts({ type: 'event', topic, sender: this.id, format, payload });
    if (!this.sockets.events.send(parts)) {
      this.dropped += 1;
      return false;
    }
    this.messagesOut += 1;
    this.bytesOut += payload.length;
    return true;
  }

  status(): PeerStatus[] {
    const senders = this.senders.all;
    return [
      {
        transport: 'zeromq',
        id: this.id,
        address: this.address.xpub.replace('tcp://', ''),
        url: this.url,
        direction: 'out',
        state: this.isPeered ? 'peered' : 'connecting',
        since: this.since,
        filter: [...this.wanted],
        bytesIn: senders.reduce((sum, { bytes }) => sum + bytes, 0),
        bytesOut: this.bytesOut,
        messagesIn: senders.reduce((sum, { messages }) => sum + messages, 0),
        messagesOut: this.messagesOut,
        dropped: this.dropped,
        ignoredFrames: this.ignored,
        commands: 0,
        queueBytes: this.sockets?.events.queuedBytes ?? 0,
        ...(this.lastError === undefined ? {} : { lastError: this.lastError }),
      },
    ];
  }

  async close(): Promise<void> {
    this.isClosed = true;
    const sockets = await this.started;
    if (sockets) {
      const wasPeered = this.isPeered;
      await sockets.events.drain();
      sockets.subscriber.close();
      sockets.publisher.close();
      if (wasPeered) this.tell('peer_removed', 'left the cluster');
    }
    this.senders.end();
  }

  private get isPeered(): boolean {
    return this.connected.size === BOTH;
  }

  private wants(topic: string): boolean {
    this.matcher ??= new FilterMatcher([...this.wanted]);
    return this.matcher.matches(topic);
  }

  /** What a node listens to for the cluster's sake. */
  private ownTopics(): string[] {
    const { nodeName } = this.host;
    if (!this.hello || nodeName === undefined) return [];
    return [zeromqNodeIdTopic(this.id), zeromqNodeTopic(nodeName)];
  }

  private async start(): Promise<Sockets | undefined> {
    try {
      const { XPublisher, XSubscriber } = await loadZeromq();
      const options = {
        ...SOCKET_OPTIONS,
        ...connectingCurve(curveKeys(this.address.curve, 'connect', process.env)),
      };
      if (this.isClosed) return undefined;
      const subscriber = new XSubscriber(options);
      // All subscriptions of all nodes are seen, also those that another node had before.
      const publisher = new XPublisher({ ...options, sendTimeout: 0, noDrop: true, verbosity: 'allSubs' });
      const watcher = (name: string) => ({
        up: () => this.up(name),
        down: () => this.down(name),
        failed: (error: ZeekwayError) => this.failed(error),
      });
      watch(subscriber.events, watcher('xsub'));
      watch(publisher.events, watcher('xpub'));
      const reader = new ZeromqReader(subscriber, (parts) => this.received(parts));
      new ZeromqReader(publisher, (parts) => this.subscriptionCame(parts));
      reader.setReading(this.reading);
      const sockets = {
        subscriber,
        publisher,
        reader,
        subscriptions: new ZeromqWriter(subscriber, PEER_SEND_QUEUE_BYTES),
        events: new ZeromqWriter(publisher, PEER_SEND_QUEUE_BYTES),
      };
      this.sockets = sockets;
      this.subscribe(this.filter, []);
      subscriber.connect(this.address.xpub);
      publisher.connect(this.address.xsub);
      return sockets;
    } catch (error) {
      if (!(error instanceof ZeekwayError)) throw error;
      this.failed(error);
      return undefined;
    }
  }

  private subscribe(added: Iterable<string>, cancelled: Iterable<string>): void {
    const writer = this.sockets?.subscriptions;
    for (const topic of added) writer?.send(zeroMqParts({ type: 'subscribe', topic }));
    for (const topic of cancelled) writer?.send(zeroMqParts({ type: 'cancel', topic }));
  }

  private up(name: string): void {
    this.connected.add(name);
    if (!this.isPeered) return;
    this.since = this.host.clock.wallNanos();
    this.failures.succeeded(this.url);
    this.lastError = undefined;
    this.tell('peer_added', 'connected to the proxy of the cluster');
  }

  private down(name: string): void {
    const wasPeered = this.isPeered;
    this.connected.delete(name);
    if (!wasPeered || this.isClosed) return;
    this.since = this.host.clock.wallNanos();
    this.hello?.lost();
    this.wanted.clear();
    this.matcher = undefined;
    this.tell('peer_lost', 'lost the proxy of the cluster');
  }

  private failed(error: ZeekwayError): void {
    this.lastError = errorLine(error);
    if (this.isClosed || !this.failures.isNew(this.url, error)) return;
    const { url } = this;
    this.host.event({
      type: 'peer_unavailable',
      transport: 'zeromq',
      address: url,
      message: error.message,
      error,
    });
  }

  private tell(type: 'peer_added' | 'peer_lost' | 'peer_removed', message: string): void {
    this.host.event({ type, transport: 'zeromq', peer: this.id, address: this.url, message });
  }

  private received(parts: readonly Uint8Array[]): void {
    try {
      const message = readZeroMqMessage(parts);
      if (!('payload' in message) || message.sender === this.id) return;
      this.greet(message);
      const { topic, sender, payload, format } = message;
      const source = this.senders.received(sender, payload.length);
      this.host.message({ source, topic, payload, format });
    } catch (error) {
      this.ignore(error);
    }
  }

  private subscriptionCame(parts: readonly Uint8Array[]): void {
    try {
      const message = readZeroMqMessage(parts);
      if ('payload' in message) return;
      const { type, topic } = message;
      this.matcher = undefined;
      if (type === 'subscribe') this.wanted.add(topic);
      else this.wanted.delete(topic);
      if (type === 'subscribe') this.sendAll(this.hello?.subscribed(topic) ?? []);
      else this.hello?.cancelled(topic);
    } catch (error) {
      this.ignore(error);
    }
  }

  /** A message that is none of Zeek's: it is counted, and the next one is read. */
  private ignore(error: unknown): void {
    if (!(error instanceof DecodeError)) throw error;
    this.ignored += 1;
    this.lastError = errorLine(error);
  }

  private greet({ topic, payload, format }: ZeroMqPayload): void {
    if (!this.hello || topic !== zeromqNodeIdTopic(this.id)) return;
    for (const message of readPayload(payload, format, this.host.limits)) {
      if (message.type === 'event') this.sendAll(this.hello.received(message.event));
    }
  }

  private sendAll(events: readonly NodeEvent[]): void {
    for (const { topic, name, args } of events) {
      const value = eventMessage(name, args, this.host.clock.wallNanos());
      this.publish({ topic, value, bytes: encodeValue(value) });
    }
  }
}
