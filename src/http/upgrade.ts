import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { App } from './context.js';

/** What a request wants to become another protocol on. */
interface Upgrade {
  readonly socket: Socket;
  readonly head: Buffer;
}

/** Requests for an upgrade that no route has taken yet. */
const upgrades = new WeakMap<IncomingMessage, Upgrade>();

/**
 * Leads requests for an upgrade to the routes, like any other: a route takes the connection over with `takeOver`, or
 * answers, as all of them do to clients that merely offer HTTP/2 (`curl --http2`). Node itself gives these requests to
 * nobody else once somebody listens for them.
 */
export function routeUpgrades(app: App): void {
  app.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.on('finish', () => socket.end());
    socket.on('error', () => socket.destroy());
    upgrades.set(request, { socket, head });
    app.routing(request, response);
  });
}

/** Whether the connection of a request can be taken over. */
export const wantsUpgrade = (request: IncomingMessage): boolean => upgrades.has(request);

/** Gives the connection of a request to `open`; Fastify has nothing more to do with it. */
export function takeOver(reply: FastifyReply, open: (stream: Duplex, head: Buffer) => void): void {
  const upgrade = upgrades.get(reply.request.raw);
  if (!upgrade) throw new TypeError('the request wants no upgrade');
  upgrades.delete(reply.request.raw);
  reply.hijack();
  reply.raw.detachSocket(upgrade.socket);
  open(upgrade.socket, upgrade.head);
}
