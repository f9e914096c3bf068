import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, chown, constants, lstat, mkdir, stat } from 'node:fs/promises';
import { homedir, tmpdir, userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { ZeekwayError } from '../../core/errors.js';

const run = promisify(execFile);

/** As whom the server runs: PostgreSQL refuses to run as root. */
export interface Account {
  /** Empty where it is our own account. */
  readonly ids: { readonly uid?: number; readonly gid?: number };
  /** For messages. */
  readonly name: string;
}

/** How programs are run as the account: from a folder that it may enter, and without our environment. */
export const runAs = ({ ids }: Account) => ({ ...ids, cwd: '/', env: { LC_ALL: 'C' } });

/** The folder of the embedded server inside the data folder, and the account that owns it. */
export interface Home {
  readonly folder: string;
  readonly account: Account;
  /** Where the server's unix socket lies; `folder` unless clients cannot take that path. */
  readonly socketDir: string;
}

/** `/var/lib/zeekway` for root, else `$XDG_DATA_HOME/zeekway` or `~/.local/share/zeekway`. */
export function defaultDataDir(): string {
  if (process.getuid?.() === 0) return '/var/lib/zeekway';
  const { XDG_DATA_HOME } = process.env;
  const base = XDG_DATA_HOME || join(homedir(), '.local', 'share');
  return join(base, 'zeekway');
}

/** The socket is always for this port: its file is named after it. No TCP port is ever opened. */
export const SOCKET_PORT = 5432;

/** A unix socket's path has 108 bytes on Linux and 104 on macOS, with a NUL at the end. */
const SOCKET_PATH_BYTES = process.platform === 'darwin' ? 103 : 107;

const failed = (message: string, cause?: unknown): ZeekwayError =>
  new ZeekwayError('embedded_failed', message, {}, { cause });

async function idOfNobody(flag: '-u' | '-g'): Promise<number> {
  const { stdout } = await run('id', [flag, 'nobody']);
  return Number(stdout);
}

/** Root hands the server to the owner of the folder, or to `nobody` where that is root. */
async function accountFor(folder: string): Promise<Account> {
  if (process.getuid?.() !== 0) return { ids: {}, name: userInfo().username };
  const owner = await stat(folder);
  if (owner.uid !== 0) return { ids: { uid: owner.uid, gid: owner.gid }, name: `uid ${owner.uid}` };
  return { ids: { uid: await idOfNobody('-u'), gid: await idOfNobody('-g') }, name: 'nobody' };
}

/** The nearest folder above `path` that the account may not enter. */
async function closedParent(path: string, { ids }: Account): Promise<string | undefined> {
  if (ids.uid === undefined) return undefined;
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const { mode, uid, gid } = await stat(folder);
    const needed = uid === ids.uid ? 0o100 : gid === ids.gid ? 0o010 : 0o001;
    if ((mode & needed) === 0) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}

/**
 * A socket in a data folder with a long path goes to a short folder of its own (and one with a comma, which
 * separates hosts for psql). That must belong to the account: in /tmp anybody could have made one of that
 * name before us.
 */
async function shortSocketDir(folder: string, account: Account): Promise<string> {
  const socket = join(folder, `.s.PGSQL.${SOCKET_PORT}`);
  if (Buffer.byteLength(socket) <= SOCKET_PATH_BYTES && !folder.includes(',')) return folder;
  const digest = createHash('sha256').update(folder).digest('hex').slice(0, 12);
  const short = join(tmpdir(), `zeekway-${digest}`);
  await makeOwned(short, account);
  const made = await lstat(short);
  if (!made.isDirectory() || made.uid !== (account.ids.uid ?? process.getuid?.())) {
    throw failed(
      `${short}, the folder for the database socket, belongs to somebody else: choose a shorter data folder`,
    );
  }
  return short;
}

/** Makes a folder that only the account (and root) may enter; leaves an existing one as it is. */
async function makeOwned(folder: string, { ids }: Account): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return;
    throw error;
  }
  if (ids.uid !== undefined && ids.gid !== undefined) await chown(folder, ids.uid, ids.gid);
}

/** Makes `<dataDir>/postgres` ready for the server. Throws `embedded_failed` when it cannot be used. */
export async function prepareHome(dataDir: string): Promise<Home> {
  const absolute = resolve(dataDir);
  const folder = join(absolute, 'postgres');
  try {
    await mkdir(absolute, { recursive: true, mode: process.getuid?.() === 0 ? 0o755 : 0o700 });
    const existing = await stat(folder).catch(() => undefined);
    const account = await accountFor(existing ? folder : absolute);
    const closed = await closedParent(folder, account);
    if (closed !== undefined) {
      throw failed(
        `PostgreSQL must not run as root, and ${account.name}, as which it would run, may not enter ${closed}: choose a data folder elsewhere, like ${defaultDataDir()}`,
      );
    }
    await makeOwned(folder, account);
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return { folder, account, socketDir: await shortSocketDir(folder, account) };
  } catch (error) {
    if (error instanceof ZeekwayError) throw error;
    const text = error instanceof Error ? error.message : String(error);
    throw failed(`the data folder ${absolute} cannot be used: ${text}`, error);
  }
}
