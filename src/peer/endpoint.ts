import { EventEmitter } from 'node:events';
import { fromNatural, type Natural, type Value } from '../codec/value.js';
import { encodeValue } from '../codec/value-binary.js';
import type { Clock, RandomBytes } from '../core/clock.js';
import { ZeekwayError } from '../core/errors.js';
import {
  type CodecLimits,
  DEFAULT_CODEC_LIMITS,
  STORE_READ_WAIT_MS,
  SUBSCRIBER_QUEUE_BYTES,
  SUBSCRIBER_QUEUE_MESSAGES,
} from '../core/limits.js';
import { type EndpointId, newEndpointId, parseEndpointId } from '../protocol/broker/endpoint-id.js';
import { minimalFilter } from '../protocol/broker/filter.js';
import type { StoreBackend } from '../store/backend.js';
import { MemoryBackend } from '../store/backends/memory.js';
import type { Store, StoreStatus } from '../store/store.js';
import { StoreHub } from '../store/store-hub.js';
import type { Listener } from '../transport/contract.js';
import { parseDialledUrl, parseEndpointUrl, schemeOf } from '../transport/endpoint-url.js';
import { parseZeromqLogUrl, type ZeromqLogAddress } from '../transport/zeromq-url.js';
import { clusterHello, nodeIdTopic, nodeNameFromHello } from '../zeek/cluster.js';
import { eventMessage, identifierUpdateMessage, wholeEventMessage } from '../zeek/message.js';
import type { Link } from './link.js';
import { Message, type MessageSource } from './message.js';
import { type OtherPeer, otherPeer } from './other-transports.js';
import type { Outgoing, Peer, PeerHost } from './peer.js';
import { PeerManager } from './peer-manager.js';
import { type Route, Router } from './routes.js';
import type { PeerEvent, PeerStatus, Transport } from './status.js';
import { type QueueLimits, Subscription } from './subscription.js';
import { systemClock, systemRandom } from './system.js';
import { ZeromqLogger } from './zeromq-logger.js';

export interface EndpointOptions {
  /** A UUID; a new one where it is left out. Keep it across restarts: peers know the endpoint by it. */
  readonly id?: EndpointId;
  /** The name of this node in the Zeek cluster's layout: each new peer gets a `Cluster::hello` with it. */
  readonly nodeName?: string;
  /** Which events go from peers of one transport to those of another. */
  readonly routes?: readonly Route[];
  readonly limits?: Partial<CodecLimits>;
  readonly clock?: Clock;
  readonly random?: RandomBytes;
}

export interface PublishOptions {
  /** Sends to that peer only, whether it subscribed or not. */
  readonly receiver?: EndpointId;
}

export interface PublishEventOptions extends PublishOptions {
  /** The event's network time in nanoseconds since the Unix epoch; now where it is left out. */
  readonly timestamp?: bigint;
}

const QUEUE_LIMITS: QueueLimits = { messages: SUBSCRIBER_QUEUE_MESSAGES, bytes: SUBSCRIBER_QUEUE_BYTES };

const outgoing = (topic: string, value: Value): Outgoing => ({ topic, value, bytes: encodeValue(value) });

/** Called for each message; when it gives a promise, the next message waits for it. */
export type MessageHandler = (message: Message) => void | Promise<void>;

/**
 * An endpoint: listens for Zeek and dials it, over Broker, ZeroMQ or WebSocket, subscribes and publishes. Emits `peer`
 * with a `PeerEvent` for each change of a peering, and `error` when a subscription's handler throws, which goes on with the next
 * message; as with every EventEmitter an `error` that nobody listens for ends the process.
 *
 * ```ts
 * const endpoint = new Endpoint();
 * endpoint.peer('broker://127.0.0.1:9999?tls=off');
 * for await (const message of endpoint.subscribe(['zeek/event/'])) console.log(message.events);
 * ```
 */
