import type { OverflowPolicy } from '../../door/client-queue.js';
import type { Route } from '../../peer/routes.js';
import type { ApiAuth, KEYS, Key, KeyId, LogLevel } from './keys.js';
import type { Place } from './problems.js';
import type { HostPort, StoreBackendName } from './value-types.js';

/** Where things are stored. */
export interface StoreConfig {
  /** An external server; the embedded PostgreSQL where it is left out. */
  readonly database?: string;
  /** The folder of the embedded PostgreSQL and of what the gateway remembers. */
  readonly data: string;
}

/** The queue on disk between receiving and storing. */
interface SpoolConfig {
  /** Bytes on disk, at most. */
  readonly size: number;
  /** What was received is synced after this time at the latest... */
  readonly syncIntervalMs: number;
  /** ...or after this many bytes. */
  readonly syncBytes: number;
}

/** For how many days the rows of a log are kept; `undefined` is for ever. */
interface RetentionConfig {
  /** For logs that are not in `days`. */
  readonly defaultDays: number | undefined;
  /** By the log's path. */
  readonly days: ReadonlyMap<string, number | undefined>;
}

/** The WebSocket door. */
interface DoorConfig {
  /** By the name of who has it. */
  readonly tokens: ReadonlyMap<string, string>;
  /** Topic prefixes below which each may publish, by name. */
  readonly publish: ReadonlyMap<string, readonly string[]>;
  readonly overflow: OverflowPolicy;
  /** Bytes that may wait for one client. */
  readonly queue: number;
}

/** Who may use the HTTP API, and how. */
interface ApiConfig {
  readonly auth: ApiAuth;
  /** PEM files; plain HTTP without them. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Requests of one token (or address) in a minute, at most. */
  readonly rateLimit: number | undefined;
}

/** The data stores that the gateway has. */
interface StoresConfig {
  /** Of which it is the master, and where each is kept. */
  readonly masters: ReadonlyMap<string, StoreBackendName>;
  readonly clones: readonly string[];
  /** Those of both that are written into PostgreSQL, with their history. */
  readonly mirror: readonly string[];
}

/** All that can be configured. */
export interface Config extends StoreConfig {
  /** Endpoint URLs. */
  readonly listen: readonly string[];
  readonly peer: readonly string[];
  /** Topic prefixes, beside those of all logs. */
  readonly subscribe: readonly string[];
  /** The loggers that log batches are handed on to. */
  readonly relay: readonly string[];
  readonly routes: readonly Route[];
  /** The name in the layout of a Zeek cluster; a gateway without one is no node of it. */
  readonly nodeName?: string;
  readonly http: HostPort;
  readonly api: ApiConfig;
  readonly logLevel: LogLevel;
  readonly spool: SpoolConfig;
  readonly retention: RetentionConfig;
  readonly stores: StoresConfig;
  readonly door: DoorConfig;
}

/** A value and where it is from. */
export interface Item<T = unknown> {
  readonly name?: string;
  readonly value: T;
  readonly at: Place;
}

/** What a key came to: of shape `one`, no item or one. */
export interface Setting<T = unknown> {
  readonly at: Place;
  readonly items: readonly Item<T>[];
}

type ValueOf<K> = K extends Key<infer T> ? T : never;

export type Settings = { readonly [K in KeyId]: Setting<ValueOf<(typeof KEYS)[K]>> };

const values = <T>({ items }: Setting<T>): T[] => items.map(({ value }) => value);

/** The values of a `named` key. */
const byName = <T>({ items }: Setting<T>): Map<string, T> =>
  new Map(items.map(({ name = '', value }) => [name, value]));

/** The value of a key that has a default. */
function only<T>({ items: [item] }: Setting<T>): T {
  if (item === undefined) throw new Error('a key without a value and without a default');
  return item.value;
}

const daysOf = (value: number | 'never'): number | undefined => (value === 'never' ? undefined : value);

export function configOf(settings: Settings): Config {
  const [database] = values(settings.database);
  const [nodeName] = values(settings.nodeName);
  const [cert] = values(settings.apiTlsCert);
  const [key] = values(settings.apiTlsKey);
  const rateLimit = only(settings.apiRateLimit);
  return {
    listen: values(settings.listen),
    peer: values(settings.peer),
    subscribe: values(settings.subscribe),
    relay: values(settings.relay),
    routes: values(settings.route).flat(),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(database === undefined ? {} : { database }),
    data: only(settings.data),
    http: only(settings.http),
    api: {
      auth: only(settings.apiAuth),
      ...(cert === undefined || key === undefined ? {} : { tls: { cert, key } }),
      rateLimit: rateLimit === 'off' ? undefined : rateLimit,
    },
    logLevel: only(settings.logLevel),
    spool: {
      size: only(settings.spoolSize),
      syncIntervalMs: only(settings.spoolSyncInterval),
      syncBytes: only(settings.spoolSyncBytes),
    },
    retention: {
      defaultDays: daysOf(only(settings.retentionDefault)),
      days: new Map(settings.retentionLogs.items.map(({ name = '', value }) => [name, daysOf(value)])),
    },
    stores: {
      masters: byName(settings.storesMasters),
      clones: values(settings.storesClones),
      mirror: values(settings.storesMirror),
    },
    door: {
      tokens: byName(settings.doorTokens),
      publish: byName(settings.doorPublish),
      overflow: only(settings.doorOverflow),
      queue: only(settings.doorQueue),
    },
  };
}
