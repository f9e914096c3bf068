import test from 'ava';
import { count, string } from '../../src/codec/value.js';
import {
  DEFAULT_CODEC_LIMITS,
  STORE_READ_WAIT_MS,
  STORE_STALE_MS,
  STORE_TICK_MS,
} from '../../src/core/limits.js';
import { CloneStore } from '../../src/store/clone-store.js';
import { MasterParty } from '../support/store-parties.js';

/** A clone on a clock of its own, and a master that it reaches as long as `isThere`. */
function setUp() {
  const master = new MasterParty(1);
  let now = 0;
  const site = { isThere: true };
  const clone = new CloneStore(
    'store',
    () => ({ endpoint: '00000002-0000-4000-8000-000000000000', object: BigInt(now) + 1n }),
    {
      clock: { now: () => now, wallNanos: () => BigInt(now) * 1_000_000n },
      send: ({ payload }) => site.isThere && master.receive(payload),
    },
    DEFAULT_CODEC_LIMITS,
  );
  clone.start();
  const pass = async (ms: number): Promise<void> => {
    for (let at = 0; at < ms; at += STORE_TICK_MS) {
      now += STORE_TICK_MS;
      if (site.isThere) master.tick();
      for (const { payload } of master.sent.splice(0)) if (site.isThere) clone.receive(payload);
      clone.tick();
      // A snapshot is read in other turns.
      if (at < 2_000) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { master, clone, site, pass };
}

test('a clone that never found a master is read in vain, after five seconds', async (t) => {
  const { clone, site, pass } = setUp();
  site.isThere = false;
  const reading = t.throwsAsync(clone.get('a'), { code: 'store_no_master' });
  await pass(STORE_READ_WAIT_MS);
  await reading;
  t.is(clone.status().state, 'detached');
});

test('a clone whose master is gone can be read for five minutes, then no more, and again when there is one', async (t) => {
  const { master, clone, site, pass } = setUp();
  master.put(string('a'), count(1));
  await pass(1_000);
  t.deepEqual(await clone.get('a'), count(1));
  site.isThere = false;
  // It takes 50 s until the master is given up.
  await pass(50_000 + STORE_STALE_MS - 10_000);
  t.is(clone.status().state, 'detached');
  t.deepEqual(await clone.get('a'), count(1));
  await pass(20_000);
  await t.throwsAsync(clone.get('a'), { code: 'store_no_master' });
  site.isThere = true;
  await pass(2_000);
  t.deepEqual(await clone.get('a'), count(1));
});
