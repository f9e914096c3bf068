import { ByteReader, ByteWriter } from '../../codec/bytes.js';
import { VALUE_TYPES, type Value, type ValueType } from '../../codec/value.js';
import { readValue, TAG, writeValue } from '../../codec/value-binary.js';
import {
  type CodecLimits,
  DEFAULT_CODEC_LIMITS,
  STORE_NACKS,
  STORE_SNAPSHOT_ENTRIES,
} from '../../core/limits.js';
import { type EndpointId, EVERYBODY, endpointIdFromBytes, endpointIdToBytes } from '../broker/endpoint-id.js';
import type { Snapshot } from './snapshot.js';

/**
 * The payload of a command envelope, which is how Broker's data stores talk (libbroker/broker/internal_command.hh, in the format
 * of format/bin.hh): sequence number u64, sender and receiver (endpoint 16 bytes, object u64), command index u8, its fields.
 */

/** A master, a clone, or who wrote: an object of an endpoint. */
export interface EntityId {
  readonly endpoint: EndpointId;
  readonly object: bigint;
}

/** The receiver of what is for all. */
export const NOBODY: EntityId = { endpoint: EVERYBODY, object: 0n };

export const sameEntity = (a: EntityId, b: EntityId): boolean =>
  a.object === b.object && a.endpoint === b.endpoint;

/** As a key of maps, and for people. */
export const entityText = ({ endpoint, object }: EntityId): string => `${endpoint}/${object}`;

/** How long an entry lives, in nanoseconds; for ever where it is left out. */
interface Expiring {
  readonly expiry?: bigint | undefined;
}

/** What is done to a store's content. Actions have the sequence numbers of their sender's channel. */
export type StoreAction =
  | ({
      readonly type: 'put';
      readonly key: Value;
      readonly value: Value;
      readonly publisher: EntityId;
    } & Expiring)
  | ({
      readonly type: 'put_unique';
      readonly key: Value;
      readonly value: Value;
      /** Who gets the answer, which has this and the request's number. */
      readonly who: EntityId;
      readonly request: bigint;
      readonly publisher: EntityId;
    } & Expiring)
  | {
      readonly type: 'put_unique_result';
      readonly inserted: boolean;
      readonly who: EntityId;
      readonly request: bigint;
      readonly publisher: EntityId;
    }
  | { readonly type: 'erase'; readonly key: Value; readonly publisher: EntityId }
  | { readonly type: 'expire'; readonly key: Value; readonly publisher: EntityId }
  | ({
      readonly type: 'add';
      readonly key: Value;
      readonly value: Value;
      /** What an entry that is not there yet begins as. */
      readonly initType: ValueType;
      readonly publisher: EntityId;
    } & Expiring)
  | ({
      readonly type: 'subtract';
      readonly key: Value;
      readonly value: Value;
      readonly publisher: EntityId;
    } & Expiring)
  | { readonly type: 'clear'; readonly publisher: EntityId };

/** What keeps the channel between two entities reliable; the sequence number beside it is 0, but of `ack_clone`. */
export type StoreControl =
  | { readonly type: 'attach_writer'; readonly offset: bigint; readonly heartbeatTicks: number }
  | { readonly type: 'keepalive'; readonly sequence: bigint }
  | { readonly type: 'cumulative_ack'; readonly sequence: bigint }
  | { readonly type: 'nack'; readonly sequences: readonly bigint[] }
  | {
      readonly type: 'ack_clone';
      readonly offset: bigint;
      readonly heartbeatTicks: number;
      readonly snapshot: Snapshot;
    }
  | { readonly type: 'retransmit_failed'; readonly sequence: bigint };

export type StoreCommand = StoreAction | StoreControl;

export interface StoreMessage {
  readonly sequence: bigint;
  readonly sender: EntityId;
  readonly receiver: EntityId;
  readonly command: StoreCommand;
}

/** Commands by their index. */
export const STORE_COMMANDS = [
  'put',
  'put_unique',
  'put_unique_result',
  'erase',
  'expire',
  'add',
  'subtract',
  'clear',
  'attach_writer',
  'keepalive',
  'cumulative_ack',
  'nack',
  'ack_clone',
  'retransmit_failed',
] as const satisfies readonly StoreCommand['type'][];

const isActionIndex = (index: number): boolean => index <= STORE_COMMANDS.indexOf('clear');

export const isAction = (command: StoreCommand): command is StoreAction =>
  isActionIndex(STORE_COMMANDS.indexOf(command.type));

export function readEntity(reader: ByteReader): EntityId {
  return {
    endpoint: endpointIdFromBytes(reader.slice(16, 'an endpoint ID')),
    object: reader.u64('an object'),
  };
}

export function writeEntity(writer: ByteWriter, { endpoint, object }: EntityId): void {
  writer.put(endpointIdToBytes(endpoint)).u64(object);
}

function readExpiry(reader: ByteReader): Expiring {
  return reader.bool('whether it expires') ? { expiry: reader.i64('an expiry') } : {};
}

function writeExpiry(writer: ByteWriter, { expiry }: Expiring): void {
  writer.bool(expiry !== undefined);
  if (expiry !== undefined) writer.i64(expiry);
}

