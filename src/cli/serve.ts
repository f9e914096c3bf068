import { once } from 'node:events';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import type { Logger } from 'pino';
import { AuditLog } from '../access/audit-log.js';
import { HEAP_GROWTH_PERCENT } from '../core/limits.js';
import { LiveRows } from '../live/live-rows.js';
import { Endpoint } from '../peer/endpoint.js';
import { loadEndpointId } from '../peer/identity.js';
import type { PeerEvent } from '../peer/status.js';
import { systemClock, systemRandom } from '../peer/system.js';
import { LOG_WRITE } from '../protocol/zeromq/messages.js';
import { Relay } from '../relay/relay.js';
import { MaintenanceRunner } from '../storage/partitions/runner.js';
import { curveKeys } from '../transport/curve.js';
import { hostPort, schemeOf } from '../transport/endpoint-url.js';
import { LOG_TOPIC_PREFIX, nodeIdTopic, nodeTopic } from '../zeek/cluster.js';
import { LOG_EVENT_TOPIC_PREFIX } from '../zeek/log-event.js';
import { zeromqNodeTopic } from '../zeek/zeromq-node.js';
import { reloadTlsOnHangup } from './api-tls.js';
import { Cleanup } from './cleanup.js';
import type { Config } from './config/config.js';
import { apiSettings, healthOf, ingestOf, makeDoor, openGate, startHttp } from './gateway.js';
import { startLiveIngest } from './live-ingest.js';
import { createLogger } from './logger.js';
import { Metrics } from './metrics.js';
import { peerActions } from './peer-actions.js';
import { openStoreEvenAway } from './store.js';
import { storeAccess } from './store-access.js';
import { ConfiguredStores } from './stores.js';

/** `zeekway serve`: runs until the signal aborts, then drains and leaves in order. */
export async function serveCommand(options: Config, signal: AbortSignal): Promise<void> {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
  const logger = createLogger(options.logLevel);
  const cleanup = new Cleanup();
  try {
    const { work } = await start(options, logger, cleanup);
    // The work ends by itself only when it fails.
    await Promise.race([work, signal.aborted ? undefined : once(signal, 'abort')]);
    logger.info({}, 'stopping: unpeering and writing what was received');
  } finally {
    await cleanup.run();
  }
  logger.info({}, 'stopped');
}

