import { count, string } from '../../src/codec/value.js';
import { LevelBackend } from '../../src/store/backends/level.js';
import { SqliteBackend } from '../../src/store/backends/sqlite.js';

/**
 * Commits to a store until it is killed: with number N it puts the keys `a` and `b` and the position to N, and erases
 * what is N - 10. Prints each number that was acknowledged.
 */
const [kind, path = ''] = process.argv.slice(2);
const backend = kind === 'sqlite' ? new SqliteBackend(path) : new LevelBackend(path);
const position = await backend.load(() => {});
for (let number = position ? Buffer.from(position).readUInt32BE() + 1 : 1; ; number++) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  await backend.commit(
    [
      { type: 'put', key: count(number), value: string('x'.repeat(number % 5_000)) },
      { type: 'put', key: string('a'), value: count(number) },
      { type: 'put', key: string('b'), value: count(number) },
      ...(number > 10 ? [{ type: 'erase' as const, key: count(number - 10) }] : []),
    ],
    bytes,
  );
  // The pipe has it before the next one is begun.
  await new Promise((done) => process.stdout.write(`${number}\n`, done));
}
