import test from 'ava';
import { type Database, openDatabase } from '../../src/storage/database.js';
import { ensureLogTable } from '../../src/storage/log-tables.js';
import { abandonReplay, beginReplay, finishReplay, type RunningReplay } from '../../src/storage/replays.js';
import { sourceId } from '../../src/storage/sources.js';
import { ownDatabase, testDatabase } from '../support/database.js';

const file = (digest: string, again = false) => ({ digest, name: 'session.pcap', again });

async function begin(db: Database, digest: string, again = false): Promise<RunningReplay> {
  const start = await beginReplay(db, file(digest, again));
  if (start.status !== 'new') throw new Error(`the replay is ${start.status}`);
  return start;
}

test('a file is replayed once, and again only by force', async (t) => {
  const { db } = await testDatabase(t);
  const first = await begin(db, 'once');
  await finishReplay(db, first, { conn: 34, events: 2 });
  const second = await beginReplay(db, file('once'));
  t.like(second, { status: 'done', items: { conn: 34, events: 2 } });
  t.true(second.status === 'done' && second.finished instanceof Date);
  const forced = await begin(db, 'once', true);
  t.not(forced.id, first.id);
  await finishReplay(db, forced, {});
  t.like(await beginReplay(db, file('once')), { status: 'done', items: {} });
});

test('a replay that cannot be finished can still be abandoned', async (t) => {
  const { db } = await ownDatabase(t);
  const running = await begin(db, 'unfinished');
  await db.pool.query('ALTER TABLE zeekway.replays RENAME TO elsewhere');
  await t.throwsAsync(finishReplay(db, running, {}), {
    code: 'database_failed',
    message: /^cannot finish the replay: relation "zeekway.replays" does not exist/,
  });
  await db.pool.query('ALTER TABLE zeekway.elsewhere RENAME TO replays');
  await abandonReplay(running);
  await abandonReplay(await begin(db, 'unfinished'));
});

test('two zeekways do not replay the same file at once', async (t) => {
  const { db, url } = await testDatabase(t);
  const other = await openDatabase({ url });
  const running = await begin(db, 'busy');
  t.deepEqual(await beginReplay(other, file('busy')), { status: 'busy' });
  t.deepEqual(await beginReplay(db, file('busy', true)), { status: 'busy' });
  await finishReplay(db, await begin(other, 'another file'), {});
  await finishReplay(db, running, {});
  t.like(await beginReplay(other, file('busy')), { status: 'done' });
  await other.close();
});

test('an unfinished run leaves nothing behind when the file is replayed again', async (t) => {
  const { db } = await ownDatabase(t);
  const { table } = await ensureLogTable(db, { path: 'conn', stream: 'Conn::LOG' }, [
    { field: 'uid', zeekType: 'string', sqlType: 'text' },
  ]);
  const dropped = await ensureLogTable(db, { path: 'dropped', stream: 'X::LOG' }, []);
  await db.pool.query(`DROP TABLE ${dropped.table}`);
  const live = await sourceId(db, { kind: 'live', name: 'a', peer: 'p' });
  const addRows = async (source: number): Promise<void> => {
    await db.pool.query(`INSERT INTO ${table} VALUES ('C1', now(), ${source}), ('C2', now(), ${source})`);
    await db.pool.query(`INSERT INTO zeekway.events (name, topic, received, source, args)
      VALUES ('e', 't', now(), ${source}, '[]')`);
    await db.pool.query(`INSERT INTO zeekway.identifiers (name, value, received, source)
      VALUES ('i', '1', now(), ${source})`);
    await db.pool.query(`INSERT INTO zeekway.dead_letters (code, reason, subject, topic, received, source, raw)
      VALUES ('c', 'r', 's', 't', now(), ${source}, '')`);
  };
  const finished = await begin(db, 'other');
  const kept = await sourceId(db, { kind: 'replay', name: 'f', peer: 'p', replay: finished.id });
  await finishReplay(db, finished, {});
  const aborted = await begin(db, 'aborted');
  const removed = await sourceId(db, { kind: 'replay', name: 'f', peer: 'p', replay: aborted.id });
  for (const source of [live, kept, removed]) await addRows(source);
  await abandonReplay(aborted);

  const next = await begin(db, 'aborted');
  for (const [name, column, count] of [
    [table, '_source', 2],
    ['zeekway.events', 'source', 1],
    ['zeekway.identifiers', 'source', 1],
    ['zeekway.dead_letters', 'source', 1],
  ] as const) {
    const { rows } = await db.pool.query(
      `SELECT ${column} AS source, count(*)::int FROM ${name} GROUP BY 1 ORDER BY 1`,
    );
    t.deepEqual(
      rows,
      [
        { source: live, count },
        { source: kept, count },
      ],
      name,
    );
  }
  const { rows } = await db.pool.query<{ id: number }>('SELECT id FROM zeekway.replays ORDER BY id');
  t.deepEqual(rows, [{ id: finished.id }, { id: next.id }]);
  await abandonReplay(next);
});

test('a run whose connection was lost counts as unfinished', async (t) => {
  const { db } = await ownDatabase(t);
  const running = await begin(db, 'lost');
  await db.pool.query(
    `SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
      WHERE locktype = 'advisory' AND pid <> pg_backend_pid() AND pg_stat_activity.datname = current_database()`,
  );
  const next = await begin(db, 'lost');
  t.not(next.id, running.id);
  await abandonReplay(running);
  await abandonReplay(next);
});
