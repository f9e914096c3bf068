import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdir, readFile, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ZeekwayError } from '../../core/errors.js';
import { EMBEDDED_STOP_TIMEOUT_MS } from '../../core/limits.js';
import type { Binaries } from './binaries.js';
import { type Home, runAs } from './home.js';

const run = promisify(execFile);

/** The server's superuser and the database in it: both are ours alone. */
export const EMBEDDED_USER = 'zeekway';

/** PostgreSQL's data directory. */
export const clusterOf = (home: Home): string => join(home.folder, 'data');

const failed = (message: string, cause?: unknown): ZeekwayError =>
  new ZeekwayError('embedded_failed', message, {}, { cause });

/**
 * Written to postgresql.conf once; ALTER SYSTEM may change them. Durability stays as PostgreSQL has it
 * (fsync and synchronous_commit on). Nobody replicates from it, so that its WAL can be minimal.
 */
const SETTINGS = {
  shared_buffers: '256MB',
  max_wal_size: '2GB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  jit: 'off',
  // A query of a log locks each of its partitions and their indexes: this is room for ten years of days.
  max_locks_per_transaction: '512',
};

export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
};

/** Why PostgreSQL gave up, from what it wrote: the first severe line and its neighbours, as one line. */
export function severeLines(written: string): string {
  const lines = written
    .split('\n')
    .map((line) => line.replace(/^[-\d]+ [:.\d]+ \w+ \[\d+\] /, '').trim())
    .filter((line) => line !== '');
  const severe = lines.findIndex((line) => /^(initdb: error|ERROR|FATAL|PANIC):/.test(line));
  const shown = severe < 0 ? lines.slice(-3) : lines.slice(Math.max(0, severe - 1), severe + 2);
  return shown.join('; ') || 'it wrote nothing';
}

/** Removes what a start that was killed left half-made: `data.new-PID-...`, `server-18.4.new-PID-...`. */
async function removeHalfMade(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = /\.new-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) {
      await rm(join(folder, name), { recursive: true, force: true });
    }
  }
}

/**
 * Makes the data directory where there is none yet: complete or not at all, however many start at once.
 * Throws `embedded_failed` when initdb fails or the directory is of another major version.
 */
export async function ensureCluster(home: Home, binaries: Binaries): Promise<void> {
  const cluster = clusterOf(home);
  const readVersion = (): Promise<string | undefined> =>
    readFile(join(cluster, 'PG_VERSION'), 'utf8').then(
      (text) => text.trim(),
      () => undefined,
    );
  const [major] = binaries.version.split('.');
  const found = await readVersion();
  if (found === major) return;
  if (found !== undefined) {
    throw failed(
      `${cluster} was made by PostgreSQL ${found} and this zeekway brings ${major}: dump it with the old zeekway, or choose another data folder`,
    );
  }
  await removeHalfMade(home.folder);
  const building = `${cluster}.new-${process.pid}-${randomUUID()}`;
  const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  try {
    // `trust` lets in whoever reaches the socket: its folder is closed to all but the account and root.
    const fixed = ['--username', EMBEDDED_USER, '--auth=trust', '--locale=C', '--encoding=UTF8'];
    await run(binaries.initdb, ['-D', building, ...fixed, ...settings], runAs(home.account));
    await rename(building, cluster);
  } catch (error) {
    await rm(building, { recursive: true, force: true });
    if ((await readVersion()) === major) return; // another zeekway was faster
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    throw failed(`initdb could not make ${cluster}: ${stderr ? severeLines(stderr) : String(error)}`, error);
  }
}

/** What postmaster.pid says: the first line is the process, the eighth its state (`starting`, `ready`, `stopping`). */
export interface ServerProcess {
  readonly pid: number;
  readonly state: string;
}

const pidFile = (home: Home): string => join(clusterOf(home), 'postmaster.pid');

/** The server that runs in the data directory, or did when it was killed. */
export async function readServerProcess(home: Home): Promise<ServerProcess | undefined> {
  const text = await readFile(pidFile(home), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  return pid > 0 ? { pid, state: lines[7]?.trim() ?? '' } : undefined;
}

/** A server writes its postmaster.pid right after it has made the file: one that stays empty is of a crash. */
const EMPTY_PID_FILE_MS = 2_000;

/** Removes an empty postmaster.pid, with which PostgreSQL would not start, once it is no new one. */
export async function removeEmptyPidFile(home: Home, log: (line: string) => void): Promise<void> {
  const file = await stat(pidFile(home)).catch(() => undefined);
  if (file?.size !== 0 || Date.now() - file.mtimeMs < EMPTY_PID_FILE_MS) return;
  log(`removing ${pidFile(home)}: it is empty, from a crash`);
  await rm(pidFile(home), { force: true });
}

/** Process numbers are used again: is this one a server in our data directory? */
async function isServerOf(pid: number, cluster: string): Promise<boolean> {
  if (process.platform === 'linux') {
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    return cwd === (await realpath(cluster));
  }
  const { stdout } = await run('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  return stdout.includes(cluster);
}

/**
 * Clears the way when a server or its postmaster.pid is there and no guard is: its users and the guard were
 * killed. A server that still runs is stopped (it was nobody's any more); a file whose process number now
 * belongs to another program is removed, which PostgreSQL itself would take for a running server; any other
 * left-over file PostgreSQL replaces by itself, and then recovers from its WAL.
 */
export async function recoverCluster(
  home: Home,
  { pid, state }: ServerProcess,
  log: (line: string) => void,
): Promise<void> {
  if (!isAlive(pid)) return;
  if (!(await isServerOf(pid, clusterOf(home)))) {
    log(`removing ${pidFile(home)}: process ${pid} is another program`);
    await rm(pidFile(home), { force: true });
    return;
  }
  if (state !== 'stopping') {
    log(`stopping an embedded PostgreSQL (process ${pid}) that an earlier run left behind`);
    process.kill(pid, 'SIGINT');
  }
  const deadline = performance.now() + EMBEDDED_STOP_TIMEOUT_MS;
  while (isAlive(pid)) {
    if (performance.now() > deadline) throw failed(`the PostgreSQL of process ${pid} does not stop: end it`);
    await sleep(20);
  }
}
