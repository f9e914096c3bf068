import { mutated, Random } from './mutate.js';
import { isAllowed, type Target } from './targets.js';

export interface FuzzResult {
  readonly decoded: number;
  readonly refused: number;
  readonly slowestMs: number;
  readonly peakMiB: number;
}

/** For one input of at most 64 KiB; generous, for a loaded machine and the garbage collector. */
const MOST_MS = 500;
/** Of the whole process, above what it had at the beginning. */
const MOST_MIB = 512;

/**
 * Feeds a decoder with random and mutated inputs. Throws, with the input in hex and the seed, where it throws
 * something else than it may, does something wrong, takes too long or needs too much memory.
 */
export function fuzz(target: Target, iterations: number, seed: number): FuzzResult {
  const random = new Random(seed);
  const before = mebibytes();
  const result = { decoded: 0, refused: 0, slowestMs: 0, peakMiB: 0 };
  for (let index = 0; index < iterations; index++) {
    const input = mutated(random, target.good);
    const run = (): number => {
      const start = performance.now();
      try {
        target.check(input, random);
        result.decoded += 1;
      } catch (error) {
        if (!isAllowed(error)) throw broken(target, seed, index, input, error);
        result.refused += 1;
      }
      return performance.now() - start;
    };
    let elapsed = run();
    // Once more: the machine may have been busy with something else.
    if (elapsed > MOST_MS) elapsed = Math.min(elapsed, run());
    if (elapsed > MOST_MS) throw broken(target, seed, index, input, `took ${Math.round(elapsed)} ms`);
    result.slowestMs = Math.max(result.slowestMs, elapsed);
    if (index % 1_000 === 0) {
      result.peakMiB = Math.max(result.peakMiB, mebibytes() - before);
      if (result.peakMiB > MOST_MIB) throw broken(target, seed, index, input, `${result.peakMiB} MiB`);
    }
  }
  return result;
}

const mebibytes = (): number => process.memoryUsage().rss / 1024 / 1024;

function broken(target: Target, seed: number, index: number, input: Buffer, cause: unknown): Error {
  const what = `${target.name}, seed ${seed}, input ${index}, ${input.length} bytes: ${input.toString('hex')}`;
  return new Error(`${what}: ${cause}`, { cause });
}
