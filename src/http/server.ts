import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyServerOptions,
  LogController,
} from 'fastify';
import { ANONYMOUS } from '../core/access.js';
import {
  API_BODY_BYTES,
  API_CONNECTIONS,
  API_HANDSHAKE_MS,
  API_IDLE_MS,
  API_PATH_PARAMETER_CHARS,
  DOOR_CLIENTS,
} from '../core/limits.js';
import { maskToken } from '../core/secrets.js';
import { callerOf, controlAccess } from './access.js';
import { auditChanges } from './audit.js';
import type { App, ServerDeps } from './context.js';
import { refuseCrossSite } from './cross-site.js';
import { registerOpenApi } from './openapi.js';
import { pageRoutes } from './page.js';
import { notFound, ProblemSchema, sendProblem } from './problem.js';
import { aggregateRoutes } from './routes/aggregate.js';
import { auditRoutes } from './routes/audit.js';
import { clientRoutes } from './routes/clients.js';
import { communityIdRoutes } from './routes/community-id.js';
import { completeRoutes } from './routes/complete.js';
import { deadLetterChangeRoutes } from './routes/dead-letter-changes.js';
import { deadLetterRoutes } from './routes/dead-letters.js';
import { errorRoutes } from './routes/errors.js';
import { eventRoutes } from './routes/events.js';
import { healthRoutes } from './routes/health.js';
import { histogramRoutes } from './routes/histogram.js';
import { identifierRoutes } from './routes/identifiers.js';
import { ingestRoutes } from './routes/ingest.js';
import { logRoutes } from './routes/logs.js';
import { metricsRoutes } from './routes/metrics.js';
import { partitionRoutes } from './routes/partitions.js';
import { peerChangeRoutes } from './routes/peer-changes.js';
import { peerRoutes } from './routes/peers.js';
import { pivotRoutes } from './routes/pivots.js';
import { publishRoutes } from './routes/publish.js';
import { rowRoutes } from './routes/rows.js';
import { storeHistoryRoutes } from './routes/store-history.js';
import { storeRoutes } from './routes/stores.js';
import { tailRoutes } from './routes/tail.js';
import { RowSchema, SourceSchema } from './schemas.js';
import { Tails } from './tails.js';
import { routeUpgrades, wantsUpgrade } from './upgrade.js';

export type { ServerDeps, TlsFiles } from './context.js';
export type { Health, HealthCheck, IngestStream, PeerActions, PeerStatus } from './peers.js';

/**
 * The HTTP server with all its routes, not yet listening: `await server.listen({ host, port })`, and
 * `await server.close()`. docs/api.md describes it; it describes itself at /openapi.json and /docs.
 */
export function createServer(deps: ServerDeps): FastifyInstance {
  const options: FastifyServerOptions & { https?: object } = {
    ...(deps.tls
      ? { https: { ...deps.tls, minVersion: 'TLSv1.2', handshakeTimeout: API_HANDSHAKE_MS } }
      : {}),
    loggerInstance: deps.logger as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: API_BODY_BYTES,
    connectionTimeout: API_IDLE_MS,
    requestTimeout: API_IDLE_MS,
    routerOptions: { maxParamLength: API_PATH_PARAMETER_CHARS },
    // A parameter that nobody knows is a mistake of the client, not something to drop.
    ajv: { customOptions: { removeAdditional: false } },
    frameworkErrors: (error, request, reply) => {
      sendProblem(error, request, reply);
    },
  };
  const app: App = fastify(options as FastifyServerOptions).withTypeProvider<TypeBoxTypeProvider>();

  limitConnections(app, deps);
  routeUpgrades(app);
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff').header('cache-control', 'no-store');
  });
  controlAccess(app, deps);
  app.addHook('onRequest', async (request) => refuseCrossSite(request, callerOf(request).name !== ANONYMOUS));
  auditChanges(app, deps);
  app.addHook('onResponse', async (request, reply) => {
    const { method, url } = request;
    request.log.debug(
      { method, url: maskToken(url), status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
      'answered',
    );
  });
  // Fastify's own serializer takes 15 times as long for rows, whose keys no schema knows (10,000 rows: 0.2 s).
  app.setSerializerCompiler(() => JSON.stringify);
  app.setNotFoundHandler(notFound);

  for (const schema of [ProblemSchema, SourceSchema, RowSchema]) app.addSchema(schema);
  registerOpenApi(app, deps.version);
  app.register(async (routes: App) => {
    logRoutes(routes, deps);
    rowRoutes(routes, deps);
    completeRoutes(routes, deps);
    histogramRoutes(routes, deps);
    aggregateRoutes(routes, deps);
    pivotRoutes(routes, deps);
    communityIdRoutes(routes, deps);
    eventRoutes(routes, deps);
    identifierRoutes(routes, deps);
    publishRoutes(routes, deps);
    deadLetterRoutes(routes, deps);
    deadLetterChangeRoutes(routes, deps);
    partitionRoutes(routes, deps);
    peerRoutes(routes, deps);
    peerChangeRoutes(routes, deps);
    ingestRoutes(routes, deps);
    auditRoutes(routes, deps);
    clientRoutes(routes, deps);
    healthRoutes(routes, deps);
    const tails = new Tails(deps);
    routes.addHook('preClose', async () => tails.close());
    tailRoutes(routes, deps, tails);
    storeRoutes(routes, deps, tails);
    storeHistoryRoutes(routes, deps);
    metricsRoutes(routes, deps);
    errorRoutes(routes);
    pageRoutes(routes);
    routes.get('/openapi.json', { config: { scope: 'open' }, schema: { hide: true } }, async () =>
      app.swagger(),
    );
  });
  return app as unknown as FastifyInstance;
}

/**
 * Connections of WebSocket clients count as any other in `maxConnections`: with them, those that are being answered are
 * limited on their own.
 */
function limitConnections(app: App, { door }: Pick<ServerDeps, 'door'>): void {
  app.server.maxConnections = API_CONNECTIONS + (door ? DOOR_CLIENTS : 0);
  if (!door) return;
  let answering = 0;
  app.addHook('onRequest', async ({ raw }, reply) => {
    if (wantsUpgrade(raw)) return;
    answering += 1;
    reply.raw.once('close', () => {
      answering -= 1;
    });
    if (answering <= API_CONNECTIONS) return;
    // What `maxConnections` does with a connection too many.
    reply.hijack();
    raw.destroy();
  });
}
