import test from 'ava';
import fc from 'fast-check';
import {
  formatTimespan,
  formatTimestamp,
  nanosFromSeconds,
  parseTimespan,
  parseTimestamp,
  secondsFromNanos,
} from '../../src/codec/time.js';
import * as arbitrary from '../support/arbitrary.js';

test('every timestamp and timespan of 64 bits survives being text', (t) => {
  fc.assert(
    fc.property(arbitrary.int64, (nanos) => {
      t.is(parseTimestamp(formatTimestamp(nanos)), nanos);
      t.is(parseTimestamp(`${formatTimestamp(nanos)}Z`), nanos);
      t.is(parseTimespan(formatTimespan(nanos)), nanos);
    }),
    { numRuns: 2_000 },
  );
});

test('timestamps have at least milliseconds and as many digits as are needed', (t) => {
  const shown: [bigint, string][] = [
    [0n, '1970-01-01T00:00:00.000'],
    [-1n, '1969-12-31T23:59:59.999999999'],
    [1_700_000_000_123_456_000n, '2023-11-14T22:13:20.123456'],
    [1_700_000_000_100_000_000n, '2023-11-14T22:13:20.100'],
    [-(2n ** 63n), '1677-09-21T00:12:43.145224192'],
    [2n ** 63n - 1n, '2262-04-11T23:47:16.854775807'],
  ];
  for (const [nanos, text] of shown) t.is(formatTimestamp(nanos), text);
});

test('timestamps are read with zones, without decimals, with a blank', (t) => {
  for (const text of [
    '2023-11-14T22:13:20',
    '2023-11-14 22:13:20Z',
    '2023-11-14T23:13:20+01:00',
    '2023-11-14T16:43:20.0-0530',
  ]) {
    t.is(parseTimestamp(text), 1_700_000_000_000_000_000n, text);
  }
});

test('what is no time of 64 bits is refused', (t) => {
  for (const text of [
    '',
    'now',
    '2023-11-14',
    '2023-13-01T00:00:00',
    '2023-02-30T00:00:00',
    '2023-01-01T25:00:00',
    '2023-01-01T00:00:00.1234567891',
    '2262-04-11T23:47:16.854775808',
    '1677-09-21T00:12:43.145224191',
    '9999-01-01T00:00:00',
  ]) {
    t.throws(() => parseTimestamp(text), { code: 'text_invalid' }, text);
  }
  for (const text of ['', '5', 's', '5 s', '1.5s', '5weeks', '9223372036854775808ns', '106752d']) {
    t.throws(() => parseTimespan(text), { code: 'text_invalid' }, text);
  }
  for (const seconds of [NaN, Infinity, -Infinity, 1e10, -1e300]) {
    t.throws(() => nanosFromSeconds(seconds), { code: 'text_invalid' }, String(seconds));
  }
});

test('timespans are shown in the largest unit up to seconds that divides them', (t) => {
  const shown: [bigint, string][] = [
    [0n, '0s'],
    [1n, '1ns'],
    [-1_500n, '-1500ns'],
    [2_000n, '2us'],
    [250_000_000n, '250ms'],
    [-1_500_000_000n, '-1500ms'],
    [259_200_000_000_000n, '259200s'],
  ];
  for (const [nanos, text] of shown) t.is(formatTimespan(nanos), text);
  t.is(parseTimespan('3d'), 259_200_000_000_000n);
  t.is(parseTimespan('+2min'), 120_000_000_000n);
  t.is(parseTimespan('-1h'), -3_600_000_000_000n);
});

test('seconds of logs become nanoseconds, exact to the microsecond, and come back', (t) => {
  t.is(nanosFromSeconds(1.5), 1_500_000_000n);
  t.is(nanosFromSeconds(-0.25), -250_000_000n);
  const micros = fc.bigInt({ min: -(2n ** 51n), max: 2n ** 51n });
  fc.assert(
    fc.property(micros, (value) => {
      const nanos = nanosFromSeconds(Number(value) / 1e6);
      t.is((nanos + (nanos < 0n ? -500n : 500n)) / 1_000n, value);
      t.is(Math.round(secondsFromNanos(value * 1_000n) * 1e6), Number(value));
    }),
  );
});
