import test from 'ava';
import fc from 'fast-check';
import { formatDuration, formatSize, parseDuration, parseSize } from '../../src/cli/config/units.js';

/** From 0 to 2^53, small and round numbers as often as others. */
const numbers = fc.oneof(
  fc.maxSafeNat(),
  fc.nat({ max: 5_000 }),
  fc
    .tuple(fc.nat({ max: 60 }), fc.constantFrom(1024, 1024 ** 2, 1024 ** 3, 1024 ** 4))
    .map(([a, b]) => a * b),
  fc.tuple(fc.nat({ max: 90 }), fc.constantFrom(1e3, 6e4, 36e5, 864e5)).map(([a, b]) => a * b),
);

test('a size and a time that are written are read as the same number', (t) => {
  fc.assert(fc.property(numbers, (value) => parseSize(formatSize(value)) === value));
  fc.assert(fc.property(numbers, (value) => parseSize(String(value)) === value));
  fc.assert(fc.property(numbers, (value) => parseDuration(formatDuration(value)) === value));
  t.pass();
});

test('what is written is the shortest form without a fraction', (t) => {
  t.is(formatSize(4 * 1024 ** 3), '4GiB');
  t.is(formatSize(1536 * 1024 ** 2), '1536MiB');
  t.is(formatSize(1025), '1025B');
  t.is(formatSize(0), '0B');
  t.is(formatDuration(30 * 86_400_000), '30d');
  t.is(formatDuration(90_000), '90s');
  t.is(formatDuration(50), '50ms');
});

test('whole numbers with a unit are read, and nothing else', (t) => {
  for (const [text, bytes] of [
    ['512MiB', 512 * 1024 ** 2],
    ['4gib', 4 * 1024 ** 3],
    ['4 GiB', 4 * 1024 ** 3],
    ['007', 7],
  ] as const) {
    t.is(parseSize(text), bytes, text);
  }
  for (const text of [
    '',
    ' ',
    '4GB',
    '4G',
    '1.5GiB',
    '-1',
    '0x10',
    '1e6',
    '4_096',
    'GiB',
    '4GiB\n',
    '9007199254740992',
  ]) {
    t.is(parseSize(text), undefined, text);
  }
  t.is(parseDuration('2s'), 2_000);
  t.is(parseDuration('15m'), 900_000);
  t.is(parseDuration('1H'), 3_600_000);
  for (const text of ['', '50', '1.5s', '2min', '-2s', '1s 5ms', 'never', '99999999999999d']) {
    t.is(parseDuration(text), undefined, text);
  }
});
