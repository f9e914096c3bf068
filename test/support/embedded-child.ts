/**
 * A process of its own that holds an embedded database: `node embedded-child.js [DATA_DIR]`. Prints one line
 * of JSON (or the error and ends), then waits until its input ends and closes.
 */
import { once } from 'node:events';
import { errorLine } from '../../src/core/errors.js';
import { openDatabase } from '../../src/storage/database.js';

try {
  const db = await openDatabase({ dataDir: process.argv[2] });
  const { rows } = await db.pool.query<{ server_version: string }>('SHOW server_version');
  const told = { version: rows[0]?.server_version, description: db.description, hint: db.connectHint };
  process.stdout.write(`${JSON.stringify(told)}\n`);
  await once(process.stdin.resume(), 'end');
  await db.close();
} catch (error) {
  process.stdout.write(`${JSON.stringify({ error: errorLine(error) })}\n`);
  process.exitCode = 1;
}
