import type { LoadPlan } from '../../src/load/plan.js';

/** A plan for tests; its network time begins on a day in 2023. */
export const loadPlan = (change: Partial<LoadPlan> = {}): LoadPlan => ({
  run: 'test',
  seed: 1,
  workers: 2,
  records: 10_000,
  mix: { conn: 70, dns: 20, http: 10 },
  startMicros: 1_700_000_000_123_456,
  pace: 20_000,
  ...change,
});
