import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { type Database, openDatabase } from '../../../src/storage/database.js';

const run = promisify(execFile);
const NOBODY = 65_534;

// The tests share one data folder, as making one takes a second: they run one after the other.
let dataDir = '';

test.before(async () => {
  dataDir = await makeFolder();
});

test.after.always(async () => {
  await rm(dataDir, { recursive: true, force: true });
});

/** A folder with a difficult name that every account may enter, unlike those of mkdtemp. */
async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "zeekway it's "));
  await chmod(folder, 0o755);
  return folder;
}

async function temporaryFolder(t: ExecutionContext): Promise<string> {
  const folder = await makeFolder();
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const pidFile = (): string => join(dataDir, 'postgres', 'data', 'postmaster.pid');

async function serverPid(): Promise<number> {
  return Number((await readFile(pidFile(), 'utf8')).split('\n')[0]);
}

async function until(t: ExecutionContext, what: string, isTrue: () => boolean): Promise<void> {
  for (let waited = 0; waited < 30_000; waited += 50) {
    if (isTrue()) return;
    await sleep(50);
  }
  t.fail(`waited in vain: ${what}`);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function parentOf(pid: number): Promise<number> {
  const { stdout } = await run('ps', ['-o', 'ppid=', '-p', String(pid)]);
  return Number(stdout);
}

interface Told {
  readonly version: string;
  readonly description: string;
  readonly hint: string;
  readonly error?: string;
}

/** Starts embedded-child.ts and waits for what it prints. */
async function startChild(
  t: ExecutionContext,
  folder: string | undefined,
  options: { uid?: number; gid?: number; env?: NodeJS.ProcessEnv } = {},
): Promise<{ child: ChildProcess; told: Told }> {
  const script = fileURLToPath(new URL('../../support/embedded-child.js', import.meta.url));
  const args = folder === undefined ? [script] : [script, folder];
  const child = spawn(process.execPath, args, { ...options, stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(() => child.stdin.end());
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, 'line')) as [string];
  return { child, told: JSON.parse(line) as Told };
}

async function count(db: Database): Promise<number> {
  await db.pool.query('CREATE TABLE IF NOT EXISTS kept (n int)');
  await db.pool.query('INSERT INTO kept VALUES (1)');
  const { rows } = await db.pool.query<{ count: number }>('SELECT count(*)::int FROM kept');
  return rows[0]?.count ?? 0;
}

test.serial('it keeps its data, listens on a socket only and is durable', async (t) => {
  for (const expected of [1, 2]) {
    const db = await openDatabase({ dataDir });
    t.is(db.kind, 'embedded');
    t.regex(db.description, /^embedded PostgreSQL \d+\.\d+ in .+\/postgres$/);
    t.is(await count(db), expected);
    for (const [setting, value] of [
      ['listen_addresses', ''],
      ['fsync', 'on'],
      ['synchronous_commit', 'on'],
      ['TimeZone', 'UTC'],
      ['application_name', 'zeekway'],
      ['server_encoding', 'UTF8'],
    ] as const) {
      const { rows } = await db.pool.query<{ value: string }>('SELECT current_setting($1) AS value', [
        setting,
      ]);
      t.is(rows[0]?.value, value, setting);
    }
    const pid = await serverPid();
    await db.close();
    t.false(isAlive(pid));
    t.false(existsSync(pidFile()));
  }
});

/** Runs the command line that is shown for psql, where psql is installed. */
async function tryHint(t: ExecutionContext, { connectHint = '' }: Database): Promise<void> {
  t.regex(connectHint, /^psql -h .+ -p 5432 -U zeekway zeekway$/);
  try {
    const { stdout } = await run('/bin/sh', ['-c', `${connectHint} -AtXc 'SELECT current_database()'`]);
    t.is(stdout, 'zeekway\n');
  } catch (error) {
    if (!String(error).includes('psql: not found')) throw error;
    t.log('psql is not installed here');
  }
}

test.serial('psql connects by the command line that is shown', async (t) => {
  const db = await openDatabase({ dataDir });
  t.teardown(() => db.close());
  await tryHint(t, db);
});

test.serial('several users share one server, which ends with the last', async (t) => {
  const [first, second] = await Promise.all([openDatabase({ dataDir }), openDatabase({ dataDir })]);
  const { child, told } = await startChild(t, dataDir);
  t.is(told.error, undefined);
  const pid = await serverPid();
  await first.close();
  t.true((await count(second)) > 0);
  await second.close();
  t.is(await serverPid(), pid);
  child.stdin?.end();
  await once(child, 'exit');
  t.false(isAlive(pid));
});

test.serial('a user that is killed does not leave the server behind', async (t) => {
  const { child } = await startChild(t, dataDir);
  const pid = await serverPid();
  child.kill('SIGKILL');
  await until(t, 'the server stops', () => !isAlive(pid));
  t.false(existsSync(pidFile()));
});

test.serial('a new user can come while the server of the last one stops', async (t) => {
  const { child } = await startChild(t, dataDir);
  child.kill('SIGKILL');
  const db = await openDatabase({ dataDir });
  t.true((await count(db)) > 0);
  await db.close();
});

test.serial('when all processes were killed, the next start recovers what was committed', async (t) => {
  const { child } = await startChild(t, dataDir);
  const db = await openDatabase({ dataDir });
  const before = await count(db);
  const pid = await serverPid();
  process.kill(-(await parentOf(pid)), 'SIGKILL'); // the guard's session: the guard and the server
  child.kill('SIGKILL');
  await until(t, 'the server dies', () => !isAlive(pid));
  t.true(existsSync(pidFile()));
  await db.close();
  const next = await openDatabase({ dataDir });
  t.is(await count(next), before + 1);
  await next.close();
});

test.serial('a server without a guard is stopped and started again', async (t) => {
  const { child } = await startChild(t, dataDir);
  const pid = await serverPid();
  const guard = await parentOf(pid);
  const { stdout } = await run('pgrep', ['-P', String(guard)]);
  for (const each of [guard, ...stdout.trim().split('\n').map(Number)]) {
    if (each !== pid) process.kill(each, 'SIGKILL');
  }
  child.kill('SIGKILL');
  await once(child, 'exit');
  await sleep(100);
  t.true(isAlive(pid));
  const lines: string[] = [];
  const db = await openDatabase({ dataDir, log: (line) => lines.push(line) });
  t.false(isAlive(pid));
  t.deepEqual(lines, [`stopping an embedded PostgreSQL (process ${pid}) that an earlier run left behind`]);
  await db.close();
});

test.serial('a left-over postmaster.pid with the number of another program is no obstacle', async (t) => {
  await writeFile(
    pidFile(),
    `${process.pid}\n${join(dataDir, 'postgres', 'data')}\n1\n5432\n\n\n\nready   \n`,
  );
  const lines: string[] = [];
  const db = await openDatabase({ dataDir, log: (line) => lines.push(line) });
  t.deepEqual(lines, [`removing ${pidFile()}: process ${process.pid} is another program`]);
  await db.close();
});

test.serial('an empty postmaster.pid: of a server that starts, or of a crash', async (t) => {
  await writeFile(pidFile(), '');
  const lines: string[] = [];
  const db = await openDatabase({ dataDir, log: (line) => lines.push(line) });
  t.deepEqual(lines, [`removing ${pidFile()}: it is empty, from a crash`]);
  await db.close();
});

test.serial('a server that was stopped by force: a clear error, and a clean close', async (t) => {
  const db = await openDatabase({ dataDir, log: () => {} });
  process.kill(await serverPid(), 'SIGINT');
  await until(t, 'the server stops', () => !existsSync(pidFile()));
  await t.throwsAsync(count(db));
  await db.close();
});

test.serial('what it cannot start is told with the reason', async (t) => {
  const config = join(dataDir, 'postgres', 'data', 'postgresql.auto.conf');
  const before = await readFile(config);
  await writeFile(config, 'shared_buffers = nonsense\n');
  await t.throwsAsync(openDatabase({ dataDir }), {
    code: 'embedded_failed',
    message:
      /^the embedded PostgreSQL in .+ did not start: it ended with exit code 1; LOG: .*"shared_buffers".*; FATAL: /,
  });
  await writeFile(config, before);
  const version = join(dataDir, 'postgres', 'data', 'PG_VERSION');
  const major = await readFile(version, 'utf8');
  await writeFile(version, '13\n');
  await t.throwsAsync(openDatabase({ dataDir }), {
    code: 'embedded_failed',
    message: new RegExp(`was made by PostgreSQL 13 and this zeekway brings ${major.trim()}: dump it`),
  });
  await writeFile(version, major);
});

test('a folder that cannot be used is told', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'file'), '');
  await t.throwsAsync(openDatabase({ dataDir: join(folder, 'file') }), {
    code: 'embedded_failed',
    message: /^the data folder .+\/file cannot be used: (ENOTDIR|EEXIST)/,
  });
});

