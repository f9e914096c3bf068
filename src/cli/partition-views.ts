import { allPartitions, onePartitions, type PartitionDeps } from '../http/partitions.js';
import type { Config } from './config/config.js';
import { printJson, type Terminal } from './logger.js';
import { logsText, logText } from './partition-text.js';
import { withStore } from './store.js';

export interface PartitionsOptions extends Pick<Config, 'database' | 'data' | 'retention'> {
  /** What the HTTP API answers, in place of tables: a document for each log that is named. */
  readonly json: boolean;
}

/** `zeekway partitions`. Throws `not_found`. Returns the exit code. */
export async function partitionsCommand(
  paths: readonly string[],
  options: PartitionsOptions,
  terminal: Terminal,
): Promise<number> {
  return withStore(options, terminal, async (db) => {
    const deps: PartitionDeps = { pool: db.pool, retention: options.retention };
    if (paths.length === 0) await printLogs(deps, options, terminal);
    for (const path of new Set(paths)) {
      const log = await onePartitions(deps, {}, path, Date.now());
      if (options.json) printJson(terminal, log);
      else terminal.out(logText(log));
    }
    return 0;
  });
}

async function printLogs(
  deps: PartitionDeps,
  { json }: PartitionsOptions,
  terminal: Terminal,
): Promise<void> {
  const all = await allPartitions(deps, {}, Date.now());
  if (json) printJson(terminal, all);
  else if (all.logs.length === 0) terminal.err('there are no logs');
  else terminal.out(logsText(all));
}
