import test from 'ava';
import { fuzz } from './fuzz.js';
import { TARGETS } from './targets.js';

const ITERATIONS = 20_000;

for (const target of TARGETS) {
  test(`${target.name} takes ${ITERATIONS} bad inputs`, (t) => {
    const { decoded, refused } = fuzz(target, ITERATIONS, Date.now() >>> 0);
    t.true(decoded + refused >= ITERATIONS);
    t.true(decoded > ITERATIONS / 100, 'mutations that are all refused test nothing');
  });
}
