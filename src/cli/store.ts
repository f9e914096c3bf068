import { type Database, openDatabase } from '../storage/database.js';
import { migrate } from '../storage/migrate.js';
import type { StoreConfig } from './config/config.js';

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
