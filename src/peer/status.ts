import type { ZeekwayError } from '../core/errors.js';
import type { EndpointId } from '../protocol/broker/endpoint-id.js';
import type { Filter } from '../protocol/broker/filter.js';

/** What a peer is reached by. */
export const TRANSPORTS = ['broker', 'zeromq', 'websocket'] as const;
export type Transport = (typeof TRANSPORTS)[number];

/**
 * What happened to a peering, by Broker's names (libbroker/broker/status.hh). One event per change, not per
 * try: an address that cannot be reached is `peer_unavailable` once, until it was reached or fails otherwise.
 * `peer_warning`: the peering goes on, but the peer did not take something, or could not be sent it.
 */
export interface PeerEvent {
  readonly type: 'peer_added' | 'peer_removed' | 'peer_lost' | 'peer_unavailable' | 'peer_warning';
  readonly transport: Transport;
  /** The peer's ID; unknown where no handshake came that far. */
  readonly peer?: EndpointId;
  /** `host:port` of the other side; of a `peer_unavailable` that was dialled the URL. */
  readonly address: string;
  readonly message: string;
  readonly error?: ZeekwayError;
}

/** One connection, or one address that is dialled, at this moment. */
export interface PeerStatus {
  readonly transport: Transport;
  /** The endpoint ID, or the ID of the node. */
  readonly id?: EndpointId;
  /** The name of the Zeek node, once its hello came. */
  readonly node?: string;
  readonly address: string;
  /** The URL that is dialled, for the outgoing ones. */
  readonly url?: string;
  readonly direction: 'in' | 'out';
  /** `standby`: the address need not be dialled while that peer is connected the other way. */
  readonly state: 'connecting' | 'peered' | 'retrying' | 'standby';
  /** When that state began, nanoseconds since the Unix epoch. */
  readonly since: bigint;
  /** The topics that the peer wants. */
  readonly filter: Filter;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  /** Messages that were not sent because the peer's queue was full. */
  readonly dropped: number;
  /** Frames that could not be decoded. */
  readonly ignoredFrames: number;
  /** Data-store commands, which no store takes yet. */
  readonly commands: number;
  /** Bytes that wait to be sent. */
  readonly queueBytes: number;
  readonly lastError?: string;
}
