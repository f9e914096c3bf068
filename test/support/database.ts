import test, { type ExecutionContext } from 'ava';
import { closeServer, type DatabaseKind, makeDatabase, type TestDatabase } from './make-database.js';

/** The database of this test file (each file has a thread, and so a copy of this module, of its own). */
let shared: Promise<TestDatabase> | undefined;
let isTold = false;

function tellServer(t: ExecutionContext, { server }: TestDatabase): void {
  if (!isTold) t.log(`database: ${server}`);
  isTold = true;
}

test.after.always('drop the test database', async () => {
  await (await shared)?.remove();
  await closeServer();
});

/**
 * The test file's own database, empty and migrated at the first call and the same one at every further
 * call; dropped when the file's tests are over.
 */
export async function testDatabase(t: ExecutionContext): Promise<TestDatabase> {
  shared ??= makeDatabase();
  const database = await shared;
  tellServer(t, database);
  return database;
}

/** A database for one test alone; dropped when the test is over. */
export async function ownDatabase(t: ExecutionContext, kind?: DatabaseKind): Promise<TestDatabase> {
  const database = await makeDatabase(kind);
  t.teardown(() => database.remove());
  tellServer(t, database);
  return database;
}
