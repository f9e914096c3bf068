import type { IncomingMessage } from 'node:http';
import { isIPv6, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Value } from '../codec/value.js';
import { ANONYMOUS, type Caller } from '../core/access.js';
import type { Clock } from '../core/clock.js';
import { ZeekwayError } from '../core/errors.js';
import {
  DOOR_APPLICATION_CHARS,
  DOOR_CLIENTS,
  DOOR_FRAME_BYTES,
  DOOR_PING_MS,
  DOOR_QUEUE_BYTES,
  DOOR_QUEUE_MESSAGES,
  DOOR_SUBSCRIBE_MS,
} from '../core/limits.js';
import type { Logger } from '../core/logger.js';
import { Access, type AccessOptions } from './access.js';
import { Client, type ClientHost, type ClientIdentity } from './client.js';
import type { OverflowPolicy } from './client-queue.js';
import { Hub, type Upstream } from './hub.js';

export interface DoorOptions {
  readonly upstream: Upstream;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of zeekway. */
  readonly version: string;
  readonly access: AccessOptions;
  readonly overflow: OverflowPolicy;
  /** Default: DOOR_QUEUE_BYTES and DOOR_QUEUE_MESSAGES. */
  readonly queue?: { readonly bytes?: number; readonly messages?: number };
  /**
   * Throws for a request that a web page of elsewhere made.
   * @param hasProof whether the request has a token, which no such page knows.
   */
  readonly refusePages: (headers: IncomingMessage['headers'], hasProof: boolean) => void;
  /** Default: DOOR_CLIENTS, DOOR_PING_MS and DOOR_SUBSCRIBE_MS. */
  readonly limits?: { readonly clients?: number; readonly pingMs?: number; readonly subscribeMs?: number };
}

/** What the API shows of a client. */
export interface ClientStatus extends ClientIdentity {
  readonly since: Date;
  readonly topics: readonly string[];
  /** Messages that wait, that were sent, and that were dropped. */
  readonly queued: number;
  readonly sent: number;
  readonly dropped: number;
}

/** Counted since the start. */
export interface DoorCounts {
  sent: number;
  dropped: number;
  published: number;
  /** Messages that could not be passed on. */
  undecodable: number;
  /** By why: connections, and messages that a client may not publish (`no_permission`). */
  readonly refused: Map<string, number>;
}

/** Opens the connection of a request that was let in. */
export type Open = (stream: Duplex, head: Buffer) => void;

/** WebSocket's close code of a server that stops (RFC 6455, section 7.4.1). */
const GOING_AWAY = 1001;

/** What Zeek takes as the name of an application. */
const APPLICATION = /^[-/_.=:*@a-zA-Z0-9]+$/;

/**
 * The WebSocket door: programs that speak Zeek's `/v1/messages/json` come in here, and get and publish the messages of
 * one endpoint. Whoever has the HTTP server gives it the requests.
 */
export class Door {
  readonly overflow: OverflowPolicy;
  private readonly server = new WebSocketServer({
    noServer: true,
    maxPayload: DOOR_FRAME_BYTES,
    // Compression costs 300 KiB and much time for each client.
    perMessageDeflate: false,
    autoPong: false,
  });
  private readonly access: Access;
  private readonly hub: Hub;
  private readonly open = new Map<Client, Date>();
  private readonly total = { sent: 0, dropped: 0, published: 0 };
  private readonly refused = new Map<string, number>();
  private readonly host: ClientHost;
  private readonly timer: NodeJS.Timeout;
  private isClosed = false;

  constructor(private readonly options: DoorOptions) {
    this.overflow = options.overflow;
    this.access = new Access(options.access);
    this.hub = new Hub(options.upstream, options.clock, options.logger);
    this.host = this.hostForClients();
    this.timer = setInterval(() => {
      for (const client of this.open.keys()) client.check();
      this.hub.sweep();
    }, options.limits?.pingMs ?? DOOR_PING_MS).unref();
  }

