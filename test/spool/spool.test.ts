import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import fc from 'fast-check';
import { Spool } from '../../src/spool/spool.js';
import { until } from '../bridge/numbers.js';
import { keepingLogger, systemClock } from '../bridge/support.js';
import { silentLogger } from '../support/logger.js';
import { numbered, numbersIn, openSpool, spoolFolder } from './support.js';

const noState = () => [];

/** The numbers from one up to, not including, another. */
const range = (first: number, next: number): number[] =>
  Array.from({ length: next - first }, (_, index) => first + index);

test('what is released is gone, what is not is there again, and the numbers go on', async (t) => {
  const folder = await spoolFolder(t);
  const first = await openSpool(t, folder);
  const { id } = first;
  for (let number = 0; number < 10; number++) {
    first.message(0, 0n, 'x', numbered(number));
    if (number === 4) await first.flush();
  }
  await first.flush();
  t.like(first.status, { state: 'ok', entries: 10, unsyncedBytes: 0, syncs: 2 });
  const groups = first.groups();
  t.like((await groups.next()).value, { first: 0, end: 5 });
  // Not all of the second group is stored elsewhere: it stays.
  first.release(7, (at) => [{ name: 'state', text: `at ${at}` }]);
  await first.close();

  const second = await openSpool(t, folder);
  t.is(second.id, id);
  t.deepEqual([second.first, second.next, second.firstNew], [5, 10, 10]);
  t.is(second.state.get('state'), 'at 5');
  second.message(0, 0n, 'x', numbered(10));
  t.deepEqual(await numbersIn(second), [5, 6, 7, 8, 9, 10]);
  second.release(11, () => [{ name: 'state' }]);
  await second.close();

  const third = await openSpool(t, folder);
  t.deepEqual([third.first, third.next], [11, 11]);
  t.is(third.state.get('state'), undefined);
  t.deepEqual(await numbersIn(third), []);
});

test('the state of all names behind one can be removed', async (t) => {
  const folder = await spoolFolder(t);
  const spool = await openSpool(t, folder);
  const change = async (changes: { name: string; text?: string }[]): Promise<void> => {
    spool.message(0, 0n, 'x', numbered(0));
    await spool.flush();
    spool.release(spool.next, () => changes);
  };
  await change(['a/1/x', 'a/1/y', 'a/10/x', 'a/2'].map((name) => ({ name, text: 't' })));
  await change([{ name: 'a/1/' }, { name: 'a/2' }, { name: 'a/1/z', text: 'later' }]);
  await spool.close();
  const { state } = await openSpool(t, folder);
  t.deepEqual([...state.keys()].sort(), ['a/1/z', 'a/10/x', 'end']);
});

test('a group can be taken only when it is durable, and is made so by its size or its age', async (t) => {
  const spool = await openSpool(t, await spoolFolder(t), { syncBytes: 1_000, syncIntervalMs: 30 });
  const groups = spool.groups();
  const next = groups.next();
  spool.message(0, 0n, 'x', numbered(0, 100));
  t.is(spool.status.syncs, 0);
  t.like((await next).value, { first: 0, end: 1 });
  t.is(spool.status.syncs, 1);
  for (let number = 1; number <= 10; number++) spool.message(0, 0n, 'x', numbered(number, 300));
  const { value } = await groups.next();
  t.deepEqual([value?.first, value?.end], [1, 5]);
});

test('what memory has no room for is read from the disk', async (t) => {
  const spool = await openSpool(t, await spoolFolder(t), { memoryBytes: 3_000, syncBytes: 1_000 });
  for (let number = 0; number < 200; number++) {
    spool.message(0, 0n, 'x', numbered(number, 500));
    await spool.room();
  }
  t.deepEqual(await numbersIn(spool), range(0, 200));
  t.true(spool.status.reads > 50, `${spool.status.reads} reads`);
});

test('a reader that keeps up reads nothing from the disk', async (t) => {
  const spool = await openSpool(t, await spoolFolder(t), { memoryBytes: 1, syncBytes: 1_000 });
  const groups = spool.groups();
  for (let number = 0; number < 50; number++) {
    spool.message(0, 0n, 'x', numbered(number, 2_000));
    const { value } = await groups.next();
    spool.release(value?.end ?? 0, noState);
  }
  t.like(spool.status, { reads: 0, entries: 0, bytes: 0 });
});

test('a full spool has no room until something is released', async (t) => {
  const spool = await openSpool(t, await spoolFolder(t), { sizeBytes: 100_000, syncBytes: 10_000 });
  let number = 0;
  for (; spool.hasRoom || spool.status.state !== 'full'; number++) {
    spool.message(0, 0n, 'x', numbered(number, 1_000));
    if (number % 10 === 0) await spool.flush();
  }
  await spool.flush();
  t.is(spool.status.state, 'full');
  t.true(spool.status.bytes >= 100_000 && spool.status.bytes < 130_000, `${spool.status.bytes} bytes`);
  let hasRoom = false;
  const room = spool.room().then(() => {
    hasRoom = true;
  });
  await sleep(50);
  t.false(hasRoom);
  const groups = spool.groups();
  const { value } = await groups.next();
  for (let taken = 0; taken < 3; taken++) await groups.next();
  spool.release(value?.end ?? 0, noState);
  spool.release(number / 2, noState);
  await room;
  t.like(spool.status, { state: 'ok' });
});

