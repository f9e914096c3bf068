/** `npm run fuzz -- [--iterations N] [--seed S] [--target NAME]`: the long form of fuzz.test.ts. */
import { parseArgs } from 'node:util';
import { fuzz } from './fuzz.js';
import { TARGETS } from './targets.js';

const { values } = parseArgs({
  options: {
    iterations: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() >>> 0) },
    target: { type: 'string' },
  },
});

for (const target of TARGETS) {
  if (values.target !== undefined && values.target !== target.name) continue;
  const start = performance.now();
  const { decoded, refused, slowestMs, peakMiB } = fuzz(
    target,
    Number(values.iterations),
    Number(values.seed),
  );
  const seconds = ((performance.now() - start) / 1_000).toFixed(0);
  process.stdout.write(
    `${target.name}: ${decoded} decoded, ${refused} refused, slowest ${slowestMs.toFixed(0)} ms, ` +
      `memory +${Math.max(0, peakMiB).toFixed(0)} MiB, ${seconds} s (seed ${values.seed})\n`,
  );
}
