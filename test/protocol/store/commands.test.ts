import test from 'ava';
import fc from 'fast-check';
import { DecodeError } from '../../../src/codec/bytes.js';
import { VALUE_TYPES } from '../../../src/codec/value.js';
import { STORE_NACKS, STORE_SNAPSHOT_ENTRIES } from '../../../src/core/limits.js';
import { endpointIdFromBytes } from '../../../src/protocol/broker/endpoint-id.js';
import {
  decodeStoreMessage,
  type EntityId,
  encodeStoreMessage,
  NOBODY,
  STORE_COMMANDS,
  type StoreCommand,
  type StoreMessage,
} from '../../../src/protocol/store/commands.js';
import { SnapshotReader, SnapshotWriter } from '../../../src/protocol/store/snapshot.js';
import { int64, uint64, value } from '../../support/arbitrary.js';
import { recordedCommands } from '../../support/recordings.js';

test('every recorded command is read to its last byte, and written again as it was', (t) => {
  const commands = recordedCommands();
  t.true(commands.length > 500);
  const seen = new Set<string>();
  for (const { bytes } of commands) {
    const message = decodeStoreMessage(bytes);
    seen.add(message.command.type);
    t.is(encodeStoreMessage(message).toString('hex'), bytes.toString('hex'));
  }
  t.deepEqual(
    STORE_COMMANDS.filter((command) => !seen.has(command)),
    ['subtract', 'retransmit_failed'],
  );
});

const entity: fc.Arbitrary<EntityId> = fc
  .tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), uint64)
  .map(([bytes, object]) => ({ endpoint: endpointIdFromBytes(bytes), object }));
const expiry = fc
  .option(int64, { nil: undefined })
  .map((given) => (given === undefined ? {} : { expiry: given }));
const ticks = fc.integer({ min: 0, max: 65_535 });
const snapshot = fc.array(fc.tuple(value, value), { maxLength: 5 }).map((entries) => {
  const writer = new SnapshotWriter();
  writer.write(entries);
  return writer.finish();
});

const command: fc.Arbitrary<StoreCommand> = fc.oneof(
  fc.tuple(value, value, expiry, entity).map(
    ([key, item, rest, publisher]): StoreCommand => ({
      type: 'put',
      key,
      value: item,
      ...rest,
      publisher,
    }),
  ),
  fc.tuple(value, value, expiry, entity, uint64, entity).map(
    ([key, item, rest, who, request, publisher]): StoreCommand => ({
      type: 'put_unique',
      key,
      value: item,
      ...rest,
      who,
      request,
      publisher,
    }),
  ),
  fc.tuple(fc.boolean(), entity, uint64, entity).map(
    ([inserted, who, request, publisher]): StoreCommand => ({
      type: 'put_unique_result',
      inserted,
      who,
      request,
      publisher,
    }),
  ),
  fc
    .tuple(fc.constantFrom('erase' as const, 'expire' as const), value, entity)
    .map(([type, key, publisher]): StoreCommand => ({ type, key, publisher })),
  fc.tuple(value, value, fc.constantFrom(...VALUE_TYPES), expiry, entity).map(
    ([key, item, initType, rest, publisher]): StoreCommand => ({
      type: 'add',
      key,
      value: item,
      initType,
      ...rest,
      publisher,
    }),
  ),
  fc.tuple(value, value, expiry, entity).map(
    ([key, item, rest, publisher]): StoreCommand => ({
      type: 'subtract',
      key,
      value: item,
      ...rest,
      publisher,
    }),
  ),
  entity.map((publisher): StoreCommand => ({ type: 'clear', publisher })),
  fc.tuple(uint64, ticks).map(
    ([offset, heartbeatTicks]): StoreCommand => ({
      type: 'attach_writer',
      offset,
      heartbeatTicks,
    }),
  ),
  fc
    .tuple(
      fc.constantFrom('keepalive' as const, 'cumulative_ack' as const, 'retransmit_failed' as const),
      uint64,
    )
    .map(([type, sequence]): StoreCommand => ({ type, sequence })),
  fc.array(uint64).map((sequences): StoreCommand => ({ type: 'nack', sequences })),
  fc.tuple(uint64, ticks, snapshot).map(
    ([offset, heartbeatTicks, content]): StoreCommand => ({
      type: 'ack_clone',
      offset,
      heartbeatTicks,
      snapshot: content,
    }),
  ),
);
const message: fc.Arbitrary<StoreMessage> = fc
  .tuple(uint64, entity, entity, command)
  .map(([sequence, sender, receiver, given]) => ({ sequence, sender, receiver, command: given }));

test('any command survives, and cut short anywhere it is an error that names the byte', (t) => {
  fc.assert(
    fc.property(message, (given) => {
      const bytes = encodeStoreMessage(given);
      const again = encodeStoreMessage(decodeStoreMessage(bytes));
      if (!again.equals(bytes)) return false;
      // A snapshot's entries are read later.
      const size = given.command.type === 'ack_clone' ? 68 : bytes.length;
      for (let cut = 0; cut < size; cut++) {
        t.throws(() => decodeStoreMessage(bytes.subarray(0, cut)), { instanceOf: DecodeError });
      }
      return true;
    }),
    { numRuns: 200 },
  );
  t.pass();
});

test('a snapshot is read in parts, and what is behind it or missing is an error', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(value, value), { maxLength: 20 }),
      fc.integer({ min: 1, max: 7 }),
      (entries, most) => {
        const writer = new SnapshotWriter();
        writer.write(entries);
        const { size, bytes } = writer.finish();
        const reader = new SnapshotReader({ size, bytes });
        const read = [];
        for (let part = reader.read(most); part.length > 0; part = reader.read(most)) read.push(...part);
        const rewritten = new SnapshotWriter();
        rewritten.write(read);
        t.deepEqual(rewritten.finish(), { size, bytes });
        t.throws(() => new SnapshotReader({ size, bytes: Buffer.concat([bytes, Buffer.of(0)]) }).read(100), {
          code: 'decode_trailing',
        });
        t.throws(() => new SnapshotReader({ size: size + 1, bytes }).read(100), { code: 'decode_truncated' });
      },
    ),
  );
});

const bytesOf = (index: number, fields: readonly number[]): Buffer =>
  Buffer.concat([Buffer.alloc(56), Buffer.of(index, ...fields)]);

test('what is too large or no command is refused', (t) => {
  t.throws(() => decodeStoreMessage(bytesOf(14, [])), {
    message: /at byte 56: expected a store command of 0 to 13, found 14/,
  });
  const nacks = encodeStoreMessage({
    sequence: 0n,
    sender: NOBODY,
    receiver: NOBODY,
    command: { type: 'nack', sequences: Array.from({ length: STORE_NACKS + 1 }, () => 1n) },
  });
  t.throws(() => decodeStoreMessage(nacks), { code: 'decode_limit' });
  const entries = encodeStoreMessage({
    sequence: 0n,
    sender: NOBODY,
    receiver: NOBODY,
    command: {
      type: 'ack_clone',
      offset: 0n,
      heartbeatTicks: 5,
      snapshot: { size: STORE_SNAPSHOT_ENTRIES + 1, bytes: Buffer.alloc(0) },
    },
  });
  t.throws(() => decodeStoreMessage(entries), { code: 'decode_limit' });
});
