import { randomUUID } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { PostgresqlBackend } from '../../src/bridge/stores/postgresql-backend.js';
import { count, string } from '../../src/codec/value.js';
import { backendSuite, contentOf, position, shownEntry } from '../support/backend-suite.js';
import { ownDatabase, testDatabase } from '../support/database.js';

const YEAR = 31_557_600n * 1_000_000_000n;

backendSuite(
  'postgresql',
  async (t) => {
    const { db } = await testDatabase(t);
    const store = randomUUID();
    return () => new PostgresqlBackend(db, store);
  },
  fc.bigInt({ min: -290n, max: 290n }).map((years) => ((years * YEAR) / 7n / 1_000n) * 1_000n),
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
    `SELECT key_text, key_json, value_json->>'data' AS value, expires::text FROM zeekway.store_entries WHERE store = 'hosts'`,
  );
  t.deepEqual(rows, [
    {
      key_text: '"a\\x00b"',
      key_json: { '@data-type': 'string', data: 'a\\x00b' },
      value: '18446744073709551615',
      expires: '2023-11-14 22:13:20.000001+00',
    },
  ]);
  const { entries } = await contentOf(backend);
  t.deepEqual(entries, [shownEntry({ ...put, expires: 1_700_000_000_000_001_000n })]);
});

test('a commit that the database refuses leaves all as it was', async (t) => {
  const { db } = await ownDatabase(t);
  const backend = new PostgresqlBackend(db, 's');
  await backend.commit([{ type: 'put', key: count(1), value: count(1) }], position(1));
  await db.pool.query('ALTER TABLE zeekway.store_entries ADD CHECK (length(value) < 50)');
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
