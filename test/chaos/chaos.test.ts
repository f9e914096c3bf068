import test from 'ava';
import { SCENARIOS, SHORT } from './scenarios.js';

/** The short form; `npm run chaos` has the long one. */
for (const { name, unable, play } of SCENARIOS) {
  if (unable !== undefined) test.skip(`${name} (${unable})`, () => {});
  else test.serial(name, async (t) => t.deepEqual(await play(SHORT), []));
}