  /**
   * Decides on a request. Throws `unauthorized`, `cross_site_refused`, `too_many_clients`.
   * @returns what opens the connection, to be called in the same turn.
   */
  admit(request: IncomingMessage): Open {
    try {
      const caller = this.access.identify(request);
      this.options.refusePages(request.headers, caller.name !== ANONYMOUS);
      if (this.isClosed || this.open.size >= (this.options.limits?.clients ?? DOOR_CLIENTS)) {
        throw new ZeekwayError('too_many_clients', `there are ${this.open.size} clients`);
      }
      return (stream, head) => this.enter(request, stream, head, caller);
    } catch (error) {
      if (error instanceof ZeekwayError) this.refuse(error.code);
      throw error;
    }
  }

  clients(): ClientStatus[] {
    return [...this.open].map(([client, since]) => {
      const { identity, topics, queued, sent, dropped } = client;
      return { ...identity, since, topics, queued, sent, dropped };
    });
  }

  get counts(): DoorCounts {
    return { ...this.total, undecodable: this.hub.undecodable, refused: this.refused };
  }

  /** Lets all clients go. */
  close(): void {
    this.isClosed = true;
    clearInterval(this.timer);
    for (const client of [...this.open.keys()]) client.end(GOING_AWAY, 'zeekway stops');
    this.hub.close();
  }

  /**
   * Publishes to the peers and to the clients, for somebody who is none of them.
   * @returns to how many peers it went.
   */
  publish(topic: string, value: Value): number {
    return this.hub.publish(undefined, topic, value);
  }

  private enter(request: IncomingMessage, stream: Duplex, head: Buffer, caller: Caller): void {
    const { access } = this;
    const rights = {
      mayRead: access.mayRead(caller),
      mayStay: () => access.isValid(caller),
      mayPublish: (topic: string) => access.mayPublish(caller, topic),
    };
    const identity = {
      name: caller.name,
      address: addressOf(request.socket),
      application: applicationOf(request),
    };
    this.server.handleUpgrade(request, stream, head, (socket) => {
      this.open.set(new Client(socket, stream, identity, rights, this.host), new Date(this.wallMs()));
    });
  }

  private hostForClients(): ClientHost {
    const { upstream, version, overflow, queue, limits, logger } = this.options;
    const { total } = this;
    return {
      hub: this.hub,
      endpoint: upstream.id,
      version: `zeekway ${version}`,
      overflow,
      queue: {
        bytes: queue?.bytes ?? DOOR_QUEUE_BYTES,
        messages: queue?.messages ?? DOOR_QUEUE_MESSAGES,
      },
      subscribeMs: limits?.subscribeMs ?? DOOR_SUBSCRIBE_MS,
      subscribed: ({ identity, topics }) =>
        logger.info({ ...identity, topics: topics.length }, 'a WebSocket client has subscribed'),
      sent: (messages) => {
        total.sent += messages;
      },
      dropped: (messages) => {
        total.dropped += messages;
      },
      published: () => {
        total.published += 1;
      },
      refused: () => this.refuse('no_permission'),
      ended: (client, reason) => {
        this.open.delete(client);
        const fields = { ...client.identity, sent: client.sent, dropped: client.dropped };
        if (reason === undefined) logger.info(fields, 'a WebSocket client has left');
        else logger.warn(fields, `a WebSocket client was let go: ${reason}`);
      },
    };
  }

  private refuse(reason: string): void {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
  }

  private wallMs(): number {
    return Number(this.options.clock.wallNanos() / 1_000_000n);
  }
}

function addressOf({ remoteAddress = '', remotePort }: Socket): string {
  return `${isIPv6(remoteAddress) ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
}

/** What the client calls itself (`X-Application-Name`); empty where it says nothing or what Zeek would not take. */
function applicationOf({ headers }: IncomingMessage): string {
  const name = [headers['x-application-name'] ?? ''].flat().join();
  return name.length <= DOOR_APPLICATION_CHARS && APPLICATION.test(name) ? name : '';
}
