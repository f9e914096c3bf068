import test from 'ava';
import { ensureDays } from '../../../src/storage/partitions/ensure-days.js';
import { readPartitions } from '../../../src/storage/partitions/list.js';
import { summarize } from '../../../src/storage/partitions/refresh.js';
import { Session } from '../../../src/storage/partitions/session.js';
import { LOCKS } from '../../../src/storage/transaction.js';
import { ownDatabase } from '../../support/database.js';
import { insert, makeLog, NOW, TODAY, untilBlocked } from './support.js';

test('an index that sealing drops while it is to be summarized is no failure', async (t) => {
  const { db } = await ownDatabase(t);
  const { table } = await makeLog(db, 'conn');
  await ensureDays(db, table, new Set([TODAY]), { now: NOW });
  await insert(db, table, ['2026-11-24T01:00:00Z']);
  const partition = (await readPartitions(db.pool, table))?.partitions.at(-1);
  if (partition === undefined) throw new Error('the day has no partition');
  const sealing = await db.pool.connect();
  t.teardown(() => sealing.release(true));
  await sealing.query(`BEGIN; LOCK TABLE ONLY ${partition.table} IN ACCESS EXCLUSIVE MODE`);
  const summarizing = Session.run(db, LOCKS.maintenance, 'summarize', undefined, (session) =>
    summarize({ session, done: [] }, 'conn', partition),
  );
  const blocked = untilBlocked(db, '%').then(async () => {
    await sealing.query('DROP INDEX log_partitions.conn_20261124_uid_idx');
    await sealing.query('COMMIT');
  });
  await t.notThrowsAsync(summarizing);
  await blocked;
});
