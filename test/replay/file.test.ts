import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { digestFile } from '../../src/replay/file-source.js';
import { openReplay } from '../../src/replay/replay.js';
import { pcapFile } from '../support/recordings.js';
import { pcap, segmentsOf } from './packets.js';
import { OPTIONS } from './reading.js';
import { capture } from './session.js';

const folder = await mkdtemp(join(tmpdir(), 'zeekway-replay-'));
test.after.always(() => rm(folder, { recursive: true }));

async function written(name: string, bytes: Buffer): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, bytes);
  return file;
}

test('the digest is of the content, gzipped or not', async (t) => {
  const content = await readFile(pcapFile('native-logs'));
  const expected = createHash('sha256').update(content).digest('hex');
  t.is(await digestFile(pcapFile('native-logs')), expected);
  const half = content.length >> 1;
  const members = Buffer.concat([gzipSync(content.subarray(0, half)), gzipSync(content.subarray(half))]);
  t.is(await digestFile(await written('digest.gz', members)), expected);
  t.not(await digestFile(await written('short.gz', gzipSync(content).subarray(0, 50_000))), expected);
});

test('a file that cannot be read is refused', async (t) => {
  for (const file of [join(folder, 'none.pcap'), folder]) {
    await t.throwsAsync(
      async () => {
        for await (const batch of (await openReplay(file, OPTIONS)).items()) t.fail(`${batch.length} items`);
      },
      { code: 'file_unreadable', message: new RegExp(`^${file} cannot be read: E`) },
    );
    await t.throwsAsync(digestFile(file), { code: 'file_unreadable' });
  }
});

test('a file is read as fast as its items are taken, and no further', async (t) => {
  const segments = segmentsOf('native-logs');
  const file = await written('long.pcap', capture(Array.from({ length: 8 }, () => segments).flat()));
  const replay = await openReplay(file, OPTIONS);
  for await (const batch of replay.items()) {
    t.true(batch.length > 0);
    break;
  }
  const { bytesRead, bytesTotal } = replay.progress();
  t.true(bytesRead > 0 && bytesRead < bytesTotal, `${bytesRead} of ${bytesTotal}`);
});

test('the speed of the capture', async (t) => {
  const file = await written('speed.pcap', capture(segmentsOf('native-events')));
  const times = segmentsOf('native-events').map(({ time }) => time);
  const duration = Number((times.at(-1) ?? 0n) - (times[0] ?? 0n)) / 1e6;
  for (const speed of [1, 4, 0.5, 1e-6]) {
    let now = 5000;
    const clock = { ...OPTIONS.clock, now: () => now };
    const arrivals: number[] = [];
    const sleep = async (ms: number): Promise<void> => {
      t.true(ms > 0 && ms < 2 ** 31, 'what a timer can wait');
      now += ms;
    };
    const replay = await openReplay(file, { clock, sleep, speed });
    for await (const batch of replay.items()) {
      for (const { received } of batch) {
        const due = 5000 + Number(received - (times[0] ?? 0n)) / 1e6 / speed;
        arrivals.push(now - due);
      }
    }
    t.is(arrivals.length, 15);
    t.true(
      arrivals.every((late) => Math.abs(late) < 0.001),
      `${arrivals}`,
    );
    t.true(Math.abs(now - 5000 - duration / speed) < 0.001);
  }
});

test('speeds that are none are refused', async (t) => {
  const file = await written('no-speed.pcap', pcap([], 1));
  const sleep = async (): Promise<void> => {};
  for (const speed of [0, -1, Number.NaN]) {
    await t.throwsAsync(openReplay(file, { ...OPTIONS, sleep, speed }), { code: 'config_invalid' });
  }
  await t.throwsAsync(openReplay(file, { ...OPTIONS, speed: 2 }), { code: 'config_invalid' });
});
