import type { Value } from '../../codec/value.js';
import {
  decodeStoreMessage,
  type EntityId,
  entityText,
  NOBODY,
  sameEntity,
} from '../../protocol/store/commands.js';
import { type Snapshot, SnapshotReader } from '../../protocol/store/snapshot.js';
import type { Json } from '../../zeek/inspected-values.js';
import { printNotation } from '../../zeek/notation/print.js';
import type { HeaderPart } from './decoded.js';

/** Where the parts of a store's command begin in its payload. */
const SENDER_AT = 8;
const RECEIVER_AT = 32;
const COMMAND_AT = 56;

/** What a command of a data store says, its keys and values in Zeek's notation. Throws `DecodeError`. */
export function storeParts(payload: Uint8Array, payloadAt: number): HeaderPart[] {
  const { sequence, sender, receiver, command } = decodeStoreMessage(payload);
  const { type, ...fields } = command;
  return [
    { name: 'sequence', value: String(sequence), at: payloadAt },
    { name: 'senderEntity', value: shownEntity(sender), at: payloadAt + SENDER_AT },
    { name: 'receiverEntity', value: shownEntity(receiver), at: payloadAt + RECEIVER_AT },
    { name: 'command', value: type, at: payloadAt + COMMAND_AT },
    ...Object.entries(fields).map(([name, value]): HeaderPart => ({ name, value: shownField(value) })),
  ];
}

const shownEntity = (id: EntityId): string => (sameEntity(id, NOBODY) ? 'everybody' : entityText(id));

type Field = boolean | number | bigint | string | readonly bigint[] | EntityId | Value | Snapshot;

function shownField(value: Field): Json {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(String);
  if ('endpoint' in value) return shownEntity(value);
  if ('bytes' in value) return shownSnapshot(value as Snapshot);
  return printNotation(value as Value);
}

function shownSnapshot(snapshot: Snapshot): Json {
  const entries = new SnapshotReader(snapshot).read(snapshot.size);
  return entries.map(([key, value]) => `${printNotation(key)} = ${printNotation(value)}`);
}