test('two processes cannot use one folder', async (t) => {
  const folder = await spoolFolder(t);
  const spool = await openSpool(t, folder);
  await t.throwsAsync(openSpool(t, folder), { code: 'spool_busy' });
  await spool.close();
  await t.notThrowsAsync(openSpool(t, folder));
});

test('a folder that cannot be made is told', async (t) => {
  const folder = join(fileURLToPath(import.meta.url), 'spool');
  await t.throwsAsync(openSpool(t, folder), { code: 'spool_failed', message: /^cannot open the spool in / });
});

test('whatever is appended, released, closed and opened again: the rest is there', async (t) => {
  const step = fc.record({
    append: fc.nat(30),
    size: fc.nat(3_000),
    release: fc.nat(20),
    reopen: fc.boolean(),
  });
  const property = fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
    const folder = await spoolFolder(t);
    const options = {
      folder,
      logger: silentLogger,
      clock: systemClock,
      syncBytes: 2_000,
      memoryBytes: 4_000,
    };
    let spool = await Spool.open(options);
    let released = 0;
    let taken = 0;
    for (const { append, size, release, reopen } of steps) {
      for (let count = 0; count < append; count++) {
        spool.message(0, 0n, 'x', numbered(spool.next, 8 + size));
        await spool.room();
      }
      await spool.flush();
      released = Math.min(spool.next, released + release);
      const groups = spool.groups();
      while (taken < released) taken = (await groups.next()).value?.end ?? released;
      spool.release(released, noState);
      if (!reopen) continue;
      await spool.close();
      spool = await Spool.open(options);
      taken = spool.first;
    }
    await spool.close();
    spool = await Spool.open(options);
    const { first, next } = spool;
    const numbers = await numbersIn(spool);
    await spool.close();
    assert(first <= released);
    assert.deepEqual(numbers, range(first, next));
  });
  await fc.assert(property, { numRuns: 20 });
  t.pass();
});

test('a process that is killed: what it was told is durable is there, and nothing is there twice', async (t) => {
  const folder = await spoolFolder(t);
  const script = fileURLToPath(new URL('./writing-child.js', import.meta.url));
  let said = 0;
  for (let kill = 0; kill < 8; kill++) {
    const child = spawn(process.execPath, [script, folder, String(100 * 4 ** (kill % 5))], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child.stdout.on('data', (chunk: Buffer) => {
      said = Number(chunk.toString().trim().split('\n').at(-1));
    });
    await once(child.stdout, 'data');
    await sleep(Math.random() * 200);
    child.kill('SIGKILL');
    await once(child, 'close');
    const spool = await Spool.open({ folder, logger: silentLogger, clock: systemClock });
    const { first, next } = spool;
    t.true(next >= said, `${next} of at least ${said} entries are there`);
    const state = spool.state.get('first');
    t.true(
      state === undefined || Number(state) === first,
      `the state is of ${state}, the first entry ${first}`,
    );
    t.deepEqual(await numbersIn(spool), range(first, next));
    await spool.close();
  }
});

const canMount = process.platform === 'linux' && process.getuid?.() === 0;

(canMount ? test : test.skip)(
  'a full disk: nothing is lost, and it goes on when there is room',
  async (t) => {
    const folder = await spoolFolder(t);
    const disk = join(folder, 'disk');
    await mkdir(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk]);
    t.teardown(() => void execFileSync('umount', ['-l', disk]));
    execFileSync('sh', ['-c', `head -c 5000000 /dev/zero > ${disk}/other`]);
    const logger = keepingLogger();
    const spool = await openSpool(t, join(disk, 'spool'), { logger, syncBytes: 500_000 });
    let number = 0;
    const append = (): void => spool.message(0, 0n, 'x', numbered(number++, 100_000));
    while (spool.status.lastError === undefined) {
      append();
      await Promise.race([spool.room(), sleep(300)]);
    }
    t.regex(spool.status.lastError ?? '', /the disk is full, \d+ KiB are free/);
    while (spool.hasRoom) append();
    await rm(join(disk, 'other'));
    await spool.flush();
    t.is(spool.status.state, 'ok');
    t.deepEqual(
      logger.lines.map(({ level }) => level),
      ['error', 'info'],
    );
    t.deepEqual(await numbersIn(spool), range(0, number));
    await until(t, () => spool.status.unsyncedBytes === 0);
    await spool.close();
  },
);
