import test from 'ava';
import { sourceId } from '../../src/storage/sources.js';
import { testDatabase } from '../support/database.js';

const live = { kind: 'live', name: '192.0.2.1:9999', peer: 'b5a1c1f6-1d6f-5b50-9d24-0f0c3a3f7c1e' } as const;

test('a source has one number however often it is asked for', async (t) => {
  const { db } = await testDatabase(t);
  const ids = await Promise.all(Array.from({ length: 8 }, () => sourceId(db, live)));
  t.is(new Set(ids).size, 1);
  t.true(ids.includes(await sourceId(db, live)));
  t.false(ids.includes(await sourceId(db, { ...live, peer: '' })));
  t.false(ids.includes(await sourceId(db, { ...live, kind: 'backfill' })));
});

test("the node's name is entered when it becomes known and stays", async (t) => {
  const { db } = await testDatabase(t);
  const peer = { ...live, name: 'worker' };
  const nodeOf = async (id: number): Promise<unknown> =>
    (await db.pool.query<{ node: string }>('SELECT node FROM zeekway.sources WHERE id = $1', [id])).rows[0]
      ?.node;
  const id = await sourceId(db, peer);
  t.is(await nodeOf(id), null);
  t.is(await sourceId(db, { ...peer, node: 'worker-1' }), id);
  t.is(await nodeOf(id), 'worker-1');
  t.is(await sourceId(db, peer), id);
  t.is(await nodeOf(id), 'worker-1');
  t.is(await sourceId(db, { ...peer, node: 'worker-2' }), id);
  t.is(await nodeOf(id), 'worker-2');
});

test('each replay has sources of its own', async (t) => {
  const { db } = await testDatabase(t);
  const { rows } = await db.pool.query<{ id: number }>(
    "INSERT INTO zeekway.replays (digest, name) VALUES ('x', 'a.pcap'), ('x', 'a.pcap') RETURNING id",
  );
  const ids = await Promise.all(
    rows.map(({ id }) => sourceId(db, { kind: 'replay', name: 'a.pcap', peer: live.peer, replay: id })),
  );
  t.is(new Set(ids).size, 2);
});
