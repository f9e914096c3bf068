import { closeSync, openSync } from 'node:fs';
import { readFile, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { ZeekwayError } from '../../core/errors.js';
import {
  EMBEDDED_LOG_BYTES,
  EMBEDDED_START_TIMEOUT_MS,
  EMBEDDED_STOP_TIMEOUT_MS,
} from '../../core/limits.js';
import { isTransient } from '../database-error.js';
import { type Binaries, findBinaries } from './binaries.js';
import {
  clusterOf,
  EMBEDDED_USER,
  ensureCluster,
  isAlive,
  readServerProcess,
  recoverCluster,
  removeEmptyPidFile,
  severeLines,
} from './cluster.js';
import { type Hold, isGuarded, joinUsers, startGuarded } from './guard.js';
import { defaultDataDir, type Home, prepareHome, SOCKET_PORT } from './home.js';

/** A hold on the embedded server, and how to connect to it. */
export interface EmbeddedServer {
  /** The folder with everything of it. */
  readonly home: string;
  readonly socketDir: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** Lets go of the server; when nobody else uses it, waits until it has stopped. */
  close(): Promise<void>;
}

/** How often a server that starts or stops is looked at. */
const POLL_MS = 20;
/** A guard needs some milliseconds to see that we left; a server that goes on after this has other users. */
const SHARED_AFTER_MS = 500;

/** Connects once the server answers and makes our database; false while it does not answer. */
async function tryDatabase(home: Home): Promise<boolean> {
  const client = new pg.Client({
    host: home.socketDir,
    port: SOCKET_PORT,
    user: EMBEDDED_USER,
    database: 'postgres',
    ssl: false,
  });
  try {
    await client.connect();
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [EMBEDDED_USER]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${EMBEDDED_USER}`);
    return true;
  } catch (error) {
    // Two that start at once both make the database: the slower one finds it there at the next try.
    const isDuplicate = error instanceof pg.DatabaseError && /^(42P04|23505)$/.test(error.code ?? '');
    if (isDuplicate || isTransient(error)) return false;
    throw error;
  } finally {
    await client.end();
  }
}

/** Waits for the server; false when `isThere` says that it is gone. */
async function becomesReady(home: Home, isThere: () => boolean, deadline: number): Promise<boolean> {
  while (isThere() && performance.now() < deadline) {
    // Not before: the server logs every try to connect while it starts.
    const server = await readServerProcess(home);
    if (server?.state === 'ready' && (await tryDatabase(home))) return true;
    await sleep(POLL_MS);
  }
  return false;
}

function serverCommand(home: Home, binaries: Binaries): string[] {
  const settings = {
    listen_addresses: '',
    port: String(SOCKET_PORT),
    unix_socket_directories: `"${home.socketDir.replaceAll('"', '""')}"`,
    unix_socket_permissions: '0700',
    log_destination: 'stderr',
    logging_collector: 'off',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return [binaries.postgres, '-D', clusterOf(home), ...options];
}

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

/** Another server holds the data directory at this moment; who it is shows itself soon. */
const IS_HELD = /postmaster\.pid" (already exists|is empty)|is still in use/;

/** Starts the server; `undefined` when another one was faster. */
async function start(home: Home, binaries: Binaries, deadline: number): Promise<Hold | undefined> {
  const logPath = join(home.folder, 'server.log');
  if ((await sizeOf(logPath)) > EMBEDDED_LOG_BYTES) await truncate(logPath);
  const logStart = await sizeOf(logPath);
  const logFile = openSync(logPath, 'a', 0o600);
  let ended: string | undefined;
  const { hold, guard } = startGuarded(home, serverCommand(home, binaries), logFile);
  closeSync(logFile);
  guard.once('error', (error) => {
    ended = error.message;
  });
  guard.once('exit', (code, signal) => {
    ended ??= `it ended with ${signal ?? `exit code ${code}`}`;
  });
  try {
    if (await becomesReady(home, () => ended === undefined, deadline)) return hold;
  } catch (error) {
    closeSync(hold);
    throw error;
  }
  closeSync(hold);
  const written = (await readFile(logPath)).subarray(logStart).toString('utf8');
  if (ended !== undefined && IS_HELD.test(written)) return undefined;
  throw new ZeekwayError(
    'embedded_failed',
    `the embedded PostgreSQL in ${home.folder} did not start: ${ended ?? 'no answer in time'}; ${severeLines(written)}`,
  );
}

/** Joins the server of the folder or starts it. */
async function acquire(home: Home, binaries: Binaries, log: (line: string) => void): Promise<Hold> {
  const deadline = performance.now() + EMBEDDED_START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    // In this order: a server that was there before we found no guard has none.
    const leftOver = await readServerProcess(home);
    const joined = joinUsers(home);
    if (joined !== undefined) {
      if (await becomesReady(home, () => isGuarded(home), deadline)) return joined;
      closeSync(joined);
    } else {
      if (leftOver !== undefined) await recoverCluster(home, leftOver, log);
      else await removeEmptyPidFile(home, log);
      const started = await start(home, binaries, deadline);
      if (started !== undefined) return started;
    }
    await sleep(POLL_MS);
  }
  throw new ZeekwayError(
    'embedded_failed',
    `the embedded PostgreSQL in ${home.folder} gave no answer in time`,
  );
}

async function release(home: Home, hold: Hold, log: (line: string) => void): Promise<void> {
  const server = await readServerProcess(home);
  closeSync(hold);
  const released = performance.now();
  while (server !== undefined && isAlive(server.pid)) {
    const waited = performance.now() - released;
    // Once the guard has seen the last user leave, it is no guard any more.
    if (waited > SHARED_AFTER_MS && isGuarded(home)) return;
    if (waited > EMBEDDED_STOP_TIMEOUT_MS) {
      log(`the embedded PostgreSQL (process ${server.pid}) is still stopping`);
      return;
    }
    await sleep(POLL_MS);
  }
}

/**
 * The embedded PostgreSQL of a data folder: made and started when needed, shared when another zeekway has
 * it running, stopped when its last user closes it or dies (see guard.ts). It listens on a unix
 * socket only. Throws `embedded_unavailable` or `embedded_failed`.
 */
export async function startEmbedded(options: {
  dataDir?: string | undefined;
  log: (line: string) => void;
}): Promise<EmbeddedServer> {
  const { dataDir = defaultDataDir(), log } = options;
  const home = await prepareHome(dataDir);
  const binaries = await findBinaries(home.folder, home.account, log);
  await ensureCluster(home, binaries);
  const hold = await acquire(home, binaries, log);
  return {
    home: home.folder,
    socketDir: home.socketDir,
    port: SOCKET_PORT,
    user: EMBEDDED_USER,
    database: EMBEDDED_USER,
    close: () => release(home, hold, log),
  };
}
