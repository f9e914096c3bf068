import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { count, string, type Value } from '../../src/codec/value.js';
import { encodeValue } from '../../src/codec/value-binary.js';
import type { StoreBackend, StoreChange, StoreEntry } from '../../src/store/backend.js';
import { value } from './arbitrary.js';

/** What any back end has to do, whatever it keeps the entries in. */

export const position = (number: number): Uint8Array => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return new Uint8Array(bytes);
};

/** An entry to the bit. */
export const shownEntry = ({ key, value, expires }: StoreEntry): string =>
  `${encodeValue(key).toString('hex')} = ${encodeValue(value).toString('hex')} until ${expires}`;

export async function contentOf(
  backend: StoreBackend,
): Promise<{ entries: string[]; position: Uint8Array | undefined }> {
  const entries: string[] = [];
  const at = await backend.load((entry) => entries.push(shownEntry(entry)));
  return { entries: entries.sort(), position: at && new Uint8Array(at) };
}

const put = (key: Value, value: Value, expires?: bigint): StoreChange => ({
  type: 'put',
  key,
  value,
  ...(expires === undefined ? {} : { expires }),
});

/** The content that changes lead to. */
function expectedContent(commits: readonly (readonly StoreChange[])[]): string[] {
  const content = new Map<string, string>();
  for (const change of commits.flat()) {
    if (change.type === 'clear') content.clear();
    else if (change.type === 'erase') content.delete(encodeValue(change.key).toString('hex'));
    else content.set(encodeValue(change.key).toString('hex'), shownEntry(change));
  }
  return [...content.values()].sort();
}

/**
 * @param start gives a function that opens one and the same store, again and again.
 * @param expiry the times that the back end keeps exactly.
 */
export function backendSuite(
  name: string,
  start: (t: ExecutionContext) => Promise<() => StoreBackend>,
  expiry: fc.Arbitrary<bigint> = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
): void {
  /** The content of a store after commits, read by another life of it. */
  const after = async (open: () => StoreBackend, commits: readonly (readonly StoreChange[])[]) => {
    const backend = open();
    await backend.load(() => {});
    for (const [number, changes] of commits.entries()) await backend.commit(changes, position(number));
    await backend.close();
    const again = open();
    const content = await contentOf(again);
    await again.close();
    return content;
  };

  test(`${name}: a new store is empty and has no position`, async (t) => {
    const open = await start(t);
    const backend = open();
    t.deepEqual(await contentOf(backend), { entries: [], position: undefined });
    await backend.close();
    await backend.close();
  });

  test(`${name}: entries of all types and the position are the same when it is opened again`, async (t) => {
    const open = await start(t);
    const key = fc.oneof(value, fc.constantFrom(count(1), string('1'), string('')));
    const expires = fc.option(expiry, { nil: undefined });
    const change = fc.oneof(
      { weight: 8, arbitrary: fc.tuple(key, value, expires).map(([k, v, e]) => put(k, v, e)) },
      { weight: 2, arbitrary: key.map((k): StoreChange => ({ type: 'erase', key: k })) },
      { weight: 1, arbitrary: fc.constant<StoreChange>({ type: 'clear' }) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(change, { maxLength: 30 }), { minLength: 1, maxLength: 4 }),
        async (commits) => {
          const all: StoreChange[][] = [[{ type: 'clear' }], ...commits];
          const content = await after(open, all);
          t.deepEqual(content, { entries: expectedContent(all), position: position(all.length - 1) });
        },
      ),
      { numRuns: 40 },
    );
  });

  test(`${name}: changes of one commit are done in their order`, async (t) => {
    const open = await start(t);
    const [a, b, c] = [string('a'), string('b'), string('c')];
    const { entries } = await after(open, [
      [put(a, count(1)), put(b, count(1)), put(c, count(1))],
      [
        put(a, count(2)),
        { type: 'clear' },
        put(b, count(2)),
        { type: 'erase', key: b },
        put(b, count(3), 5_000n),
        put(b, count(4)),
      ],
    ]);
    t.deepEqual(entries, [shownEntry({ key: b, value: count(4) })]);
  });

  test(`${name}: 20,000 changes in one commit`, async (t) => {
    const open = await start(t);
    const changes = Array.from({ length: 20_000 }, (_, index) =>
      put(count(index % 15_000), string(`value ${index}`), 1_000n),
    );
    const erased = Array.from(
      { length: 5_000 },
      (_, index): StoreChange => ({ type: 'erase', key: count(index) }),
    );
    const commits = [changes, erased];
    const { entries } = await after(open, commits);
    t.is(entries.length, 10_000);
    t.deepEqual(entries, expectedContent(commits));
  });
}
