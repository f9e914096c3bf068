import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { API_QUERY_TIMEOUT_MS } from '../core/limits.js';
import { read, textOf } from '../storage/queries/query.js';
import { Cleanup } from './cleanup.js';
import type { Config } from './config/config.js';
import { apiSettings, openGate, startHttp } from './gateway.js';
import { createLogger, type Terminal } from './logger.js';
import { replayAll } from './replay.js';
import { openStore } from './store.js';

/** A recording of a four-node Zeek cluster at work, from its start to its end. */
const CAPTURE = fileURLToPath(import.meta.resolve('#pcaps/broker-cluster.pcap'));

/**
 * `zeekway demo`: replays a recorded Zeek session into the embedded database and leaves the API running.
 * @returns the exit code.
 */
export async function demoCommand(
  options: Pick<Config, 'data' | 'http' | 'api' | 'door'>,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const cleanup = new Cleanup();
  try {
    const store = { data: join(options.data, 'demo') };
    const db = await openStore(store, terminal.err);
    cleanup.add(() => db.close());
    terminal.out(`Database: ${db.description}`);
    const replay = { again: false, speed: 'max', showEarlier: true } as const;
    const code = await replayAll(db, [CAPTURE], replay, terminal, signal);
    if (code !== 0) return code;
    const logger = createLogger('warn');
    const gate = await openGate(db, options, logger);
    cleanup.add(() => gate.close());
    const api = await startHttp(options.http, db, logger, {
      peers: () => [],
      health: () => ({ ready: true, checks: [] }),
      // The page asks; nobody has sent anything.
      ingest: () => [],
      gate,
      ...(await apiSettings(options.api)),
    });
    cleanup.add(() => api.server.close());
    const uid = await read(db.pool, { timeoutMs: API_QUERY_TIMEOUT_MS }, (query) =>
      query(`SELECT uid FROM logs.http ORDER BY ts LIMIT 1`),
    );
    terminal.out(
      [
        '',
        `The page is at ${api.url}/`,
        `The API is running at ${api.url} (interactive docs: ${api.url}/docs). Try:`,
        '',
        `  curl '${api.url}/v1/logs'`,
        `  curl '${api.url}/v1/logs/conn?service=dns&id.orig_h=192.168.0.0/16&limit=3'`,
        `  curl '${api.url}/v1/uid/${textOf(uid[0]?.[0])}'`,
        ...(db.connectHint ? ['', `SQL: ${db.connectHint}`] : []),
        '',
        'Ctrl-C ends it.',
      ].join('\n'),
    );
    if (!signal.aborted) await once(signal, 'abort');
    return 0;
  } finally {
    await cleanup.run();
  }
}
