import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { readGroup } from '../../src/spool/entry.js';
import { Spool, type SpoolOptions } from '../../src/spool/spool.js';
import { systemClock } from '../bridge/support.js';
import { silentLogger } from '../support/logger.js';

/** A folder that goes with the test. */
export async function spoolFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'zeekway-spool-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A spool that is closed with the test. */
export async function openSpool(
  t: ExecutionContext,
  folder: string,
  options: Partial<SpoolOptions> = {},
): Promise<Spool> {
  const spool = await Spool.open({ folder, logger: silentLogger, clock: systemClock, ...options });
  t.teardown(() => spool.close());
  return spool;
}

/** A payload that tells its number, of some size. */
export const numbered = (number: number, size = 8): Buffer => {
  const payload = Buffer.alloc(size, number % 251);
  payload.writeUInt32BE(number);
  return payload;
};

/** The numbers of the messages in the groups that are there, without waiting for more. */
export async function numbersIn(spool: Spool): Promise<number[]> {
  spool.finish();
  const numbers: number[] = [];
  for await (const { content } of spool.groups()) {
    for (const entry of readGroup(content)) {
      if (entry.kind !== 'message') continue;
      const payload = Buffer.from(entry.payload);
      const number = payload.readUInt32BE();
      if (!payload.equals(numbered(number, payload.length))) throw new Error(`message ${number} is damaged`);
      numbers.push(number);
    }
  }
  return numbers;
}
