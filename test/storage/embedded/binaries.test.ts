import { chmod, cp, lstat, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { findBinaries, packagedRoot } from '../../../src/storage/embedded/binaries.js';
import { prepareHome } from '../../../src/storage/embedded/home.js';

async function temporaryFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'zeekway-binaries-'));
  await chmod(folder, 0o755);
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The package as npm leaves it when it does not run install scripts. @returns its `native` folder. */
async function packageWithoutLinks(folder: string): Promise<string> {
  const root = join(folder, 'package', 'native');
  await cp(packagedRoot(), root, {
    recursive: true,
    filter: async (path) => !(await lstat(path)).isSymbolicLink(),
  });
  await cp(join(packagedRoot(), '..', 'package.json'), join(folder, 'package', 'package.json'));
  return root;
}

test('a package that cannot be run where it is gets copied', async (t) => {
  const folder = await temporaryFolder(t);
  const home = await prepareHome(folder);
  const root = await packageWithoutLinks(folder);
  const lines: string[] = [];
  const find = () => findBinaries(home.folder, home.account, (line) => lines.push(line), root);
  const binaries = await find();
  t.true(binaries.postgres.startsWith(home.folder));
  t.is(lines.length, 1);
  t.regex(
    lines[0] ?? '',
    /^copying the embedded PostgreSQL to .+, as .* cannot run it in place: .*cannot open/,
  );
  t.deepEqual(await find(), binaries);
  t.is(lines.length, 1);
});

test('a folder that takes no copy is told', async (t) => {
  const folder = await temporaryFolder(t);
  const { account } = await prepareHome(folder);
  const root = await packageWithoutLinks(folder);
  await writeFile(join(folder, 'file'), '');
  await t.throwsAsync(
    findBinaries(join(folder, 'file', 'home'), account, () => {}, root),
    {
      code: 'embedded_failed',
      message: /^the embedded PostgreSQL \(about 60 MB\) cannot be copied to .+: ENOTDIR/,
    },
  );
});

const rootOnly = process.getuid?.() === 0 ? test : test.skip;

rootOnly('as root: a closed package is copied to where the server account reaches it', async (t) => {
  const folder = await temporaryFolder(t);
  const home = await prepareHome(folder);
  const closed = join(folder, 'closed');
  await mkdir(closed, { mode: 0o700 });
  await cp(join(packagedRoot(), '..'), join(closed, 'package'), { recursive: true, verbatimSymlinks: true });
  const lines: string[] = [];
  const binaries = await findBinaries(
    home.folder,
    home.account,
    (line) => lines.push(line),
    join(closed, 'package', 'native'),
  );
  t.true(binaries.initdb.startsWith(home.folder));
  t.regex(lines[0] ?? '', /cannot run it in place: spawn .+ EACCES$/);
});