/** Starts everything, each with its end in `cleanup`. @returns the work, which goes on until the peers are left. */
async function start(options: Config, logger: Logger, cleanup: Cleanup): Promise<{ work: Promise<void> }> {
  const { db, prepare } = await openStoreEvenAway(options, (line) => logger.info({}, line));
  cleanup.add(() => db.close());
  const settings = await apiSettings(options.api);
  const gate = await openGate(db, options, logger);
  cleanup.add(() => gate.close());
  const audit = new AuditLog(db.pool, logger);
  cleanup.add(() => audit.close());
  const id = await loadEndpointId(join(options.data, 'endpoint-id'), systemRandom);
  const { nodeName } = options;
  const endpoint = new Endpoint({
    id,
    routes: options.routes,
    ...(nodeName === undefined ? {} : { nodeName }),
  });
  const messages = endpoint.subscribe([nodeIdTopic(id), ...topicsOf(options)]);
  const { size, syncBytes, syncIntervalMs } = options.spool;
  const metrics = new Metrics();
  const live = new LiveRows();
  const ingest = await startLiveIngest(messages, {
    db,
    prepare,
    data: options.data,
    logger,
    clock: systemClock,
    spool: { sizeBytes: size, syncBytes, syncIntervalMs },
    onCommitted: (commit) => metrics.committed(commit),
    onItems: (items) => live.offer(items),
  });
  const relay = await startRelay(endpoint, options, logger, cleanup);
  const stores = new ConfiguredStores({ endpoint, db, clock: systemClock, logger });
  // When the endpoint has closed them.
  cleanup.add(() => stores.close());
  const door = makeDoor(endpoint, options, gate, logger);
  metrics.observe({
    ingest,
    peers: () => endpoint.peers(),
    door,
    live,
    audit,
    stores: () => endpoint.storeStatus(),
    mirror: stores,
  });
  const maintenance = new MaintenanceRunner({
    db,
    clock: systemClock,
    logger,
    retention: options.retention,
  });
  maintenance.start();
  cleanup.add(() => maintenance.stop());
  const work = Promise.all([ingest.work, relay?.work]).then(() => {});
  // First the peers are left, then what they sent runs through the spool into the database.
  cleanup.add(() => ingest.close());
  cleanup.add(() => endpoint.close());
  endpoint.on('peer', (event) => logPeerEvent(event, logger));
  const api = await startHttp(options.http, db, logger, {
    peers: () => endpoint.peers(),
    health: () => healthOf({ ...ingest, relay: relay?.relay }),
    metrics,
    retention: options.retention,
    live,
    door,
    gate,
    audit: (entry) => audit.add(entry),
    actions: peerActions(endpoint, door),
    stores: storeAccess(endpoint),
    ingest: () => ingestOf(ingest),
    ...settings,
  });
  if (options.api.tls) {
    const stop = reloadTlsOnHangup(api.server, options.api.tls, logger);
    cleanup.add(async () => stop());
  }
  cleanup.add(() => api.server.close());
  await stores.start(options);
  const { listen, peer } = options;
  for (const url of listen) {
    const { host, port } = await endpoint.listen(url);
    logger.info({ url }, `listening for peers at ${hostPort(host, port)}`);
  }
  for (const url of peer) endpoint.peer(url);
  const psql = db.connectHint === undefined ? {} : { psql: db.connectHint };
  logger.info(
    { id, ...(nodeName === undefined ? {} : { node: nodeName }), database: db.description, ...psql },
    `API at ${api.url}, docs at ${api.url}/docs`,
  );
  return { work };
}

/** Hands log batches on to the site's loggers, where there are some. */
async function startRelay(
  endpoint: Endpoint,
  { relay: loggers, data, spool: { size: sizeBytes } }: Config,
  logger: Logger,
  cleanup: Cleanup,
): Promise<{ relay: Relay; work: Promise<void> } | undefined> {
  if (loggers.length === 0) return undefined;
  const curve = curveKeys('auto', 'connect', process.env);
  const relay = await Relay.start({ loggers, data, curve, logger, clock: systemClock, sizeBytes });
  const work = relay.take(endpoint.subscribe([LOG_WRITE]));
  cleanup.add(async () => {
    // What came before the peers were left is kept, unless nothing can be.
    if (relay.status.state === 'ok') await work;
    await relay.close();
  });
  logger.info({ loggers }, 'log batches are handed on to the loggers');
  return { relay, work };
}

/** What is taken: all logs, in whatever form they come; what is sent to this node by its name; and what was asked for. */
function topicsOf({ listen, peer, nodeName, subscribe }: Config): string[] {
  const has = (urls: readonly string[], scheme: string): boolean =>
    urls.some((url) => schemeOf(url) === scheme);
  const batches = has(listen, 'zeromq-log') ? [LOG_WRITE] : [];
  const named = nodeName === undefined ? [] : [nodeTopic(nodeName)];
  if (nodeName !== undefined && has(peer, 'zeromq')) named.push(zeromqNodeTopic(nodeName));
  return [LOG_TOPIC_PREFIX, LOG_EVENT_TOPIC_PREFIX, ...batches, ...named, ...subscribe];
}

function logPeerEvent({ type, peer, address, message, error }: PeerEvent, logger: Logger): void {
  const fields = { peer, address, ...(error ? { code: error.code } : {}) };
  if (type === 'peer_added' || type === 'peer_removed') logger.info(fields, `${type}: ${message}`);
  else logger.warn(fields, `${type}: ${error?.message ?? message}`);
}
