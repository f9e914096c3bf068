import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import Postgrator from 'postgrator';
import { ZeekwayError } from '../core/errors.js';
import type { Database } from './database.js';
import { inTransaction, LOCKS } from './transaction.js';

const MIGRATIONS = dirname(fileURLToPath(import.meta.resolve('#migrations/0001.do.base.sql')));

/** Postgrator takes a glob pattern: what is special in it can also stand in the name of a folder. */
const escapeGlob = (path: string): string => path.replace(/[?*()[\]{}!+@\\]/g, '\\$&');

function postgrator(client: pg.ClientBase): Postgrator {
  return new Postgrator({
    driver: 'pg',
    migrationPattern: `${escapeGlob(MIGRATIONS)}/*.sql`,
    schemaTable: 'zeekway.migrations',
    newline: 'LF',
    // A file holds several statements, for which pg answers with an array of results.
    execQuery: async (sql) =>
      [await client.query<Record<string, unknown>>(sql)].flat().at(-1) ?? { rows: [] },
  });
}

/**
 * Brings the database to this version's schema: the numbered files of src/storage/migrations that it has
 * not seen yet, all in one transaction. Safe when several gateways start at once (an advisory lock).
 * Throws `database_failed` when a file failed, or when the database belongs to a newer zeekway.
 */
export async function migrate(db: Database): Promise<void> {
  await inTransaction(db, 'migrate the database', async (client) => {
    await client.query('SELECT pg_advisory_xact_lock($1, 0)', [LOCKS.migrate]);
    const migrator = postgrator(client);
    const known = await migrator.getMaxVersion();
    const found = await migrator.getDatabaseVersion();
    if (found > known) {
      throw new ZeekwayError(
        'database_failed',
        `the database has schema version ${found}, this zeekway knows ${known}: use a newer zeekway`,
      );
    }
    await migrator.migrate();
  });
}