export class Endpoint extends EventEmitter<{ peer: [PeerEvent]; error: [unknown] }> {
  readonly id: EndpointId;
  private readonly clock: Clock;
  private readonly limits: CodecLimits;
  private readonly nodeName: string | undefined;
  private readonly random: RandomBytes;
  private readonly peerManager: PeerManager;
  /** Those over other transports than Broker's, by URL. */
  private readonly others = new Map<string, Peer>();
  private readonly router: Router;
  private readonly stores: StoreHub;
  private readonly subscriptions = new Set<Subscription>();
  private readonly sources = new WeakMap<Link, MessageSource>();
  private readonly nodeNames = new Map<EndpointId, string>();

  /** Throws `endpoint_id_invalid` where the given ID is no UUID. */
  constructor(options: EndpointOptions = {}) {
    super();
    const random = options.random ?? systemRandom;
    this.clock = options.clock ?? systemClock;
    this.limits = { ...DEFAULT_CODEC_LIMITS, ...options.limits };
    this.random = random;
    this.nodeName = options.nodeName;
    this.id = options.id === undefined ? newEndpointId(random) : parseEndpointId(options.id);
    this.router = new Router(options.routes ?? [], this.id);
    this.peerManager = new PeerManager({
      id: this.id,
      limits: this.limits,
      clock: this.clock,
      random,
      onMessage: (link, { topic, payload }) => {
        const received = this.clock.wallNanos();
        this.handleMessage(new Message(topic, payload, this.sourceOf(link), received, this.limits));
      },
      onCommand: (link, { topic, payload }) => {
        const error = this.stores.receive(topic, payload);
        if (error) link.reject(error);
      },
      onPeerEvent: (event) => this.handlePeerEvent(event),
    });
    this.stores = new StoreHub({
      id: this.id,
      clock: this.clock,
      random,
      limits: this.limits,
      send: ({ topic, payload, receiver }) => this.peerManager.publish(topic, payload, receiver, 'command'),
      topicsChanged: () => this.applyFilter(),
      isWanted: (topic) => this.peerManager.isWanted(topic),
    });
    this.peerManager.setFilter(this.filter());
  }

  /**
   * Listens for peers at `broker://host:port?tls=...`, or as a logger of a ZeroMQ cluster at
   * `zeromq-log://host:port`; port 0 takes a free one. Log batches come on the topic `log-write`. Throws
   * `endpoint_url_invalid`, `listen_failed`, `file_unreadable`, `curve_keys_invalid`, `endpoint_closed`.
   */
  async listen(url: string): Promise<Listener> {
    if (schemeOf(url) === 'zeromq-log') return this.listenForLogs(parseZeromqLogUrl(url));
    return this.peerManager.listen(parseEndpointUrl(url));
  }

  /**
   * Keeps that address peered, `broker://`, `zeromq://`, `ws://` or `wss://`: dials it, and again whenever the
   * connection ends, until `unpeer`. Returns at once; the `peer` event tells the outcome. Throws
   * `endpoint_url_invalid`, `endpoint_closed`.
   */
  peer(url: string): void {
    const other = otherPeer(url);
    if (other) this.addPeer(other);
    else this.peerManager.dial(parseDialledUrl(url));
  }

  /**
   * Ends a peering in order and stops dialling; resolves when it has ended.
   * @param peerOrUrl an endpoint ID, or a URL given to `peer`. @returns whether there was such a peer.
   */
  async unpeer(peerOrUrl: string): Promise<boolean> {
    if (!peerOrUrl.includes('://')) return this.peerManager.unpeer(parseEndpointId(peerOrUrl));
    const other = otherPeer(peerOrUrl);
    if (other) return this.removePeer(other.url);
    return this.peerManager.unpeerUrl(parseEndpointUrl(peerOrUrl).url);
  }

  /** The peers, and the addresses that are being dialled. */
  peers(): PeerStatus[] {
    const others = [...this.others.values()].flatMap((peer) => peer.status());
    return [...this.peerManager.status(), ...others].map((status) => {
      const node = status.id === undefined ? undefined : this.nodeNames.get(status.id);
      return node === undefined ? status : { ...status, node };
    });
  }

