import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, openDatabase } from '../../src/storage/database.js';
import { migrate } from '../../src/storage/migrate.js';

/** A database made for a test or a benchmark. */
export interface TestDatabase {
  readonly db: Database;
  /** The URL of this database, for code that opens it itself. */
  readonly url: string;
  /** Which server it is on. */
  readonly server: string;
  /** Closes and drops it. */
  remove(): Promise<void>;
}

const { DATABASE_URL } = process.env;

/** All test files of one run share one embedded server: they run in threads of one process. */
const dataDir = join(tmpdir(), `zeekway-test-${process.pid}`);

/**
 * Removes the folder when the run is over, however it ends. The server itself is stopped by its guard as
 * soon as the last test file lets go of it.
 */
const CLEAN_UP = `
while kill -0 "$1" 2>/dev/null; do sleep 0.2; done
while [ -e "$2/postgres/data/postmaster.pid" ]; do sleep 0.2; done
rm -rf "$2"
`;

function makeDataDir(): void {
  try {
    mkdirSync(dataDir);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return;
    throw error;
  }
  spawn('/bin/sh', ['-c', CLEAN_UP, 'zeekway-test-cleanup', String(process.pid), dataDir], {
    detached: true,
    stdio: 'ignore',
  }).unref();
}

let server: Promise<Database> | undefined;

/** The server for tests: that of DATABASE_URL, else an embedded PostgreSQL. Never one that just happens to run. */
function openServer(): Promise<Database> {
  if (DATABASE_URL) return openDatabase({ url: DATABASE_URL });
  makeDataDir();
  return openDatabase({ dataDir });
}

/** Lets go of the server that `makeDatabase` opened. */
export async function closeServer(): Promise<void> {
  const opened = await server;
  server = undefined;
  await opened?.close();
}

/** The URL of a database on the same server. */
function urlOf(server: Database, database: string): string {
  if (server.kind === 'external') {
    const url = new URL(DATABASE_URL ?? '');
    url.pathname = `/${database}`;
    return url.href;
  }
  const { host, port, user } = server.pool.options;
  return `postgres://${user}@${encodeURIComponent(host ?? '')}:${port}/${database}`;
}

export interface DatabaseKind {
  /** Without our schemas: nothing has been migrated. */
  readonly bare?: boolean;
}

/** Makes an empty, migrated database with a random name. For tests there is `testDatabase`. */
export async function makeDatabase({ bare = false }: DatabaseKind = {}): Promise<TestDatabase> {
  server ??= openServer();
  const opened = await server;
  const name = `zeekway_test_${randomBytes(8).toString('hex')}`;
  await opened.pool.query(`CREATE DATABASE ${name}`);
  const url = urlOf(opened, name);
  const db = await openDatabase({ url });
  if (!bare) await migrate(db);
  return {
    db,
    url,
    server: opened.description,
    remove: async () => {
      await db.close();
      await opened.pool.query(`DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}
