import test from 'ava';
import fc from 'fast-check';
import { nameFromBytes, nameToBytes } from '../../src/codec/text.js';
import { FilterMatcher, minimalFilter } from '../../src/protocol/broker/filter.js';

/** Few different bytes, so that prefixes are met: those of "é" alone, too, and of a character beyond 16 bits. */
const name = fc
  .array(fc.constantFrom(0x61, 0x2f, 0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80, 0xef, 0xbf, 0xbd), { maxLength: 6 })
  .map((bytes) => nameFromBytes(Uint8Array.from(bytes)));
const names = fc.array(name, { maxLength: 8 });

const begins = (topic: string, prefix: string): boolean => {
  const bytes = nameToBytes(prefix);
  return Buffer.from(nameToBytes(topic)).subarray(0, bytes.length).equals(bytes);
};

test('a topic matches when a prefix has its first bytes', (t) => {
  fc.assert(
    fc.property(names, name, (filter, topic) => {
      const expected = filter.some((prefix) => begins(topic, prefix));
      t.is(new FilterMatcher(filter).matches(topic), expected);
      t.is(new FilterMatcher(minimalFilter(filter)).matches(topic), expected);
    }),
    { numRuns: 2_000 },
  );
});

test('a minimal filter has no prefix that another one covers, and covers them all', (t) => {
  fc.assert(
    fc.property(names, (all) => {
      // Of names that are no text, some may be left: their order is not that of their bytes.
      const filter = all.filter((each) => each.isWellFormed());
      const minimal = minimalFilter(filter);
      t.true(new FilterMatcher(minimal).matchesAll(filter));
      for (const one of minimal) t.is(minimal.filter((prefix) => begins(one, prefix)).length, 1);
    }),
    { numRuns: 1_000 },
  );
});
