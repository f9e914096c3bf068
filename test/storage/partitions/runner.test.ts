import test from 'ava';
import { openDatabase } from '../../../src/storage/database.js';
import { DAY_MS } from '../../../src/storage/partitions/day.js';
import { ensureDays } from '../../../src/storage/partitions/ensure-days.js';
import { MaintenanceRunner } from '../../../src/storage/partitions/runner.js';
import { keepingLogger } from '../../bridge/support.js';
import { ownDatabase } from '../../support/database.js';
import { until } from '../../support/endpoints.js';
import {
  hold,
  insert,
  makeLargeYesterday,
  makeLog,
  NOW,
  rowsByPartition,
  TODAY,
  untilBlocked,
} from './support.js';

/** A clock whose wall time is set by hand. */
function clockAt(ms: number) {
  const clock = {
    ms,
    now: () => performance.now(),
    wallNanos: () => BigInt(clock.ms) * 1_000_000n,
  };
  return clock;
}

test('days come and go while it runs', async (t) => {
  const { db } = await ownDatabase(t);
  const { table } = await makeLog(db, 'conn');
  await ensureDays(db, table, new Set([TODAY]), { now: NOW });
  await insert(db, table, ['2026-11-24T01:00:00Z']);
  const clock = clockAt(NOW);
  const logger = keepingLogger();
  const retention = { defaultDays: 3, days: new Map() };
  const runner = new MaintenanceRunner({ db, clock, logger, retention, intervalMs: 5 });
  runner.start();
  const told = (message: string): Promise<void> =>
    until(
      message,
      () => logger.lines.some((line) => line.level === 'info' && line.message.includes(message)),
      60_000,
    );
  await told('partitions of log "conn": made 2026-11-25, 2026-11-26');
  clock.ms = NOW + DAY_MS;
  await told('sealed log_partitions.conn_20261124');
  clock.ms = NOW + 5 * DAY_MS;
  await told('dropped 2026-11-24');
  await runner.stop();
  t.false('conn_20261124' in (await rowsByPartition(db, table)));
  t.deepEqual(
    logger.lines.filter(({ level }) => level !== 'info'),
    [],
  );
});

test('a failure is told once, and the runner goes on', async (t) => {
  const { db } = await ownDatabase(t);
  const { table } = await makeLog(db, 'conn');
  await insert(db, table, ['2026-11-24T01:00:00Z']);
  // A trigger that lets nobody delete, so that no row can be moved.
  await db.pool.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'not from here'; END $$`);
  await db.pool.query(
    'CREATE TRIGGER refuse BEFORE DELETE ON log_partitions.conn_default FOR EACH ROW EXECUTE FUNCTION refuse()',
  );
  const logger = keepingLogger();
  const runner = new MaintenanceRunner({ db, clock: clockAt(NOW), logger, intervalMs: 1 });
  runner.start();
  await until('it is told', () => logger.lines.length > 0, 60_000);
  const warned = logger.lines.filter(({ level }) => level === 'warn');
  t.regex(warned[0]?.message ?? '', /^cannot move rows to their partitions of log "conn": not from here/);
  await db.pool.query('DROP TRIGGER refuse ON log_partitions.conn_default');
  await until('it works', () => logger.lines.some(({ message }) => message.includes('moved 1 rows')), 60_000);
  await runner.stop();
  t.is(logger.lines.filter(({ level }) => level === 'warn').length, 1);
});

test('it stops in the middle of a build', async (t) => {
  const { db, url } = await ownDatabase(t);
  const { table } = await makeLargeYesterday(db);
  const release = await hold(
    db,
    `INSERT INTO ${table} (ts, _received, _source) VALUES ('2026-11-23', now(), 1)`,
  );
  const logger = keepingLogger();
  const other = await openDatabase({ url });
  const runner = new MaintenanceRunner({ db: other, clock: clockAt(NOW), logger });
  runner.start();
  await untilBlocked(db, 'CREATE INDEX CONCURRENTLY%');
  await runner.stop();
  const { rows } = await db.pool.query(
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'CREATE INDEX%'",
  );
  t.deepEqual(rows, []);
  t.deepEqual(
    logger.lines.filter(({ level }) => level === 'warn'),
    [],
  );
  await other.close();
  await release();
});
