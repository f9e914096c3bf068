import { execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { count, none, string, type Value, vector } from '../../src/codec/value.js';
import type { StoreBackend } from '../../src/store/backend.js';
import { LevelBackend } from '../../src/store/backends/level.js';
import { SqliteBackend } from '../../src/store/backends/sqlite.js';
import { backendSuite, contentOf, position, shownEntry } from '../support/backend-suite.js';

const FILES = {
  sqlite: (folder: string) => new SqliteBackend(join(folder, 'store')),
  level: (folder: string) => new LevelBackend(join(folder, 'store')),
} as const satisfies Record<string, (folder: string) => StoreBackend>;

async function newFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'zeekway-store-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const WRITER = fileURLToPath(new URL('./backend-writer.js', import.meta.url));

/** Starts a child that commits, and kills it. @returns the last number that it acknowledged. */
async function killedWriter(kind: string, folder: string, afterMs: number): Promise<number> {
  const child = spawn(process.execPath, [WRITER, kind, join(folder, 'store')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  const ended = new Promise((resolve) => child.once('close', resolve));
  const first = new Promise((resolve) => child.stdout.once('data', resolve));
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  await Promise.race([first, ended]);
  await sleep(afterMs);
  child.kill('SIGKILL');
  await ended;
  return Number(output.split('\n').at(-2));
}

const canMount = process.platform === 'linux' && process.getuid?.() === 0;

for (const [kind, make] of Object.entries(FILES)) {
  backendSuite(kind, async (t) => {
    const folder = await newFolder(t);
    return () => make(folder);
  });

  test(`${kind}: after kill -9 the content is that of a commit, and has all that was acknowledged`, async (t) => {
    const folder = await newFolder(t);
    let before = 0;
    for (let kill = 0; kill < 10; kill++) {
      const acknowledged = await killedWriter(kind, folder, 20 * kill);
      t.true(acknowledged > before, `${acknowledged} after ${before}`);
      const backend = make(folder);
      const { entries, position: at } = await contentOf(backend);
      await backend.close();
      const reached = Buffer.from(at ?? []).readUInt32BE();
      t.true(reached === acknowledged || reached === acknowledged + 1, `${reached} of ${acknowledged}`);
      const numbers = Array.from({ length: Math.min(10, reached) }, (_, back) => reached - back);
      const expected = [
        ...numbers.map((n) => ({ key: count(n), value: string('x'.repeat(n % 5_000)) })),
        { key: string('a'), value: count(reached) },
        { key: string('b'), value: count(reached) },
      ];
      t.deepEqual(entries, expected.map(shownEntry).sort());
      before = reached;
    }
  });

  test(`${kind}: a second process that opens the same file is refused`, async (t) => {
    const folder = await newFolder(t);
    const backend = make(folder);
    await backend.load(() => {});
    await t.throwsAsync(
      make(folder).load(() => {}),
      { code: 'store_backend_failed', message: /another master has/ },
    );
    const child = spawn(process.execPath, [WRITER, kind, join(folder, 'store')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    t.not(await new Promise((resolve) => child.once('close', resolve)), 0);
    t.true(errors.includes(`another master has the store in ${join(folder, 'store')} open`), errors);
    await backend.commit([{ type: 'put', key: none, value: none }], position(1));
    await backend.close();
  });

  test(`${kind}: a commit after close, and a place where no file can be, say which file`, async (t) => {
    const folder = await newFolder(t);
    const backend = make(folder);
    await backend.load(() => {});
    await backend.close();
    const file = join(folder, 'store');
    const closed = await t.throwsAsync(backend.commit([], position(1)), { code: 'store_backend_failed' });
    t.is(closed?.message, `the store in ${file} is closed`);
    await writeFile(`${file}.txt`, '');
    const elsewhere = make(`${file}.txt`);
    const missing = await t.throwsAsync(
      elsewhere.load(() => {}),
      { code: 'store_backend_failed' },
    );
    t.true(missing?.message.startsWith(`cannot open the store in ${file}.txt/store: `), missing?.message);
  });

  (canMount ? test : test.skip)(
    `${kind}: a full disk refuses a commit as a whole, and takes it when there is room`,
    async (t) => {
      const disk = join(await newFolder(t), 'disk');
      await mkdir(disk);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk]);
      t.teardown(() => void execFileSync('umount', ['-l', disk]));
      const backend = make(disk);
      await backend.load(() => {});
      await backend.commit([{ type: 'put', key: string('first'), value: none }], position(1));
      execFileSync('sh', ['-c', `head -c 7000000 /dev/zero > ${disk}/other`]);
      // Bytes that do not compress.
      const values = fc.sample(fc.uint8Array({ minLength: 100_000, maxLength: 100_000, size: 'max' }), {
        numRuns: 20,
        seed: 1,
      });
      const put = (value: Value) => [{ type: 'put' as const, key: string('large'), value }];
      const large = vector(values.map(string));
      const full = await t.throwsAsync(backend.commit(put(large), position(2)), {
        code: 'store_backend_failed',
      });
      t.true(full?.message.startsWith(`cannot write the store in ${disk}/store: `), full?.message);
      t.log(full?.message);
      await rm(join(disk, 'other'));
      await backend.commit(put(large), position(3));
      await backend.close();
      const again = make(disk);
      const { entries, position: at } = await contentOf(again);
      await again.close();
      t.deepEqual(at, position(3));
      t.deepEqual(
        entries,
        [
          { key: string('first'), value: none },
          { key: string('large'), value: large },
        ]
          .map(shownEntry)
          .sort(),
      );
    },
  );
}
