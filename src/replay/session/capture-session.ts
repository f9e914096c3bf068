import type { CodecLimits } from '../../core/limits.js';
import type { Envelope } from '../../protocol/broker/envelope.js';
import type { HandshakeMessage } from '../../protocol/broker/messages.js';
import type { Item } from '../../zeek/item.js';
import type { ReplayReport } from '../report.js';
import type { Direction } from '../tcp/connections.js';

/** Where a message is. */
export interface MessagePlace {
  /** The addresses of who sent it and to whom: `10.0.0.1:40000`. */
  readonly from: string;
  readonly to: string;
  /** When the packet that completed it was captured: nanoseconds since the Unix epoch. */
  readonly time: bigint;
  /** Where it begins in this direction of the connection, as far as that was captured; a frame with its length. */
  readonly offset: number;
  /** The content of its frame (a view). */
  readonly frame: Uint8Array;
}

/** Who wants to see the messages themselves, beside what is made of them. */
export interface CaptureWatcher {
  handshake(message: HandshakeMessage, place: MessagePlace): void;
  envelope(envelope: Envelope, place: MessagePlace): void;
  /** A frame that is no envelope. */
  malformed(reason: string, place: MessagePlace): void;
}

/** What a session needs from the replay that it is part of. */
export interface SessionContext {
  /** The base name of the capture file. */
  readonly file: string;
  readonly report: ReplayReport;
  readonly limits: CodecLimits;
  readonly emit: (item: Item) => void;
  readonly watcher?: CaptureWatcher | undefined;
}

/**
 * Whether a connection carries a protocol: told by its bytes, never by its port. `unreadable`: it does, and
 * there is nothing that could be read of it.
 */
export type Verdict = 'undecided' | 'recognized' | 'unreadable' | 'foreign';

/**
 * Reads one connection as one protocol. Until it has recognized the protocol it hands out nothing and warns
 * of nothing, because others are reading the same bytes.
 */
export interface CaptureSession {
  readonly verdict: Verdict;
  data(direction: Direction, bytes: Buffer, time: bigint, hasBeginning: boolean): void;
  gap(direction: Direction, bytes: number): void;
  end(): void;
}
