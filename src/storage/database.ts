import pg from 'pg';
import { errorLine, ZeekwayError } from '../core/errors.js';
import { DATABASE_CONNECT_TIMEOUT_MS } from '../core/limits.js';
import { isTransient, toDatabaseError } from './database-error.js';
import { parseDatabaseUrl } from './database-url.js';
import { startEmbedded } from './embedded/server.js';

export { isTransient, toDatabaseError } from './database-error.js';

/** An open database: an external server by URL, or the embedded PostgreSQL. */
export interface Database {
  /** For what is written, and all that the gateway itself asks. */
  readonly pool: pg.Pool;
  /** For the queries of others (the API): however many there are, writing has its own connections. */
  readonly queryPool: pg.Pool;
  readonly kind: 'external' | 'embedded';
  /** For people: version, place, database. No password. */
  readonly description: string;
  /** A command line that opens the same database in psql; only for the embedded one. */
  readonly connectHint?: string;
  /** Closes the connections; stops the embedded server unless another zeekway still uses it. */
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** `postgres://user:password@host:5432/database`; without it the embedded PostgreSQL is used. */
  readonly url?: string | undefined;
  /** Where the embedded PostgreSQL keeps its data; `defaultDataDir()` when not given. */
  readonly dataDir?: string | undefined;
  /** Open an external server also where it cannot be reached now; `checkVersion` is to be called when it can. */
  readonly evenAway?: boolean;
  /** Takes lines for people: what was started, copied, recovered. */
  readonly log?: ((line: string) => void) | undefined;
}

/** PostgreSQL 14, as `server_version_num` counts. */
const OLDEST_VERSION = 140_000;

/** Connections at most: a few writers, a replay's lock, a probe; and the API's queries. */
const POOL_SIZE = 6;
const QUERY_POOL_SIZE = 6;

function openPool(config: pg.PoolConfig, log: (line: string) => void): pg.Pool {
  const pool = new pg.Pool({
    application_name: 'zeekway',
    connectionTimeoutMillis: DATABASE_CONNECT_TIMEOUT_MS,
    keepAlive: true,
    max: POOL_SIZE,
    // By SET and not by the startup packet's `options`, which pgbouncer refuses.
    onConnect: async (client) => {
      await client.query("SET timezone = 'UTC'");
    },
    ...config,
  });
  pool.on('error', (error) => log(toDatabaseError(error, 'keep an idle database connection').message));
  return pool;
}

function openPools(
  config: pg.PoolConfig,
  log: (line: string) => void,
): Pick<Database, 'pool' | 'queryPool' | 'close'> {
  const pool = openPool(config, log);
  const queryPool = openPool({ ...config, max: QUERY_POOL_SIZE }, log);
  const close = async (): Promise<void> => {
    await Promise.all([pool.end(), queryPool.end()]);
  };
  return { pool, queryPool, close };
}

/** The version of the server. Throws `database_version` where it is too old, and the errors of the connection. */
export async function checkVersion(client: pg.Pool | pg.Client): Promise<string> {
  const { rows } = await client.query<{ version: string; number: number }>(
    `SELECT split_part(current_setting('server_version'), ' ', 1) AS version,
            current_setting('server_version_num')::int AS number`,
  );
  const [row] = rows;
  if (row === undefined || row.number < OLDEST_VERSION) {
    throw new ZeekwayError(
      'database_version',
      `the database server is PostgreSQL ${row?.version ?? 'unknown'}, zeekway needs 14 or later`,
    );
  }
  return row.version;
}

async function openExternal(url: string, log: (line: string) => void, evenAway: boolean): Promise<Database> {
  const { searchParams } = parseDatabaseUrl(url);
  const connectionTimeoutMillis = DATABASE_CONNECT_TIMEOUT_MS;
  let place = 'the database';
  let client: pg.Client | undefined;
  let version: string | undefined;
  try {
    // Not by the pool: it leaves the connection of a client open that the server has not let in.
    client = new pg.Client({ connectionString: url, application_name: 'zeekway', connectionTimeoutMillis });
    // The client knows what URL, PG* variables and defaults amount to.
    const { host, port, database = '', user = '' } = client;
    place = `${host.startsWith('/') ? host : `${host}:${port}`}, database ${database}, user ${user}`;
    // Every failure comes out of the call that it belongs to.
    client.on('error', () => {});
    await client.connect();
    version = await checkVersion(client);
  } catch (error) {
    const problem = toDatabaseError(error, `connect to ${place}`);
    if (!evenAway || !isTransient(problem)) throw problem;
    log(errorLine(problem));
  } finally {
    await client?.end();
  }
  const pools = openPools({ connectionString: url }, log);
  const tls = searchParams.has('sslmode') ? `, sslmode ${searchParams.get('sslmode')}` : '';
  return {
    ...pools,
    kind: 'external',
    description: `PostgreSQL${version === undefined ? '' : ` ${version}`} at ${place}${tls}`,
  };
}

/** A word for a shell: quoted where it needs to be. */
const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

async function openEmbedded(dataDir: string | undefined, log: (line: string) => void): Promise<Database> {
  const server = await startEmbedded({ dataDir, log });
  const { socketDir, user, database } = server;
  const pools = openPools({ host: socketDir, port: server.port, user, database, ssl: false }, log);
  const close = async (): Promise<void> => {
    await pools.close();
    await server.close();
  };
  try {
    const version = await checkVersion(pools.pool);
    return {
      ...pools,
      kind: 'embedded',
      description: `embedded PostgreSQL ${version} in ${server.home}`,
      connectHint: `psql -h ${shellWord(socketDir)} -p ${server.port} -U ${user} ${database}`,
      close,
    };
  } catch (error) {
    await close();
    throw toDatabaseError(error, 'connect to the embedded PostgreSQL');
  }
}

/**
 * Opens the database that the options name and checks its version. Throws `database_unreachable`,
 * `database_auth`, `database_version`, `database_failed`, `config_invalid` (the URL), `embedded_unavailable`
 * or `embedded_failed`.
 */
export async function openDatabase(options: DatabaseOptions = {}): Promise<Database> {
  const log = options.log ?? (() => {});
  return options.url === undefined
    ? openEmbedded(options.dataDir, log)
    : openExternal(options.url, log, options.evenAway ?? false);
}
