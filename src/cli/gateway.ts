import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { TokenGate } from '../access/token-gate.js';
import type { Bridge } from '../bridge/bridge.js';
import { retryDeadLetters } from '../bridge/retry.js';
import { ANONYMOUS, type Gate } from '../core/access.js';
import { ZeekwayError } from '../core/errors.js';
import { Door } from '../door/door.js';
import type { Upstream } from '../door/hub.js';
import { refuseForeignPage } from '../http/cross-site.js';
import {
  createServer,
  type Health,
  type HealthCheck,
  type PeerStatus as HttpPeer,
  type IngestStream,
  type ServerDeps,
} from '../http/server.js';
import type { PeerStatus } from '../peer/status.js';
import { systemClock } from '../peer/system.js';
import type { Relay } from '../relay/relay.js';
import type { SpoolStatus } from '../spool/spool.js';
import type { Database } from '../storage/database.js';
import { hostPort } from '../transport/endpoint-url.js';
import { inspectPayload } from '../zeek/inspect.js';
import { readTls } from './api-tls.js';
import type { Config } from './config/config.js';
import type { HostPort } from './config/value-types.js';
import type { LiveIngest } from './live-ingest.js';
import type { Metrics } from './metrics.js';
import { VERSION } from './version.js';

/** What the HTTP API shows of a peer. */
function httpPeer({ id, since, ...rest }: PeerStatus): HttpPeer {
  return { ...rest, id: id ?? '', since: new Date(Number(since / 1_000_000n)) };
}

/** Whether the gateway can do its work: what `/readyz` says. */
export function healthOf({
  bridge,
  spool,
  relay,
}: Pick<LiveIngest, 'bridge' | 'spool'> & { readonly relay?: Relay | undefined }): Health {
  const checks = [
    writingCheck(bridge),
    spoolCheck('spool', 'the database', spool.status),
    ...(relay ? [spoolCheck('relay', 'the loggers', relay.status)] : []),
  ];
  return { ready: checks.every(({ ok }) => ok), checks };
}

function writingCheck(bridge: Bridge): HealthCheck {
  const { database } = bridge.status;
  const ok = database.state === 'ok';
  const detail = ok
    ? 'all that came is written or being written'
    : `retrying since ${database.since.toISOString()}: ${database.lastError}`;
  return { name: 'writing', ok, detail };
}

function spoolCheck(name: string, receiver: string, status: SpoolStatus): HealthCheck {
  const { state, lastError, bytes, sizeBytes, oldestMs } = status;
  const held = `${bytes} of ${sizeBytes} bytes wait for ${receiver}, the oldest for ${oldestMs} ms`;
  const problem = state === 'full' ? 'full, and the peers are not read: ' : `${lastError}; `;
  return { name, ok: state === 'ok', detail: state === 'ok' ? held : problem + held };
}

/**
 * Knows who may use the API. Throws `tokens_missing` where others than this machine's could ask, and nobody could be
 * let in.
 */
export async function openGate(
  db: Database,
  { api, http, door }: Pick<Config, 'api' | 'http' | 'door'>,
  logger: Logger,
): Promise<TokenGate> {
  const { auth, tls } = api;
  const isLocal = isLoopback(http.host);
  const gate = new TokenGate({
    pool: db.pool,
    clock: systemClock,
    logger,
    isRequired: auth === 'required' || (auth === 'auto' && !isLocal),
    configured: door,
  });
  await gate.start();
  if (gate.isRequired && !isLocal && gate.hasTokens === false) {
    await gate.close();
    throw new ZeekwayError(
      'tokens_missing',
      `the API is to listen on ${http.host}, which is no loopback address, and there is no token`,
    );
  }
  if (!isLocal && !gate.isRequired) {
    logger.warn({}, `whoever reaches ${http.host} may read and change all (api.auth is anonymous)`);
  }
  if (!isLocal && gate.isRequired && !tls) {
    logger.warn({}, `tokens travel to ${http.host} as they are: set api.tls-cert, or put TLS in front`);
  }
  return gate;
}

/** The WebSocket door to the peers of an endpoint. */
export function makeDoor(
  upstream: Upstream,
  { door, http }: Pick<Config, 'door' | 'http'>,
  gate: Gate,
  logger: Logger,
): Door {
  const { tokens, publish, overflow, queue } = door;
  const needsToken = tokens.size > 0;
  if (!needsToken && !gate.isRequired && publish.has(ANONYMOUS) && !isLoopback(http.host)) {
    logger.warn(
      {},
      `whoever reaches ${http.host} may publish to Zeek (door.publish has ${ANONYMOUS}, door.tokens is empty)`,
    );
  }
  return new Door({
    upstream,
    clock: systemClock,
    logger,
    version: VERSION,
    access: { gate, needsToken, anonymousPublish: publish.get(ANONYMOUS) ?? [] },
    overflow,
    queue: { bytes: queue },
    refusePages: refuseForeignPage,
  });
}

/** What `/v1/ingest` shows. */
export const ingestOf = ({ bridge }: Pick<LiveIngest, 'bridge'>): IngestStream[] =>
  bridge.ingest.map(({ last, ...count }) => ({ ...count, last: new Date(Number(last / 1_000_000n)) }));

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127\./.test(host);

/** TLS and limits of the API. Throws `file_unreadable`, `tls_invalid`. */
export async function apiSettings({
  tls,
  rateLimit,
}: Config['api']): Promise<Pick<ServerDeps, 'tls' | 'rateLimit'>> {
  return {
    ...(tls === undefined ? {} : { tls: await readTls(tls) }),
    ...(rateLimit === undefined ? {} : { rateLimit }),
  };
}

/** Starts the HTTP API. Throws `listen_failed`. @returns it with its URL. */
export async function startHttp(
  at: HostPort,
  db: Database,
  logger: Logger,
  {
    peers,
    health,
    metrics,
    ...others
  }: {
    peers: () => readonly PeerStatus[];
    health: () => Health;
    metrics?: Metrics;
  } & Pick<
    ServerDeps,
    'gate' | 'audit' | 'rateLimit' | 'tls' | 'actions' | 'stores' | 'ingest' | 'retention' | 'door' | 'live'
  >,
): Promise<{ server: FastifyInstance; url: string }> {
  const server = createServer({
    pool: db.queryPool,
    probePool: db.pool,
    peers: () => peers().map(httpPeer),
    health,
    ...(metrics === undefined ? {} : { metrics: () => metrics.render() }),
    deadLetters: {
      inspect: inspectPayload,
      // On the connections of the API: however much is tried again, writing has its own.
      retry: (filter, from) => retryDeadLetters({ ...db, pool: db.queryPool }, filter, from),
    },
    logger,
    version: VERSION,
    ...others,
  });
  try {
    await server.listen(at);
  } catch (error) {
    await server.close();
    const reason = error instanceof Error ? error.message : String(error);
    throw new ZeekwayError('listen_failed', `the HTTP API cannot listen: ${reason}`, {}, { cause: error });
  }
  const [bound] = server.addresses();
  const port = typeof bound === 'object' ? bound.port : at.port;
  return { server, url: `${others.tls ? 'https' : 'http'}://${hostPort(at.host, port)}` };
}
