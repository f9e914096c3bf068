import type { ExecutionContext } from 'ava';
import type { LightMyRequestResponse } from 'fastify';
import pg from 'pg';
import pino from 'pino';
import { retryDeadLetters } from '../../src/bridge/retry.js';
import { OPEN_GATE } from '../../src/core/access.js';
import { ZeekwayError } from '../../src/core/errors.js';
import type { ClientDoor } from '../../src/http/clients.js';
import type { IngestStream, PeerActions, PeerStatus } from '../../src/http/peers.js';
import { createServer, type ServerDeps } from '../../src/http/server.js';
import { type ColumnSpec, ensureLogTable, type SqlType } from '../../src/storage/log-tables.js';
import { sourceId } from '../../src/storage/sources.js';
import { inspectPayload } from '../../src/zeek/inspect.js';
import { testDatabase } from '../support/database.js';

export type Json = { [key: string]: unknown };

/** An answer that was parsed. */
interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Json;
}

/** The API on the database of a test file. */
export interface TestApi {
  readonly pool: pg.Pool;
  readonly server: ReturnType<typeof createServer>;
  /** What was logged at level warn and above. */
  readonly logged: string[];
  readonly get: (url: string) => Promise<Answer>;
  readonly change: (
    method: 'POST' | 'DELETE' | 'PUT' | 'PATCH',
    url: string,
    headers?: Readonly<Record<string, string>>,
    payload?: object,
  ) => Promise<Answer>;
  /** The rows of an answer of /v1/logs/{path}. */
  readonly rows: (url: string) => Promise<Json[]>;
  /** Makes a log by what a peer announces. */
  readonly makeLog: (path: string, fields: readonly Field[]) => Promise<void>;
  /** Adds a row to a log; values in PostgreSQL's notation by column. */
  readonly addRow: (path: string, values: Record<string, string | null>, source?: number) => Promise<void>;
  readonly close: () => PromiseLike<void>;
}

type Field = readonly [name: string, zeekType: string, sqlType: SqlType];

export const PEER: PeerStatus = {
  id: '7bd17052-2f5a-4c83-9f4d-6fd3a7a2f6a1',
  node: 'worker-1',
  address: '192.0.2.7:9999',
  url: 'broker://192.0.2.7:9999',
  direction: 'out',
  state: 'retrying',
  since: new Date('2026-11-24T03:13:17.123Z'),
  filter: ['zeek/logs/', ''],
  bytesIn: 5,
  bytesOut: 4,
  messagesIn: 3,
  messagesOut: 2,
  queueBytes: 1,
  lastError: 'connection refused [peer_unreachable]',
};

/** A door with one client, which lets nobody in. */
export const DOOR: ClientDoor = {
  admit: () => {
    throw new ZeekwayError('too_many_clients', 'there is 1 client');
  },
  clients: () => [
    {
      name: 'soc',
      address: '192.0.2.8:41234',
      application: 'my-app/1.0',
      since: new Date('2026-11-24T03:13:17.123Z'),
      topics: ['zeek/event/'],
      queued: 1,
      sent: 2,
      dropped: 3,
    },
  ],
  close: () => {},
};

/** A gateway with one peer that wants all, and which knows no other. */
export const ACTIONS: PeerActions = {
  publish: () => 1,
  publishIdentifier: () => 1,
  add: (url) => url,
  remove: async (idOrUrl) => idOrUrl === PEER.id,
};

export const INGEST: IngestStream[] = [
  {
    peer: PEER.id,
    node: 'worker-1',
    name: '192.0.2.7:9999',
    stream: 'Conn::LOG',
    path: 'conn',
    records: 2,
    bytes: 300,
    last: new Date('2026-11-24T03:13:17.123Z'),
  },
];

/** The API on the test file's database and, as source 1, a live peer. */
export async function openApi(t: ExecutionContext, overrides: Partial<ServerDeps> = {}): Promise<TestApi> {
  const { db } = await testDatabase(t);
  const logged: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => void logged.push(line) });
  const server = createServer({
    pool: db.pool,
    probePool: db.pool,
    peers: () => [PEER],
    health: () => ({ ready: true, checks: [{ name: 'bridge', ok: true, detail: '0 batches wait' }] }),
    deadLetters: {
      inspect: inspectPayload,
      retry: (filter, from) => retryDeadLetters(db, filter, from),
    },
    gate: OPEN_GATE,
    logger,
    version: '1.2.3',
    ...overrides,
  });
  await sourceId(db, { kind: 'live', name: '192.0.2.7:9999', peer: PEER.id, node: 'worker-1' });
  const types = new Map<string, string>();

  return {
    pool: db.pool,
    server,
    logged,
    get: async (url) => answer(await server.inject(url)),
    change: async (method, url, headers = {}, payload = undefined) =>
      answer(await server.inject({ method, url, headers, ...(payload ? { payload } : {}) })),
    rows: async (url) => {
      const { status, body } = answer(await server.inject(url));
      if (status !== 200) throw new Error(`${url}: ${JSON.stringify(body)}`);
      return body['rows'] as Json[];
    },
    makeLog: async (path, fields) => {
      const specs: ColumnSpec[] = fields.map(([field, zeekType, sqlType]) => ({ field, zeekType, sqlType }));
      const { columns } = await ensureLogTable(db, { path, stream: `${path}::LOG` }, specs);
      columns.forEach((column, index) => {
        types.set(`${path} ${column}`, specs[index]?.sqlType ?? '');
      });
    },
    addRow: async (path, values, source = 1) => {
      const all = Object.entries({ _received: '2026-11-24T04:00:00Z', ...values });
      const typeOf = (column: string): string => types.get(`${path} ${column}`) ?? 'timestamptz';
      const names = all.map(([column]) => pg.escapeIdentifier(column));
      const places = all.map(([column], index) => `$${index + 1}::${typeOf(column)}`);
      await db.pool.query(
        `INSERT INTO logs.${pg.escapeIdentifier(path)} (${names.join(', ')}, _source)
         VALUES (${places.join(', ')}, ${source})`,
        all.map(([, value]) => value),
      );
    },
    close: () => server.close(),
  };
}

function answer(response: LightMyRequestResponse): Answer {
  return {
    status: response.statusCode,
    type: String(response.headers['content-type']),
    body: response.json<Json>(),
  };
}

/** The schema at `path` of the document, references replaced by what they mean. */
export function resolved(schema: unknown, document: Json): unknown {
  if (Array.isArray(schema)) return schema.map((one) => resolved(one, document));
  if (typeof schema !== 'object' || schema === null) return schema;
  const { $ref } = schema as { $ref?: string };
  if ($ref === undefined) {
    return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, resolved(value, document)]));
  }
  const target = $ref
    .replace(/^#\//, '')
    .split('/')
    .reduce((at: unknown, key) => (at as Json)[key], document);
  return resolved(target, document);
}