test('a data folder whose path no socket can have', async (t) => {
  const folder = join(await temporaryFolder(t), 'too long, '.repeat(12));
  const db = await openDatabase({ dataDir: folder });
  t.is(await count(db), 1);
  const socketDir = db.pool.options.host ?? '';
  t.false(socketDir.startsWith(folder));
  await tryHint(t, db);
  t.teardown(() => rm(socketDir, { recursive: true, force: true }));
  await db.close();
});

const isRoot = process.getuid?.() === 0;
const rootOnly = isRoot ? test : test.skip;

rootOnly('as root: a data folder that the server account cannot reach is refused', async (t) => {
  const folder = await temporaryFolder(t);
  await chmod(folder, 0o700);
  await t.throwsAsync(openDatabase({ dataDir: join(folder, 'data') }), {
    code: 'embedded_failed',
    message: `PostgreSQL must not run as root, and nobody, as which it would run, may not enter ${folder}: choose a data folder elsewhere, like /var/lib/zeekway`,
  });
});

/** Whom a test of a normal user runs as. */
const normalUser = isRoot ? { uid: NOBODY, gid: NOBODY } : {};

/** A checkout in a closed home folder (0700) cannot be run by anybody else: skipped there, and shown as such. */
const canRunNormally =
  spawnSync(process.execPath, ['--check', fileURLToPath(import.meta.url)], { ...normalUser, cwd: '/' })
    .status === 0;

(canRunNormally ? test : test.skip)('as a normal user: the data is in the home folder', async (t) => {
  const folder = await temporaryFolder(t);
  if (isRoot) await chown(folder, NOBODY, NOBODY);
  const { XDG_DATA_HOME: _, ...env } = process.env;
  const { child, told } = await startChild(t, undefined, {
    ...normalUser,
    env: { ...env, HOME: folder },
  });
  const version = told.version;
  t.is(told.description, `embedded PostgreSQL ${version} in ${folder}/.local/share/zeekway/postgres`);
  child.stdin?.end();
  const [code] = await once(child, 'exit');
  t.is(code, 0);
});
