import { API_RATE, DOOR_QUEUE_BYTES_MIN } from '../../core/limits.js';
import { OVERFLOW_POLICIES } from '../../door/client-queue.js';
import { defaultDataDir } from '../../storage/embedded/home.js';
import {
  choice,
  databaseType,
  fileType,
  folderType,
  hostPortType,
  listenUrlType,
  loggerAddressType,
  nodeNameType,
  peerUrlType,
  prefixesType,
  rateType,
  retentionType,
  routeType,
  STORE_BACKENDS,
  sizeType,
  spoolSizeType,
  storeNameType,
  syncIntervalType,
  tokenType,
  topicType,
  type ValueType,
} from './value-types.js';

/** The one list of what can be configured: files, options, variables, help, docs and `--print` are made from it. */

/**
 * One key. `one` has a value or none; `many` is a list; `named` has a value for each of some names. Of the first two
 * the strongest source counts as a whole, of the last it counts for each name.
 */
export interface Key<T = unknown> {
  /** Its place in the file: `spool.size`. */
  readonly path: string;
  readonly shape: 'one' | 'many' | 'named';
  readonly type: ValueType<T>;
  readonly flag: string;
  /** What the flag takes, for help. */
  readonly argument: string;
  readonly env: string;
  /**
   * For a key of shape `one` whose flag and variable are those of a `named` key: the name that stands for it there, so
   * `--retention default=30d`.
   */
  readonly entry?: string;
  /** Of a `named` key: an example of what its flag takes. Names have no equals sign where values may have one. */
  readonly pair?: { readonly example: string; readonly valueHasEquals: boolean };
  /** As a file would have it; empty for none. */
  readonly defaults: readonly string[];
  /** The default for people, where it is not just that. */
  readonly defaultShown?: string;
  readonly meaning: string;
}

/** Whether its flag and its variable take one value, as it is. */
export const isSingle = ({ shape, entry }: Key): boolean => shape === 'one' && entry === undefined;

type Rest<T> = Pick<Key<T>, 'argument' | 'meaning'> & Partial<Key<T>>;

/** Flag and variable have the key's own name but where they are given. */
const key = <T>(path: string, shape: Key['shape'], type: ValueType<T>, rest: Rest<T>): Key<T> => ({
  path,
  shape,
  type,
  flag: `--${path.replaceAll('.', '-')}`,
  env: `ZEEKWAY_${path.replace(/[.-]/g, '_').toUpperCase()}`,
  defaults: [],
  ...rest,
});

const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Whether the API needs tokens. */
const API_AUTH = ['auto', 'required', 'anonymous'] as const;
export type ApiAuth = (typeof API_AUTH)[number];

/** Where a gateway listens that was told neither to listen nor to dial. */
export const LISTEN_ALONE = 'broker://127.0.0.1:9999';

