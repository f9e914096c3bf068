import fc from 'fast-check';
import { Address, Subnet } from '../../src/codec/address.js';
import {
  LOG_SCALARS,
  LOG_TYPES,
  type LogScalar,
  type LogType,
  type LogValue,
} from '../../src/codec/log-record.js';
import { Port, PROTOCOLS } from '../../src/codec/port.js';
import { canonicalText, nameFromBytes } from '../../src/codec/text.js';
import type { Value } from '../../src/codec/value.js';

/** Values that break codecs, and everything else. */

const U64_EDGES = [0n, 1n, 127n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n];
const I64_EDGES = [-(2n ** 63n), -(2n ** 53n) - 1n, -1n, 0n, 1n, 2n ** 53n + 1n, 2n ** 63n - 1n];
const REAL_EDGES = [0, -0, NaN, Infinity, -Infinity, 5e-324, -1e-300, 0.1, 1e21, 2 ** 53, Number.MAX_VALUE];

export const uint64 = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(...U64_EDGES));
export const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(...I64_EDGES),
);
export const double = fc.oneof(fc.double(), fc.constantFrom(...REAL_EDGES));

/** Byte strings: any bytes, UTF-8, and what escaping trips over. */
export const byteString = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.string({ unit: 'binary', maxLength: 40 }).map((text) => Uint8Array.from(Buffer.from(text))),
  fc
    .array(
      fc.constantFrom('\\', 'x', '4', 'a', 'F', '5c', '\0', '\x80', '\xff', '"', '\n', '\xc3\xa9', '\x1f'),
    )
    .map((parts) => Uint8Array.from(Buffer.from(parts.join(''), 'latin1'))),
);
export const text = byteString.map(canonicalText);
/** Names: strings whose lone surrogates stand for bytes that are not UTF-8. */
export const name = byteString.map(nameFromBytes);

export const address = fc
  .oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    // Many zeros, for the compression of RFC 5952.
    fc
      .array(fc.constantFrom(0, 0, 0, 1, 0xff), { minLength: 16, maxLength: 16 })
      .map((a) => Uint8Array.from(a)),
  )
  .map((bytes) => Address.fromBytes(bytes));
export const subnet = fc
  .tuple(address, fc.integer({ min: 0, max: 128 }))
  .map(([network, length]) => Subnet.fromWire(network, length));
export const port = fc
  .tuple(fc.integer({ min: 0, max: 65535 }), fc.constantFrom(...PROTOCOLS))
  .map(([number, protocol]) => Port.of(number, protocol));

const scalar: fc.Arbitrary<Value> = fc.oneof(
  fc.constant<Value>({ type: 'none' }),
  fc.boolean().map((value): Value => ({ type: 'boolean', value })),
  uint64.map((value): Value => ({ type: 'count', value })),
  int64.map((value): Value => ({ type: 'integer', value })),
  double.map((value): Value => ({ type: 'real', value })),
  text.map((value): Value => ({ type: 'string', value })),
  address.map((value): Value => ({ type: 'address', value })),
  subnet.map((value): Value => ({ type: 'subnet', value })),
  port.map((value): Value => ({ type: 'port', value })),
  int64.map((value): Value => ({ type: 'timestamp', value })),
  int64.map((value): Value => ({ type: 'timespan', value })),
  name.map((value): Value => ({ type: 'enum-value', value })),
);

/** Any value: all 15 types, nested; sets and tables in any order and with elements that occur twice. */
export const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 6 }).map((items): Value => ({ type: 'vector', value: items })),
    fc.array(tie('value'), { maxLength: 6 }).map((items): Value => ({ type: 'set', value: items })),
    fc
      .array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 })
      .map((entries): Value => ({ type: 'table', value: entries })),
  ),
})).value;

export function logScalar(type: LogScalar): fc.Arbitrary<LogValue> {
  switch (type) {
    case 'bool':
      return fc.boolean().map((value) => ({ type, value }));
    case 'int':
      return int64.map((value) => ({ type, value }));
    case 'count':
      return uint64.map((value) => ({ type, value }));
    case 'double':
    case 'time':
    case 'interval':
      return double.map((value) => ({ type, value }));
    case 'string':
    case 'func':
    case 'file':
      return text.map((value) => ({ type, value }));
    case 'enum':
      return name.map((value) => ({ type, value }));
    case 'port':
      return port.map((value) => ({ type, value }));
    case 'addr':
      return address.map((value) => ({ type, value }));
    case 'subnet':
      return subnet.map((value) => ({ type, value }));
  }
}

const absent = (type: LogType, subtype: LogType): LogValue => ({ type, subtype, absent: true });
const anyLogScalar = fc.constantFrom(...LOG_SCALARS).chain(logScalar);

const logContainer: fc.Arbitrary<LogValue> = fc
  .tuple(fc.constantFrom('table' as const, 'vector' as const), fc.constantFrom(...LOG_SCALARS))
  .chain(([type, subtype]) =>
    fc
      .array(fc.oneof({ weight: 5, arbitrary: logScalar(subtype) }, fc.constant(absent(subtype, 'void'))), {
        maxLength: 6,
      })
      .map((value): LogValue => ({ type, subtype, value })),
  );

/** A log record: every type that logs hold, sets, vectors with holes, absent fields. */
export const logRecord: fc.Arbitrary<LogValue[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: anyLogScalar },
    { weight: 2, arbitrary: logContainer },
    fc.tuple(fc.constantFrom(...LOG_TYPES), fc.constantFrom(...LOG_TYPES)).map(([a, b]) => absent(a, b)),
  ),
  { maxLength: 12 },
);
