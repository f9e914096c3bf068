import type { PayloadFormat } from '../codec/payload-format.js';
import type { Value } from '../codec/value.js';
import type { ErrorCode } from '../core/errors.js';
import type { LogSchema } from './log-schema.js';
import type { ZeekEvent } from './message.js';

/** Where something came from. One object serves all items of a source; a changed one (a name learned) replaces it. */
export interface Origin {
  /** `live`: a peer; `replay`: a session in a capture; `backfill`: a log file. */
  readonly kind: 'live' | 'replay' | 'backfill';
  /** The endpoint ID of the peer that sent it; empty for a log file. */
  readonly peer: string;
  /** The peer's name in the Zeek cluster (`worker-1`), once its `Cluster::hello` was seen. */
  readonly node?: string;
  /** The address of a live peer, or the file's name. */
  readonly name: string;
}

interface ItemBase {
  readonly origin: Origin;
  /** The topic it was published on; empty for a log file. */
  readonly topic: string;
  /** When it arrived, or when the capture saw it: nanoseconds since the Unix epoch. */
  readonly received: bigint;
}

/** A log record: its schema and the bytes that `decodeLogRecord` reads. */
export interface LogItem extends ItemBase {
  readonly kind: 'log';
  readonly schema: LogSchema;
  readonly serial: Uint8Array;
}

export interface EventItem extends ItemBase {
  readonly kind: 'event';
  readonly event: ZeekEvent;
}

export interface IdentifierItem extends ItemBase {
  readonly kind: 'identifier';
  readonly name: string;
  readonly value: Value;
}

/** Something that could not be understood, kept with its bytes. */
export interface DeadLetterItem extends ItemBase {
  readonly kind: 'dead-letter';
  readonly code: ErrorCode;
  /** One line: what is wrong and at which byte. */
  readonly reason: string;
  /** The stream or event that it belongs to, as far as it was understood. */
  readonly subject: string;
  /**
   * What a fresh `Interpreter` reads from the start, wherever a message can be made of it: a record comes with the
   * announcement of its fields. Else the bytes as they came.
   */
  readonly raw: Uint8Array;
  /** What the bytes are; left out, they are a Broker value. */
  readonly format?: PayloadFormat;
}

/** A log that was announced: its table can be made before the first record comes. */
export interface SchemaItem extends ItemBase {
  readonly kind: 'schema';
  readonly schema: LogSchema;
}

/** What the bridge takes, whether it comes from a live peer, a capture or a log file. */
export type Item = LogItem | EventItem | IdentifierItem | DeadLetterItem | SchemaItem;
