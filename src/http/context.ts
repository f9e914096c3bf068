import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Gate } from '../core/access.js';
import { API_QUERY_TIMEOUT_MS } from '../core/limits.js';
import type { LiveRows } from '../live/live-rows.js';
import type { AuditEntry } from '../storage/audit.js';
import type { Retention } from '../storage/partitions/pass.js';
import { type Query, read } from '../storage/queries/query.js';
import type { ClientDoor } from './clients.js';
import type { DeadLetterActions } from './dead-letters.js';
import type { Health, IngestStream, PeerActions, PeerStatus } from './peers.js';
import type { StoreAccess } from './stores.js';

/** A certificate and its key. */
export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** What the API needs from the rest of the gateway. */
export interface ServerDeps {
  readonly pool: pg.Pool;
  /** For the readiness probe, which must not wait behind the queries of `pool`. */
  readonly probePool: pg.Pool;
  readonly peers: () => readonly PeerStatus[];
  readonly health: () => Health;
  /** Numbers for Prometheus in its text format. */
  readonly metrics?: () => Promise<{ contentType: string; text: string }>;
  readonly deadLetters: DeadLetterActions;
  /** Where WebSocket clients come in: nowhere where it is left out. */
  readonly door?: ClientDoor;
  /** Rows as they come: none come where it is left out. */
  readonly live?: Pick<LiveRows, 'watch'>;
  /** How long the maintenance keeps the rows of each log: for ever where it is left out. */
  readonly retention?: Retention;
  /** Knows who has which token. */
  readonly gate: Gate;
  /** Keeps a record of a request that was to change something; only the log has it where this is left out. */
  readonly audit?: (entry: AuditEntry) => void;
  /** Requests of one token (or address) in a minute; no limit where it is left out. */
  readonly rateLimit?: number;
  /** PEM texts; plain HTTP where they are left out. */
  readonly tls?: TlsFiles;
  /** Publishing and the peers of this run: not offered where it is left out. */
  readonly actions?: PeerActions;
  /** The data stores of the endpoint: not offered where it is left out. */
  readonly stores?: StoreAccess;
  /** What came from whom since the start: not offered where it is left out. */
  readonly ingest?: () => readonly IngestStream[];
  readonly logger: Logger;
  /** Of zeekway. */
  readonly version: string;
  /** Default: API_QUERY_TIMEOUT_MS. */
  readonly queryTimeoutMs?: number;
  /** Default: EXPORT_TIMEOUT_MS. */
  readonly exportTimeoutMs?: number;
}

/** Fastify, knowing the types that TypeBox schemas describe. */
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** What reading needs. */
export type ReadDeps = Pick<ServerDeps, 'pool' | 'queryTimeoutMs'>;

/** Who asks: a request, or a command. */
export interface Asker {
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
}

/** Runs the statements of a request: within the time limit, and no longer than the client waits. */
export function readFor<T>(
  { pool, queryTimeoutMs = API_QUERY_TIMEOUT_MS }: ReadDeps,
  asker: Asker,
  work: (query: Query) => Promise<T>,
): Promise<T> {
  return read(pool, { timeoutMs: queryTimeoutMs, signal: asker.signal }, work);
}

/**
 * `work` for each of several logs, one after the other, in transactions of their own: a question about a whole log
 * locks all of its partitions, and all logs together may have more than the server has room for.
 */
export async function readEach<T, R>(
  deps: ReadDeps,
  asker: Asker,
  things: readonly T[],
  work: (query: Query, thing: T) => Promise<R>,
): Promise<R[]> {
  const { queryTimeoutMs = API_QUERY_TIMEOUT_MS } = deps;
  const deadline = performance.now() + queryTimeoutMs;
  const results: R[] = [];
  for (const thing of things) {
    const left = Math.max(1, Math.ceil(deadline - performance.now()));
    results.push(await readFor({ ...deps, queryTimeoutMs: left }, asker, (query) => work(query, thing)));
  }
  return results;
}