  /**
   * Subscribes to topic prefixes; peers that are connected are told. Without a handler, iterate over the
   * subscription. Cancel it, or break out of the loop, to unsubscribe. A subscription that is full, since nobody
   * takes its messages, stops the reading from all peers: it holds up the other subscriptions, too.
   */
  subscribe(topics: readonly string[], handler?: MessageHandler): Subscription {
    const subscription = new Subscription(topics, QUEUE_LIMITS, {
      fullnessChanged: () => this.applyBackPressure(),
      cancelled: (cancelled) => {
        this.subscriptions.delete(cancelled);
        this.applyFilter();
      },
    });
    if (this.peerManager.isClosed) subscription.finish();
    else this.subscriptions.add(subscription);
    this.applyFilter();
    if (handler) void this.pump(subscription, handler);
    return subscription;
  }

  /**
   * Publishes a value to the peers that subscribed to a prefix of the topic.
   * @returns to how many it was sent; not to a peer with 16 MiB in its queue (see `dropped` of `peers`).
   */
  publish(topic: string, value: Natural, { receiver }: PublishOptions = {}): number {
    const to = receiver === undefined ? undefined : parseEndpointId(receiver);
    return this.publishTo(outgoing(topic, fromNatural(value)), to);
  }

  /**
   * Publishes a Zeek event. Zeek takes it when it knows the event and the arguments have exactly the declared
   * types: `count(5)` for a count, see `Natural`.
   * @returns to how many peers it was sent.
   */
  publishEvent(
    topic: string,
    name: string,
    args: readonly Natural[],
    options: PublishEventOptions = {},
  ): number {
    const timestamp = options.timestamp ?? this.clock.wallNanos();
    return this.publish(topic, eventMessage(name, args.map(fromNatural), timestamp), options);
  }

  /**
   * Publishes the value of an identifier, as `Broker::publish_id`: a Zeek that subscribed sets its global variable of that
   * name. @returns to how many peers it was sent.
   */
  publishIdentifier(topic: string, name: string, value: Natural, options: PublishOptions = {}): number {
    return this.publish(topic, identifierUpdateMessage(name, fromNatural(value)), options);
  }

  /**
   * Becomes the master of a data store: clones in Zeek and elsewhere follow it. What it holds is kept by the back end; in
   * memory only where it is left out. Throws `store_exists`, `store_name_invalid`, and what the back end throws.
   */
  async attachMaster(name: string, backend: StoreBackend = new MemoryBackend()): Promise<Store> {
    this.expectOpen();
    return this.stores.attachMaster(name, backend);
  }

  /**
   * Becomes a clone of the data store whose master is at a peer; resolves when that has answered. Without `waitMs` it waits 5
   * seconds; with 0 it does not wait, and the store attaches when there is a master. Throws `store_no_master`,
   * `store_exists`, `store_name_invalid`.
   */
  async attachClone(
    name: string,
    { waitMs = STORE_READ_WAIT_MS }: { readonly waitMs?: number } = {},
  ): Promise<Store> {
    this.expectOpen();
    const clone = this.stores.attachClone(name);
    try {
      if (waitMs > 0) await clone.attached(waitMs);
    } catch (error) {
      await this.stores.detach(name);
      throw error;
    }
    return clone;
  }

  /** Ends a store here; what was written to a master is durable then. @returns whether there was one. */
  detachStore(name: string): Promise<boolean> {
    return this.stores.detach(name);
  }

  /** The store of that name, where this endpoint has it. */
  store(name: string): Store | undefined {
    return this.stores.get(name);
  }

  /** The stores that this endpoint has. */
  storeStatus(): StoreStatus[] {
    return this.stores.status();
  }

  /** Unpeers in order, stops listening and dialling, and ends the stores and the subscriptions. */
  async close(): Promise<void> {
    await this.stores.close();
    const others = [...this.others.values()].map((peer) => peer.close());
    await Promise.all([this.peerManager.close(), ...others]);
    this.others.clear();
    for (const subscription of this.subscriptions) subscription.finish();
  }

  private async listenForLogs(address: ZeromqLogAddress): Promise<Listener> {
    this.expectOpen();
    const logger = await ZeromqLogger.listen(address, this.hostForPeers());
    if (this.peerManager.isClosed) {
      await logger.close();
      this.expectOpen();
    }
    this.others.set(logger.url, logger);
    logger.setReading(this.wantsMessages);
    const close = async (): Promise<void> => {
      await this.removePeer(logger.url);
    };
    return { host: address.host, port: logger.port, close };
  }

