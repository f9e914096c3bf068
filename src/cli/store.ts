import { checkVersion, type Database, isTransient, openDatabase } from '../storage/database.js';
import { migrate } from '../storage/migrate.js';
import type { StoreConfig } from './config/config.js';
import type { Terminal } from './logger.js';

/** Opens the database of the options and brings it to this version's schema. */
export async function openStore(options: StoreConfig, log: (line: string) => void): Promise<Database> {
  const db = await openDatabase({ url: options.database, dataDir: options.data, log });
  try {
    await migrate(db);
    return db;
  } catch (error) {
    await db.close();
    throw error;
  }
}

/** Opens it for a command and closes it behind. */
export async function withStore<T>(
  options: StoreConfig,
  { err }: Terminal,
  work: (db: Database) => Promise<T>,
): Promise<T> {
  const db = await openStore(options, err);
  try {
    return await work(db);
  } finally {
    await db.close();
  }
}

/**
 * Opens it for a gateway, which starts also where the database is away: what comes is kept until it is there.
 * @returns with the database what has still to be done before anything is stored, to be tried until it succeeds.
 */
export async function openStoreEvenAway(
  options: StoreConfig,
  log: (line: string) => void,
): Promise<{ db: Database; prepare: () => Promise<void> }> {
  const db = await openDatabase({ url: options.database, dataDir: options.data, log, evenAway: true });
  let isPrepared = false;
  const prepare = async (): Promise<void> => {
    if (isPrepared) return;
    await checkVersion(db.pool);
    await migrate(db);
    isPrepared = true;
  };
  try {
    await prepare();
  } catch (error) {
    if (!isTransient(error)) {
      await db.close();
      throw error;
    }
  }
  return { db, prepare };
}
