import type { CodecLimits } from '../../core/limits.js';
import type { Item } from '../../zeek/item.js';
import type { ReplayReport } from '../report.js';
import type { Direction } from '../tcp/connections.js';
import type { ZeroMqNodes } from './zeromq-nodes.js';

/** What a session needs from the replay that it is part of. */
export interface SessionContext {
  /** The base name of the capture file. */
  readonly file: string;
  readonly report: ReplayReport;
  readonly limits: CodecLimits;
  /** The ZeroMQ nodes of the capture. */
  readonly zeroMq: ZeroMqNodes;
  readonly emit: (item: Item) => void;
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
