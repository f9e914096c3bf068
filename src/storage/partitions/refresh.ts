import { SEAL_QUIET_ROWS } from '../../core/limits.js';
import type { Partition } from './list.js';
import type { Figures, LogInPass, Pass } from './pass.js';

/** A partition is analyzed when a fifth of its rows, and some, changed: the planner goes by what it has seen. */
const ANALYZE_ROWS = 1_000;
const ANALYZE_SHARE = 0.2;

/**
 * Summarizes the new pages of partitions that were written since the last pass, and analyzes those that changed: without
 * the first an index says nothing about them, without the second it is not used.
 */
export async function refresh(pass: Pass, { path, state, figures }: LogInPass): Promise<void> {
  for (const partition of state.partitions) {
    const found = figures.get(partition.oid);
    if (found === undefined || partition.bytes === 0) continue;
    if (isWritten(pass, partition, found)) {
      await pass.attempt(path, 'summarize', () => summarize(pass, path, partition));
    }
    if (needsAnalyze(found)) {
      await pass.attempt(path, 'analyze', async () => {
        await pass.session.run(`ANALYZE ${partition.table}`);
        pass.done.push({ path, step: 'analyze', partition: partition.table });
      });
    }
    remember(pass, partition, found);
  }
}

function remember({ memory }: Pass, { oid }: Partition, { inserted }: Figures): void {
  const before = memory.inserted.get(oid);
  if (before !== undefined && inserted - before > SEAL_QUIET_ROWS) memory.busy.add(oid);
  else memory.busy.delete(oid);
  memory.inserted.set(oid, inserted);
}

/** Where it is not known, one that is not sealed counts as written. */
function isWritten({ memory }: Pass, { oid, isSealed }: Partition, { inserted }: Figures): boolean {
  const before = memory.inserted.get(oid);
  return before === undefined ? !isSealed : before !== inserted;
}

const needsAnalyze = ({ changed, analyzed }: Figures): boolean =>
  analyzed < 0 || changed > ANALYZE_ROWS + ANALYZE_SHARE * analyzed;

/** Summarizes what is new in a partition's BRIN indexes. */
export async function summarize(
  { session, done }: Pick<Pass, 'session' | 'done'>,
  path: string,
  { oid, table }: Pick<Partition, 'oid' | 'table'>,
): Promise<void> {
  const ranges = await session.transaction(async (client) => {
    // Retention may have dropped it.
    const { rowCount } = await client.query('SELECT FROM pg_class WHERE oid = $1', [oid]);
    if (rowCount === 0) return 0;
    // Sealing drops indexes: one that is gone by the time its turn comes would fail those that are left.
    await client.query(`LOCK TABLE ONLY ${table} IN SHARE UPDATE EXCLUSIVE MODE`);
    const { rows } = await client.query<{ ranges: string | null }>(
      `SELECT sum(brin_summarize_new_values(i.indexrelid)) AS ranges
         FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
        WHERE i.indrelid = $1 AND m.amname = 'brin' AND i.indisvalid`,
      [oid],
    );
    return Number(rows[0]?.ranges ?? 0);
  });
  if (ranges > 0) done.push({ path, step: 'summarize', partition: table, rows: ranges });
}
