import type { Duplex } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Caller } from '../core/access.js';
import { ZeekwayError } from '../core/errors.js';
import { TAIL_CLIENTS, TAIL_HEARTBEAT_MS } from '../core/limits.js';
import type { Watch } from '../live/live-rows.js';
import type { ServerDeps } from './context.js';
import { eventStream, TailClient, webSocketFrames } from './tail-client.js';
import { takeOver } from './upgrade.js';

/** A watch that nobody gets the rows of yet. */
export type Unwatched = Omit<Watch, 'deliver'>;

/** WebSocket's close codes (RFC 6455, section 7.4.1). */
const GOING_AWAY = 1001;
const POLICY_VIOLATION = 1008;

/** A client, whose token it has, and how it is let go. */
interface Open {
  readonly client: TailClient;
  readonly caller: Caller;
  readonly end: (code: number) => void;
}

/** The clients of the live tail that are connected. One whose token is revoked is let go with the next beat. */
export class Tails {
  private readonly server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: 1_024,
  });
  private readonly open = new Set<Open>();
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly deps: Pick<ServerDeps, 'live' | 'gate'>) {
    this.timer = setInterval(() => this.beat(), TAIL_HEARTBEAT_MS).unref();
  }

  /** Throws `too_many_clients`. */
  checkRoom(): void {
    if (this.open.size < TAIL_CLIENTS) return;
    throw new ZeekwayError('too_many_clients', `there are ${this.open.size} clients of the live tail`);
  }

  openStream(reply: FastifyReply, watches: readonly Unwatched[], caller: Caller): void {
    reply.hijack();
    const { raw } = reply;
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      if (value !== undefined) raw.setHeader(name, value);
    }
    // A proxy must not keep rows back.
    raw.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
    const client = new TailClient(eventStream(raw));
    raw.on('close', this.enter({ client, caller, end: () => raw.end() }, watches));
    // The headers, so that the client knows that it is connected.
    client.beat();
  }

  openSocket(
    { raw }: FastifyRequest,
    reply: FastifyReply,
    watches: readonly Unwatched[],
    caller: Caller,
  ): void {
    takeOver(reply, (stream: Duplex, head: Buffer) => {
      this.server.handleUpgrade(raw, stream, head, (socket: WebSocket) => {
        const client = new TailClient(webSocketFrames(socket));
        socket.on('close', this.enter({ client, caller, end: (code) => socket.close(code) }, watches));
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
  private enter(open: Open, watches: readonly Unwatched[]): () => void {
    const ends = watches.map((watch) =>
      this.deps.live?.watch({ ...watch, deliver: (row) => open.client.row(watch.path, row) }),
    );
    this.open.add(open);
    return () => {
      this.open.delete(open);
      for (const unwatch of ends) unwatch?.();
    };
  }
}