export const KEYS = {
  listen: key('listen', 'many', listenUrlType, {
    argument: '<url>',
    defaultShown: `${LISTEN_ALONE} without any peer, else none`,
    meaning:
      'wait for peers at broker://HOST:PORT?tls=anonymous|mutual|off, for the logs of a ZeroMQ cluster at zeromq-log://HOST:PORT',
  }),
  peer: key('peer', 'many', peerUrlType, {
    argument: '<url>',
    meaning:
      'keep the Zeek at broker://HOST:PORT?tls=... peered, the ZeroMQ cluster at zeromq://HOST?xpub=5555&xsub=5556, or a WebSocket API at ws://HOST:27759',
  }),
  subscribe: key('subscribe', 'many', topicType, {
    argument: '<prefix>',
    meaning: 'further topics to take, beside all logs',
  }),
  relay: key('relay', 'many', loggerAddressType, {
    argument: '<address>',
    meaning: 'hand log batches that come at zeromq-log://... on to the logger at tcp://HOST:PORT',
  }),
  route: key('route', 'many', routeType, {
    argument: '<route>',
    meaning: 'events that go from one transport to another: FROM>TO=PREFIX, or <> for both ways',
  }),
  nodeName: key('node-name', 'one', nodeNameType, {
    argument: '<name>',
    defaultShown: 'none',
    meaning: "this node's name in cluster-layout.zeek, for a gateway that is in it",
  }),
  database: key('database', 'one', databaseType, {
    argument: '<url>',
    env: 'DATABASE_URL',
    defaultShown: 'the embedded PostgreSQL',
    meaning: 'PostgreSQL 14 or later: postgres://user:password@host/name',
  }),
  data: key('data', 'one', folderType, {
    argument: '<dir>',
    defaults: [defaultDataDir()],
    defaultShown: '/var/lib/zeekway for root, else ~/.local/share/zeekway',
    meaning: 'folder of the embedded PostgreSQL and of the endpoint ID',
  }),
  http: key('http', 'one', hostPortType, {
    argument: '<host:port>',
    defaults: ['127.0.0.1:9280'],
    meaning: 'where the HTTP API listens',
  }),
  apiAuth: key('api.auth', 'one', choice(API_AUTH), {
    argument: '<who>',
    defaults: ['auto'],
    meaning:
      'whether the API needs tokens: auto (unless it listens on a loopback address), required, or anonymous (whoever reaches it may do all)',
  }),
  apiTlsCert: key('api.tls-cert', 'one', fileType, {
    argument: '<file>',
    defaultShown: 'none: plain HTTP',
    meaning: 'the certificate of the API (PEM, with those between it and the CA)',
  }),
  apiTlsKey: key('api.tls-key', 'one', fileType, {
    argument: '<file>',
    defaultShown: 'none',
    meaning: 'its key (PEM)',
  }),
  apiRateLimit: key('api.rate-limit', 'one', rateType, {
    argument: '<number>',
    defaults: [String(API_RATE)],
    meaning: 'requests of one token (or address) in a minute, or off',
  }),
  logLevel: key('log-level', 'one', choice(LOG_LEVELS), {
    argument: '<level>',
    defaults: ['info'],
    meaning: `what to log: ${LOG_LEVELS.join(', ')}`,
  }),
  spoolSize: key('spool.size', 'one', spoolSizeType, {
    argument: '<size>',
    defaults: ['4GiB'],
    meaning:
      'disk space for what waits for the database, like 512MiB or 4GiB; when it is full, reading stops',
  }),
  spoolSyncInterval: key('spool.sync-interval', 'one', syncIntervalType, {
    argument: '<time>',
    defaults: ['50ms'],
    meaning: 'what was received is on disk after this time, like 50ms or 2s',
  }),
  spoolSyncBytes: key('spool.sync-bytes', 'one', sizeType(1), {
    argument: '<size>',
    defaults: ['4MiB'],
    meaning: 'or after this many bytes, if that is earlier',
  }),
  retentionDefault: key('retention.default', 'one', retentionType, {
    argument: '<path=days>',
    flag: '--retention',
    env: 'ZEEKWAY_RETENTION',
    entry: 'default',
    defaults: ['never'],
    meaning: 'days to keep the rows of logs without a retention of their own, like 30d, or never to drop any',
  }),
  retentionLogs: key('retention.logs', 'named', retentionType, {
    argument: '<path=days>',
    flag: '--retention',
    env: 'ZEEKWAY_RETENTION',
    meaning: 'days to keep the rows of the log with this path',
  }),
  storesMasters: key('stores.masters', 'named', choice(STORE_BACKENDS), {
    argument: '<name=backend>',
    flag: '--store-master',
    env: 'ZEEKWAY_STORE_MASTER',
    defaultShown: 'none',
    pair: { example: 'hosts=postgresql', valueHasEquals: false },
    meaning: `be the master of the data store with this name, kept in one of ${STORE_BACKENDS.join(', ')}`,
  }),
  storesClones: key('stores.clones', 'many', storeNameType, {
    argument: '<name>',
    flag: '--store-clone',
    env: 'ZEEKWAY_STORE_CLONE',
    meaning: 'be a clone of the data store with this name, whose master is at a peer',
  }),
  storesMirror: key('stores.mirror', 'many', storeNameType, {
    argument: '<name>',
    flag: '--store-mirror',
    env: 'ZEEKWAY_STORE_MIRROR',
    meaning: 'write what this data store holds, and held, into PostgreSQL',
  }),
  doorTokens: key('door.tokens', 'named', tokenType, {
    argument: '<name=token>',
    defaultShown: 'none: who may use the API may read',
    pair: { example: 'soc=RANDOM-TEXT', valueHasEquals: true },
    meaning:
      'WebSocket clients need one of these tokens, or one of `zeekway token`; they are good for the API, too',
  }),
  doorPublish: key('door.publish', 'named', prefixesType, {
    argument: '<name=prefix>',
    defaultShown: 'nobody',
    pair: { example: 'soc=zeek/event/', valueHasEquals: true },
    meaning:
      'WebSocket clients with the token of this name may publish on topics with this prefix, or one of several with | between them; `anonymous` are those without a token',
  }),
  doorOverflow: key('door.overflow', 'one', choice(OVERFLOW_POLICIES), {
    argument: '<policy>',
    defaults: ['drop_oldest'],
    meaning: `what happens to messages for a WebSocket client that is too slow: ${OVERFLOW_POLICIES.join(', ')}`,
  }),
  doorQueue: key('door.queue', 'one', sizeType(DOOR_QUEUE_BYTES_MIN), {
    argument: '<size>',
    defaults: ['1MiB'],
    meaning: 'how much may wait for one WebSocket client',
  }),
} as const satisfies Record<string, Key>;

export type KeyId = keyof typeof KEYS;

/**
 * The keys that each command has options and variables for; `store` is for those that only look into the database or
 * change it. The others it takes from the file or not at all.
 */
export const COMMAND_KEYS = {
  serve: Object.values(KEYS) as readonly Key[],
  replay: [KEYS.database, KEYS.data] as readonly Key[],
  store: [KEYS.database, KEYS.data] as readonly Key[],
  partitions: [KEYS.database, KEYS.data, KEYS.retentionDefault, KEYS.retentionLogs] as readonly Key[],
  demo: [KEYS.data, KEYS.http, KEYS.apiAuth] as readonly Key[],
} as const;

/** The file itself. It is named by an option or a variable only: no place is looked into unasked. */
export const CONFIG_FILE = {
  flag: '--config',
  argument: '<file>',
  env: 'ZEEKWAY_CONFIG',
  meaning: 'a YAML file with these keys',
} as const;
