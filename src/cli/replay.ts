import cliProgress from 'cli-progress';
import { type ErrorCode, errorLine } from '../core/errors.js';
import type { Speed } from '../replay/pace.js';
import type { Database } from '../storage/database.js';
import { maintain } from '../storage/partitions/maintenance.js';
import { Cleanup } from './cleanup.js';
import type { StoreConfig } from './config/config.js';
import { type Terminal, tellError, terminalLogger } from './logger.js';
import { type ReplayOutcome, replayFile } from './replay-file.js';
import { openStore } from './store.js';
import { storedTable } from './stored-table.js';

/** What only a replay is told, by options. */
export interface ReplayFlags {
  readonly again: boolean;
  readonly speed: Speed;
}

/**
 * `zeekway replay FILE...`: all files one after the other, also when one of them cannot be read.
 * @returns the exit code.
 */
export async function replayCommand(
  files: readonly string[],
  options: ReplayFlags & StoreConfig,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const cleanup = new Cleanup();
  try {
    const db = await openStore(options, terminal.err);
    cleanup.add(() => db.close());
    return await replayAll(db, files, options, terminal, signal);
  } finally {
    await cleanup.run();
  }
}

/** The warnings of a file that was read as far as it goes, which is not to its end. */
const INCOMPLETE: ReadonlySet<ErrorCode> = new Set(['capture_truncated', 'capture_damaged']);

/** Replays the files and prints what was stored. @returns the exit code: 1 where a file was not read to its end. */
export async function replayAll(
  db: Database,
  files: readonly string[],
  options: ReplayFlags & {
    /** Shows also what was stored by an earlier replay of the same file. */
    readonly showEarlier?: boolean;
  },
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const stored = new Map<string, number>();
  let failed = 0;
  for (const file of files) {
    if (signal.aborted) break;
    try {
      const outcome = await withProgress(file, options, db, terminal, signal);
      const rows = outcome.earlier && !options.showEarlier ? {} : outcome.rows;
      for (const [name, number] of Object.entries(rows)) stored.set(name, (stored.get(name) ?? 0) + number);
      describe(file, outcome, terminal);
      if (outcome.warnings.some(({ code }) => INCOMPLETE.has(code))) failed += 1;
    } catch (error) {
      failed += 1;
      tellError(terminal, error);
    }
  }
  await sealReplayed(db, [...stored.keys()], terminal, signal);
  if (stored.size > 0) terminal.out(storedTable(Object.fromEntries(stored)));
  return failed > 0 || signal.aborted ? 1 : 0;
}

/** Days that were replayed are over: they get their final indexes now. What fails a gateway does later. */
async function sealReplayed(
  db: Database,
  paths: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  if (paths.length === 0 || signal.aborted) return;
  try {
    const { failures } = await maintain(db, { now: Date.now(), paths, signal });
    for (const { error, isUnlucky } of failures) {
      if (!isUnlucky) terminal.err(`zeekway: warning: ${errorLine(error)}`);
    }
  } catch (error) {
    if (!signal.aborted) terminal.err(`zeekway: warning: ${errorLine(error)}`);
  }
}

async function withProgress(
  file: string,
  { again, speed }: ReplayFlags,
  db: Database,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ReplayOutcome> {
  const bar = new cliProgress.SingleBar({
    format: '{file} [{bar}] {percentage}%',
    stream: process.stderr,
    hideCursor: true,
    // A log file or a CI page is no place for a bar.
    noTTYOutput: false,
  });
  const logger = terminalLogger(terminal);
  let started = false;
  const onProgress = (done: number, total: number): void => {
    if (started) bar.update(done);
    else bar.start(total, done, { file });
    started = true;
  };
  try {
    return await replayFile(db, file, { again, speed, logger, signal, onProgress });
  } finally {
    if (started) bar.stop();
  }
}

function describe(
  file: string,
  { earlier, rows, warnings, commands }: ReplayOutcome,
  terminal: Terminal,
): void {
  for (const warning of warnings) terminal.err(`zeekway: warning: ${errorLine(warning)}`);
  if (earlier) {
    const when = earlier.toISOString();
    terminal.err(`${file} was replayed before, at ${when}: nothing to do (--again stores it a second time)`);
  } else if (Object.keys(rows).length === 0) {
    terminal.err(`${file} has nothing to store`);
  }
  if (commands > 0) terminal.err(`${file} has ${commands} commands of data stores, which are not stored`);
}
