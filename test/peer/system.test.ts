import test from 'ava';
import { systemClock } from '../../src/peer/system.js';

test('the wall clock follows when it is set', (t) => {
  const { now } = Date;
  t.teardown(() => {
    Date.now = now;
  });
  for (const step of [0, 86_400_000, -3_600_000, 0]) {
    Date.now = () => now() + step;
    const off = Number(systemClock.wallNanos() / 1_000_000n) - Date.now();
    t.true(Math.abs(off) <= 6, `${off} ms off after a step of ${step} ms`);
  }
});
