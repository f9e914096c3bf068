import { SEAL_AT_ONCE_BYTES, SEAL_GRACE_MS } from '../../core/limits.js';
import { indexesFor, indexSql, isSameIndex, type LogIndex } from '../log-indexes.js';
import { LOCKS, lockKey } from '../transaction.js';
import { type Partition, SEALED_COMMENT } from './list.js';
import type { LogInPass, Pass } from './pass.js';
import { summarize } from './refresh.js';

/** An index that a partition has. */
interface FoundIndex extends LogIndex {
  /** Quoted and qualified. */
  readonly name: string;
  readonly isValid: boolean;
}

/** The indexes of one column that are no part of one of the whole table, which somebody made. */
async function indexesOf({ session }: Pass, { oid }: Partition): Promise<FoundIndex[]> {
  return session.run<{ name: string; isValid: boolean } & LogIndex>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name, i.indisvalid AS "isValid", m.amname::text AS method,
            a.attname::text AS column, o.opcname::text AS operators
       FROM pg_index i
       JOIN pg_class c ON c.oid = i.indexrelid
       JOIN pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_am m ON m.oid = c.relam
       JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
       JOIN pg_opclass o ON o.oid = i.indclass[0]
      WHERE i.indrelid = $1 AND i.indnatts = 1 AND i.indpred IS NULL
        AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = i.indexrelid)`,
    [oid],
  );
}

/** What is to be done to the indexes of a partition. */
interface Changes {
  readonly missing: readonly LogIndex[];
  /** Names of indexes that a build left when it was cancelled, and of those that a sealed partition has others for. */
  readonly broken: readonly string[];
  readonly needless: readonly string[];
}

async function changesOf(
  pass: Pass,
  { log }: LogInPass,
  partition: Partition,
  isOver: boolean,
): Promise<Changes> {
  const found = await indexesOf(pass, partition);
  const open = indexesFor(log.columns, log.key, 'open');
  const wanted = isOver ? indexesFor(log.columns, log.key, 'sealed') : open;
  const isIn = (list: readonly LogIndex[], index: LogIndex): boolean =>
    list.some((one) => isSameIndex(one, index));
  const valid = found.filter(({ isValid }) => isValid);
  return {
    missing: wanted.filter((index) => !isIn(valid, index)),
    broken: found
      .filter((index) => !index.isValid && isIn([...wanted, ...open], index))
      .map(({ name }) => name),
    needless: valid.filter((index) => !isIn(wanted, index) && isIn(open, index)).map(({ name }) => name),
  };
}

/**
 * Gives a partition whose day is over its final indexes; one that is not, or the default one, those that it lacks
 * because a column came later. Nobody who writes or reads waits for it, but for a moment where the partition is small.
 */
export async function completeIndexes(pass: Pass, log: LogInPass, partition: Partition): Promise<void> {
  const isOver = !partition.isDefault && partition.to + SEAL_GRACE_MS <= pass.now;
  if (isOver && !partition.isSealed && pass.memory.busy.has(partition.oid)) return;
  const step = isOver ? 'seal' : 'index';
  await pass.attempt(log.path, step, async () => {
    const changes = await changesOf(pass, log, partition, isOver);
    const isComplete = changes.missing.length + changes.broken.length + changes.needless.length === 0;
    if (isComplete && (partition.isSealed || !isOver)) return;
    const complete = partition.bytes <= SEAL_AT_ONCE_BYTES ? atOnce : besideWriters;
    await complete(pass, log, partition, changes, isOver);
    pass.done.push({ path: log.path, step, partition: partition.table });
  });
}

const commentSql = ({ table }: Partition): string => `COMMENT ON TABLE ${table} IS '${SEALED_COMMENT}'`;

/** All of it in one transaction. */
async function atOnce(
  { session }: Pass,
  _log: LogInPass,
  partition: Partition,
  { missing, broken, needless }: Changes,
  isOver: boolean,
): Promise<void> {
  await session.transaction(async (client) => {
    await client.query(`LOCK TABLE ONLY ${partition.table} IN ACCESS EXCLUSIVE MODE`);
    for (const name of [...broken, ...needless]) await client.query(`DROP INDEX ${name}`);
    for (const index of missing) await client.query(`CREATE INDEX ON ${partition.table} ${indexSql(index)}`);
    if (isOver) {
      await client.query(`ANALYZE ${partition.table}`);
      await client.query(commentSql(partition));
    }
  });
}

/**
 * Step by step, each of which lets writers go on. It waits for whoever uses the partition, and everybody who holds a
 * snapshot; nobody has to wait behind it but those who would change its columns: they cancel it.
 */
async function besideWriters(
  pass: Pass,
  log: LogInPass,
  partition: Partition,
  { missing, broken, needless }: Changes,
  isOver: boolean,
): Promise<void> {
  const { session } = pass;
  for (const name of broken) await exclusively(pass, log, `DROP INDEX CONCURRENTLY ${name}`);
  for (const index of missing) {
    await exclusively(pass, log, `CREATE INDEX CONCURRENTLY ON ${partition.table} ${indexSql(index)}`);
  }
  if (isOver) {
    await summarize(pass, log.path, partition);
    await session.run(`ANALYZE ${partition.table}`);
  }
  for (const name of needless) await exclusively(pass, log, `DROP INDEX CONCURRENTLY ${name}`);
  if (isOver) await session.run(commentSql(partition));
}

/** While the columns of the log change it throws `lock_not_available`. */
async function exclusively(
  { session }: Pass,
  { state: { oid } }: LogInPass,
  statement: string,
): Promise<void> {
  const key = [LOCKS.building, lockKey(oid)];
  await session.run('SELECT pg_advisory_lock($1, $2)', key);
  try {
    await session.patiently(statement);
  } finally {
    await session.client.query('SELECT pg_advisory_unlock($1, $2)', key).catch(() => undefined);
  }
}
