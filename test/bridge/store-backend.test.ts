import { randomUUID } from 'node:crypto';
import test from 'ava';
import { PostgresqlBackend } from '../../src/bridge/stores/postgresql-backend.js';
import { count, string } from '../../src/codec/value.js';
import { int64 } from '../support/arbitrary.js';
import { backendSuite, contentOf, position, shownEntry } from '../support/backend-suite.js';
import { ownDatabase, testDatabase } from '../support/database.js';

backendSuite(
  'postgresql',
  async (t) => {
    const { db } = await testDatabase(t);
    const store = randomUUID();
    return () => new PostgresqlBackend(db, store);
  },
  int64,
);

test('the entries of a store can be queried', async (t) => {
  const { db } = await testDatabase(t);
  const backend = new PostgresqlBackend(db, 'hosts');
  await backend.load(() => {});
  const put = {
    type: 'put',
    key: string('a\0b'),
    value: count(2n ** 64n - 1n),
    expires: 1_700_000_000_000_000_001n,
  } as const;
  await backend.commit([put], position(1));
  const { rows } = await db.pool.query(
    `SELECT key_text, key, value_text, value->>'data' AS value, expires_nanos FROM zeekway.store_entries WHERE store = 'hosts'`,
  );
  t.deepEqual(rows, [
    {
      key_text: '"a\\x00b"',
      key: { '@data-type': 'string', data: 'a\\x00b' },
      value_text: '18446744073709551615',
      value: '18446744073709551615',
      expires_nanos: '1700000000000000001',
    },
  ]);
  const { entries } = await contentOf(backend);
  t.deepEqual(entries, [shownEntry(put)]);
  // No index holds such a key.
  const long = { type: 'put', key: string('k'.repeat(100_000)), value: count(1) } as const;
  await backend.commit([long], position(2));
  await backend.commit([{ ...long, value: count(2) }], position(3));
  t.deepEqual((await contentOf(backend)).entries.length, 2);
});

test('a commit that the database refuses leaves all as it was', async (t) => {
  const { db } = await ownDatabase(t);
  const backend = new PostgresqlBackend(db, 's');
  await backend.commit([{ type: 'put', key: count(1), value: count(1) }], position(1));
  await db.pool.query('ALTER TABLE zeekway.store_entries ADD CHECK (length(value_bytes) < 50)');
  const changes = [
    { type: 'clear' },
    { type: 'put', key: count(2), value: string('x'.repeat(100)) },
  ] as const;
  await t.throwsAsync(backend.commit(changes, position(2)), { code: 'database_failed' });
  t.deepEqual(await contentOf(backend), {
    entries: [shownEntry({ key: count(1), value: count(1) })],
    position: position(1),
  });
});
