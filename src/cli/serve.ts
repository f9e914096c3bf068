import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Bridge } from '../bridge/bridge.js';
import { SHUTDOWN_DRAIN_MS } from '../core/limits.js';
import { Endpoint } from '../peer/endpoint.js';
import { loadEndpointId } from '../peer/identity.js';
import { liveItems } from '../peer/ingest.js';
import type { PeerEvent } from '../peer/status.js';
import { systemClock, systemRandom } from '../peer/system.js';
import { hostPort } from '../transport/endpoint-url.js';
import { LOG_TOPIC_PREFIX, nodeIdTopic, nodeTopic } from '../zeek/cluster.js';
import { Cleanup } from './cleanup.js';
import type { Config } from './config/config.js';
import { healthOf, startHttp } from './gateway.js';
import { createLogger } from './logger.js';
import { openStore } from './store.js';

/** `zeekway serve`: runs until the signal aborts, then drains and leaves in order. */
export async function serveCommand(options: Config, signal: AbortSignal): Promise<void> {
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
  const db = await openStore(options, (line) => logger.info({}, line));
  cleanup.add(() => db.close());
  const id = await loadEndpointId(join(options.data, 'endpoint-id'), systemRandom);
  const endpoint = new Endpoint({ id, nodeName: options.nodeName });
  const bridge = new Bridge({ db, writerId: randomUUID(), logger, clock: systemClock });
  cleanup.add(() => bridge.close({ deadlineMs: SHUTDOWN_DRAIN_MS }));
  const { nodeName, subscribe } = options;
  const messages = endpoint.subscribe([LOG_TOPIC_PREFIX, nodeIdTopic(id), nodeTopic(nodeName), ...subscribe]);
  const work = bridge.run(liveItems(messages));
  // First the peers are left, then what they sent runs through the bridge, then it is committed.
  cleanup.add(() => work);
  cleanup.add(() => endpoint.close());
  endpoint.on('peer', (event) => logPeerEvent(event, logger));
  const api = await startHttp(options.http, db, logger, {
    peers: () => endpoint.peers(),
    health: () => healthOf(bridge),
  });
  cleanup.add(() => api.server.close());
  const { listen, peer } = options;
  for (const url of listen) {
    const { host, port } = await endpoint.listen(url);
    logger.info({ url }, `listening for peers at ${hostPort(host, port)}`);
  }
  for (const url of peer) endpoint.peer(url);
  const psql = db.connectHint === undefined ? {} : { psql: db.connectHint };
  logger.info(
    { id, node: nodeName, database: db.description, ...psql },
    `API at ${api.url}, docs at ${api.url}/docs`,
  );
  return { work };
}

function logPeerEvent({ type, peer, address, message, error }: PeerEvent, logger: Logger): void {
  const fields = { peer, address, ...(error ? { code: error.code } : {}) };
  if (type === 'peer_added' || type === 'peer_removed') logger.info(fields, `${type}: ${message}`);
  else logger.warn(fields, `${type}: ${error?.message ?? message}`);
}