  private expectOpen(): void {
    if (this.peerManager.isClosed) throw new ZeekwayError('endpoint_closed', 'the endpoint was closed');
  }

  private addPeer({ url, make }: OtherPeer): void {
    this.expectOpen();
    if (this.others.has(url)) return;
    const peer = make(this.hostForPeers());
    this.others.set(url, peer);
    peer.setFilter(this.filter());
    peer.setReading(this.wantsMessages);
  }

  private async removePeer(url: string): Promise<boolean> {
    const peer = this.others.get(url);
    this.others.delete(url);
    await peer?.close();
    return peer !== undefined;
  }

  private hostForPeers(): PeerHost {
    const { clock, limits, random, nodeName } = this;
    return {
      clock,
      limits,
      random,
      nodeName,
      message: ({ source, topic, payload, format }) =>
        this.handleMessage(new Message(topic, payload, source, clock.wallNanos(), limits, format)),
      event: (event) => this.handlePeerEvent(event),
    };
  }

  /** @returns to how many peers it went. */
  private publishTo(message: Outgoing, receiver?: EndpointId): number {
    const sent = this.peerManager.publish(message.topic, message.bytes, receiver);
    if (receiver !== undefined) return sent;
    return sent + [...this.others.values()].filter((peer) => peer.publish(message)).length;
  }

  private get wantsMessages(): boolean {
    return ![...this.subscriptions].some((subscription) => subscription.full);
  }

  private applyFilter(): void {
    const filter = this.filter();
    this.peerManager.setFilter(filter);
    for (const peer of this.others.values()) peer.setFilter(filter);
  }

  private filter(): string[] {
    const own = this.nodeName === undefined ? [] : [nodeIdTopic(this.id)];
    return minimalFilter([
      ...own,
      ...this.router.topics,
      ...this.stores.topics,
      ...[...this.subscriptions].flatMap(({ topics }) => topics),
    ]);
  }

  private async pump(subscription: Subscription, handler: MessageHandler): Promise<void> {
    for await (const message of subscription) {
      try {
        await handler(message);
      } catch (error) {
        this.emit('error', error);
      }
    }
  }

  private applyBackPressure(): void {
    const reading = this.wantsMessages;
    this.peerManager.setReading(reading);
    for (const peer of this.others.values()) peer.setReading(reading);
  }

  private sourceOf(link: Link): MessageSource {
    const known = this.sources.get(link);
    if (known) return known;
    const { name, address, ended } = link;
    const source = { transport: 'broker', peer: link.peer ?? '', name, address, ended } as const;
    this.sources.set(link, source);
    return source;
  }

  private handleMessage(message: Message): void {
    if (message.topic.startsWith(nodeIdTopic(this.id))) this.learnNodeName(message);
    for (const subscription of this.subscriptions) subscription.offer(message);
    this.route(message);
  }

  private route(message: Message): void {
    for (const { to, events } of this.router.forward(message)) {
      for (const event of events) this.publishOver(to, outgoing(message.topic, wholeEventMessage(event)));
    }
  }

  private publishOver(transport: Transport, message: Outgoing): void {
    if (transport === 'broker') this.peerManager.publish(message.topic, message.bytes);
    for (const peer of this.others.values()) if (peer.transport === transport) peer.publish(message);
  }

  private learnNodeName(message: Message): void {
    const { peer } = message.source;
    const name = message.events
      .map((event) => nodeNameFromHello(event, peer))
      .find((found) => found !== undefined);
    if (name !== undefined) this.nodeNames.set(peer, name);
  }

  private handlePeerEvent(event: PeerEvent): void {
    if (
      event.type === 'peer_added' &&
      event.transport === 'broker' &&
      event.peer !== undefined &&
      this.nodeName !== undefined
    ) {
      const { name, args } = clusterHello(this.nodeName, this.id);
      this.publishEvent(nodeIdTopic(event.peer), name, args);
    }
    if ((event.type === 'peer_lost' || event.type === 'peer_removed') && event.peer !== undefined) {
      this.nodeNames.delete(event.peer);
    }
    this.emit('peer', event);
  }
}
