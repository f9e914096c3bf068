import test from 'ava';
import { migrate } from '../../src/storage/migrate.js';
import { ownDatabase, testDatabase } from '../support/database.js';

test('a migrated database has our tables and nothing else', async (t) => {
  const { db } = await testDatabase(t);
  const { rows } = await db.pool.query<{ name: string }>(
    `SELECT format('%s.%s', schemaname, tablename) AS name FROM pg_tables
      WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`,
  );
  t.deepEqual(
    rows.map(({ name }) => name),
    [
      'zeekway.audit',
      'zeekway.dead_letters',
      'zeekway.events',
      'zeekway.identifiers',
      'zeekway.log_fields',
      'zeekway.logs',
      'zeekway.migrations',
      'zeekway.replays',
      'zeekway.sources',
      'zeekway.store_entries',
      'zeekway.store_history',
      'zeekway.stores',
      'zeekway.tokens',
      'zeekway.writers',
    ],
  );
});

test('several gateways may migrate one database at once', async (t) => {
  const { db } = await ownDatabase(t);
  await db.pool.query('DROP SCHEMA zeekway CASCADE; DROP SCHEMA logs CASCADE; DROP SCHEMA log_partitions');
  await Promise.all(Array.from({ length: 5 }, () => migrate(db)));
  const { rows } = await db.pool.query('SELECT version::int, name FROM zeekway.migrations ORDER BY version');
  t.deepEqual(rows, [
    { version: 0, name: null },
    { version: 1, name: 'base' },
    { version: 2, name: 'positions' },
    { version: 3, name: 'partitions' },
    { version: 4, name: 'dead-letter-format' },
    { version: 5, name: 'tokens' },
    { version: 6, name: 'stores' },
  ]);
});

test('a database of a newer zeekway is refused', async (t) => {
  const { db } = await ownDatabase(t);
  await db.pool.query("INSERT INTO zeekway.migrations (version, name) VALUES (999, 'future')");
  await t.throwsAsync(migrate(db), {
    code: 'database_failed',
    message: 'the database has schema version 999, this zeekway knows 6: use a newer zeekway',
  });
});

test('a migration that was changed after it ran is noticed', async (t) => {
  const { db } = await ownDatabase(t);
  await db.pool.query("UPDATE zeekway.migrations SET md5 = 'other' WHERE version = 1");
  await t.throwsAsync(migrate(db), {
    code: 'database_failed',
    message: /cannot migrate the database: MD5.*\[1\]/,
  });
});
