import type { CodecLimits } from '../../core/limits.js';
import type { Envelope } from '../../protocol/broker/envelope.js';
import type { HandshakeMessage } from '../../protocol/broker/messages.js';
import type { ZmtpItem } from '../../protocol/zeromq/zmtp.js';
import type { Item } from '../../zeek/item.js';
import type { ReplayReport } from '../report.js';
import type { Direction } from '../tcp/connections.js';
import type { ZeroMqNodes } from './zeromq-nodes.js';

/** Where a message is. */
export interface MessagePlace {
  /** The connection from who sent it: `10.0.0.1:40000 -> 10.0.0.2:9999`. */
  readonly name: string;
  /** When the packet that completed it was captured: nanoseconds since the Unix epoch. */
  readonly time: bigint;
  /** Where it begins in this direction of the connection, as far as that was captured. */
  readonly offset: number;
}

/** Who wants to see the messages themselves, beside what is made of them. */
export interface CaptureWatcher {
  /** @param frame the content of the frame (a view), here and below. */
  handshake(message: HandshakeMessage, frame: Uint8Array, place: MessagePlace): void;
  envelope(envelope: Envelope, frame: Uint8Array, place: MessagePlace): void;
  /** A frame that is no envelope. */
  malformed(frame: Uint8Array, reason: string, place: MessagePlace): void;
  /** What was said over ZMTP, of whichever program. */
  zmtp(item: ZmtpItem, place: MessagePlace): void;
}

/** What a session needs from the replay that it is part of. */
export interface SessionContext {
  /** The base name of the capture file. */
  readonly file: string;
  readonly report: ReplayReport;
  readonly limits: CodecLimits;
  /** The ZeroMQ nodes of the capture. */
  readonly zeroMq: ZeroMqNodes;
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
