import type { Duplex } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { type WebSocket, WebSocketServer } from 'ws';
import { ZeekwayError } from '../../core/errors.js';
import { TAIL_CLIENTS, TAIL_HEARTBEAT_MS, TAIL_LOGS } from '../../core/limits.js';
import type { Watch } from '../../live/live-rows.js';
import { type App, readFor, type ServerDeps } from '../context.js';
import { refuseForeignPage } from '../cross-site.js';
import { parseFilterText } from '../filters.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { findLog, selectFields } from '../rows.js';
import { Filter } from '../schemas.js';
import { eventStream, TailClient, webSocketFrames } from '../tail-client.js';
import { takeOver, wantsUpgrade } from '../upgrade.js';
import { columnKeys } from '../values.js';

const Query = Type.Object(
  {
    log: Type.Union(
      [Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }), { maxItems: TAIL_LOGS })],
      {
        description: 'The path of a log; may be given several times.',
        examples: ['conn'],
      },
    ),
    filter: Filter,
    fields: Type.Optional(
      Type.String({ description: 'The fields to give, with commas between. All by default.' }),
    ),
  },
  { additionalProperties: false },
);

/** The live tail: rows as they come, as Server-Sent Events or over a WebSocket. */
export function tailRoutes(app: App, deps: ServerDeps): void {
  const tails = new Tails();
  app.addHook('preClose', async () => tails.close());
  app.get(
    '/v1/tail',
    {
      schema: {
        tags: ['logs'],
        operationId: 'tailRows',
        summary: 'Rows as they come',
        description:
          'Server-Sent Events that do not end: `row` with `{"path", "row"}`, and `gap` with `{"dropped"}` where the client was too slow. As a WebSocket the same as frames `{"event", "data"}`.',
        querystring: Query,
        response: {
          200: { description: 'The rows.', content: { 'text/event-stream': { schema: Type.String() } } },
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async (request, reply) => {
      if (wantsUpgrade(request.raw)) refuseForeignPage(request.headers, false);
      tails.checkRoom();
      const watches = await readFor(deps, request, async (query) => {
        const found: Omit<Watch, 'deliver'>[] = [];
        for (const path of new Set([request.query.log].flat()))
          found.push(await watchOf(query, path, request.query));
        return found;
      });
      tails.checkRoom();
      if (wantsUpgrade(request.raw)) tails.openSocket(request, reply, watches, deps);
      else tails.openStream(reply, watches, deps);
      return reply;
    },
  );
}

type Unwatched = Omit<Watch, 'deliver'>;

async function watchOf(
  query: Parameters<typeof findLog>[0],
  path: string,
  { filter, fields }: { filter?: string; fields?: string },
): Promise<Unwatched> {
  const log = await findLog(query, path);
  const keys = columnKeys(log.columns);
  const columns = log.columns.map((column) => ({ ...column, key: keys.get(column) ?? column.column }));
  const selection = fields === undefined ? undefined : selectFields(log, fields);
  const shown = selection && [
    ...selection.columns.map((column) => keys.get(column) ?? column.column),
    ...(selection.received ? ['_received'] : []),
    ...(selection.source ? ['_source'] : []),
  ];
  return {
    path: log.path,
    columns,
    filter: parseFilterText(log, filter, Date.now()),
    ...(shown === undefined ? {} : { keys: new Set(shown) }),
  };
}

type Live = Pick<ServerDeps, 'live'>;

/** The clients that are connected. */
class Tails {
  private readonly server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: 1_024,
  });
  private readonly open = new Map<TailClient, () => void>();
  private readonly timer = setInterval(() => {
    for (const client of this.open.keys()) client.beat();
  }, TAIL_HEARTBEAT_MS).unref();

  /** Throws `too_many_clients`. */
  checkRoom(): void {
    if (this.open.size < TAIL_CLIENTS) return;
    throw new ZeekwayError('too_many_clients', `there are ${this.open.size} clients of the live tail`);
  }

  openStream(reply: FastifyReply, watches: readonly Unwatched[], live: Live): void {
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, {
      'content-type': 'text/event-stream',
      ...reply.getHeaders(),
      'x-accel-buffering': 'no',
    } as never);
    const client = new TailClient(eventStream(raw));
    const leave = this.enter(client, watches, live, () => raw.end());
    raw.on('close', leave);
    // The headers, so that the client knows that it is connected.
    client.beat();
  }

  openSocket({ raw }: FastifyRequest, reply: FastifyReply, watches: readonly Unwatched[], live: Live): void {
    takeOver(reply, (stream: Duplex, head: Buffer) => {
      this.server.handleUpgrade(raw, stream as never, head, (socket: WebSocket) => {
        const leave = this.enter(new TailClient(webSocketFrames(socket)), watches, live, () =>
          socket.close(1001),
        );
        socket.on('close', leave);
        // What it says is not listened to; an error ends the connection.
        socket.on('error', () => socket.terminate());
      });
    });
  }

  close(): void {
    clearInterval(this.timer);
    for (const end of [...this.open.values()]) end();
  }

  /** @returns what to call when the client has left. */
  private enter(
    client: TailClient,
    watches: readonly Unwatched[],
    { live }: Live,
    end: () => void,
  ): () => void {
    const ends = watches.map((watch) =>
      live?.watch({ ...watch, deliver: (row) => client.row(watch.path, row) }),
    );
    this.open.set(client, end);
    return () => {
      this.open.delete(client);
      for (const unwatch of ends) unwatch?.();
    };
  }
}
