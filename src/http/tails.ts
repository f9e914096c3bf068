import type { Duplex } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Caller } from '../core/access.js';
import { ZeekwayError } from '../core/errors.js';
import { TAIL_CLIENTS, TAIL_HEARTBEAT_MS } from '../core/limits.js';
import type { ServerDeps } from './context.js';
import { eventStream, TailClient, webSocketFrames } from './tail-client.js';
import { takeOver } from './upgrade.js';

/** Begins to tell a client what it follows. @returns what ends that. */
export type Follow = (client: TailClient) => () => void;

/** WebSocket's close codes (RFC 6455, section 7.4.1). */
const GOING_AWAY = 1001;
const POLICY_VIOLATION = 1008;

/** A client, whose token it has, and how it is let go. */
interface Open {
  readonly client: TailClient;
  readonly caller: Caller;
  readonly end: (code: number) => void;
}

/** The clients that follow something, of the live tail and of stores. One whose token is revoked is let go with the next beat. */
export class Tails {
  private readonly server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: 1_024,
  });
  private readonly open = new Set<Open>();
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly deps: Pick<ServerDeps, 'gate'>) {
    this.timer = setInterval(() => this.beat(), TAIL_HEARTBEAT_MS).unref();
  }

  /** Throws `too_many_clients`. */
  checkRoom(): void {
    if (this.open.size < TAIL_CLIENTS) return;
    throw new ZeekwayError(
      'too_many_clients',
      `${this.open.size} clients follow the live tail or a store already`,
    );
  }

  openStream(reply: FastifyReply, follow: Follow, caller: Caller): void {
    reply.hijack();
    const { raw } = reply;
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      if (value !== undefined) raw.setHeader(name, value);
    }
    // A proxy must not keep rows back.
    raw.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
    const client = new TailClient(eventStream(raw));
    raw.on('close', this.enter({ client, caller, end: () => raw.end() }, follow));
    // The headers, so that the client knows that it is connected.
    client.beat();
  }

  openSocket({ raw }: FastifyRequest, reply: FastifyReply, follow: Follow, caller: Caller): void {
    takeOver(reply, (stream: Duplex, head: Buffer) => {
      this.server.handleUpgrade(raw, stream, head, (socket: WebSocket) => {
        const client = new TailClient(webSocketFrames(socket));
        socket.on('close', this.enter({ client, caller, end: (code) => socket.close(code) }, follow));
        // What it says is not listened to; an error ends the connection.
        socket.on('error', () => socket.terminate());
      });
    });
  }

  close(): void {
    clearInterval(this.timer);
    for (const { end } of [...this.open]) end(GOING_AWAY);
  }

  private beat(): void {
    for (const { client, caller, end } of [...this.open]) {
      if (this.deps.gate.isValid(caller)) client.beat();
      else end(POLICY_VIOLATION);
    }
  }

  /** @returns what to call when the client has left. */
  private enter(open: Open, follow: Follow): () => void {
    const end = follow(open.client);
    this.open.add(open);
    return () => {
      this.open.delete(open);
      end();
    };
  }
}