function readInitType(reader: ByteReader): ValueType {
  const tag = reader.u8('a type');
  return (
    VALUE_TYPES[tag] ?? reader.fail('decode_invalid', reader.offset - 1, 'a type of 0 to 14', String(tag))
  );
}

function readNacks(reader: ByteReader): bigint[] {
  const size = reader.varbyte('the number of lost commands', STORE_NACKS);
  return Array.from({ length: size }, () => reader.u64('a sequence number'));
}

/** Everything that is left: the entries are read by `SnapshotReader`, some at a time. */
function readSnapshot(reader: ByteReader): Snapshot {
  const size = reader.varbyte('the number of entries', STORE_SNAPSHOT_ENTRIES);
  return { size, bytes: reader.slice(reader.remaining, 'a snapshot') };
}

const readPair = (reader: ByteReader) => ({ key: readValue(reader), value: readValue(reader) });

function readCommand(reader: ByteReader): StoreCommand {
  const at = reader.offset;
  const index = reader.u8('a store command');
  const type = STORE_COMMANDS[index];
  switch (type) {
    case 'put':
      return {
        type,
        ...readPair(reader),
        ...readExpiry(reader),
        publisher: readEntity(reader),
      };
    case 'put_unique':
      return {
        type,
        ...readPair(reader),
        ...readExpiry(reader),
        who: readEntity(reader),
        request: reader.u64('a request ID'),
        publisher: readEntity(reader),
      };
    case 'put_unique_result':
      return {
        type,
        inserted: reader.bool('whether it was inserted'),
        who: readEntity(reader),
        request: reader.u64('a request ID'),
        publisher: readEntity(reader),
      };
    case 'erase':
    case 'expire':
      return { type, key: readValue(reader), publisher: readEntity(reader) };
    case 'add':
      return {
        type,
        ...readPair(reader),
        initType: readInitType(reader),
        ...readExpiry(reader),
        publisher: readEntity(reader),
      };
    case 'subtract':
      return {
        type,
        ...readPair(reader),
        ...readExpiry(reader),
        publisher: readEntity(reader),
      };
    case 'clear':
      return { type, publisher: readEntity(reader) };
    case 'attach_writer':
      return { type, offset: reader.u64('an offset'), heartbeatTicks: reader.u16('a heartbeat interval') };
    case 'keepalive':
    case 'cumulative_ack':
    case 'retransmit_failed':
      return { type, sequence: reader.u64('a sequence number') };
    case 'nack':
      return { type, sequences: readNacks(reader) };
    case 'ack_clone':
      return {
        type,
        offset: reader.u64('an offset'),
        heartbeatTicks: reader.u16('a heartbeat interval'),
        snapshot: readSnapshot(reader),
      };
    default:
      return reader.fail('decode_invalid', at, 'a store command of 0 to 13', String(index));
  }
}

/** Decodes the payload of a command envelope. A snapshot in it stays as bytes. Throws `DecodeError` with the byte offset. */
export function decodeStoreMessage(
  payload: Uint8Array,
  limits: CodecLimits = DEFAULT_CODEC_LIMITS,
): StoreMessage {
  const reader = new ByteReader(payload, limits);
  const message = {
    sequence: reader.u64('a sequence number'),
    sender: readEntity(reader),
    receiver: readEntity(reader),
    command: readCommand(reader),
  };
  reader.expectEnd('the command');
  return message;
}

function writeCommand(writer: ByteWriter, command: StoreCommand): void {
  writer.u8(STORE_COMMANDS.indexOf(command.type));
  if ('key' in command) writeValue(writer, command.key);
  if ('value' in command) writeValue(writer, command.value);
  switch (command.type) {
    case 'put':
    case 'subtract':
      writeExpiry(writer, command);
      break;
    case 'add':
      writer.u8(TAG[command.initType]);
      writeExpiry(writer, command);
      break;
    case 'put_unique':
      writeExpiry(writer, command);
      writeEntity(writer, command.who);
      writer.u64(command.request);
      break;
    case 'put_unique_result':
      writer.bool(command.inserted);
      writeEntity(writer, command.who);
      writer.u64(command.request);
      break;
    case 'attach_writer':
      writer.u64(command.offset).u16(command.heartbeatTicks);
      break;
    case 'keepalive':
    case 'cumulative_ack':
    case 'retransmit_failed':
      writer.u64(command.sequence);
      break;
    case 'nack':
      writer.varbyte(command.sequences.length);
      for (const sequence of command.sequences) writer.u64(sequence);
      break;
    case 'ack_clone':
      writer.u64(command.offset).u16(command.heartbeatTicks);
      writer.varbyte(command.snapshot.size).put(command.snapshot.bytes);
      break;
    case 'erase':
    case 'expire':
    case 'clear':
      break;
  }
  if ('publisher' in command) writeEntity(writer, command.publisher);
}

/** Encodes the payload of a command envelope. Throws `encode_invalid` for a value that is none of Broker's. */
export function encodeStoreMessage({ sequence, sender, receiver, command }: StoreMessage): Buffer {
  const writer = new ByteWriter();
  writer.u64(sequence);
  writeEntity(writer, sender);
  writeEntity(writer, receiver);
  writeCommand(writer, command);
  return writer.finish();
}
