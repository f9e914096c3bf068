import type { RandomBytes } from '../../core/clock.js';
import type { ZeekwayError } from '../../core/errors.js';
import type { CodecLimits } from '../../core/limits.js';
import type { EndpointId } from './endpoint-id.js';
import type { Envelope } from './envelope.js';
import type { Filter } from './filter.js';
import type { HandshakeState } from './handshake.js';

/** What a session wants done, in this order. */
export type SessionOutput =
  | { readonly type: 'send'; readonly bytes: Buffer }
  /** The peer seems to have another connection with us: call `resolve` with the outcome. */
  | { readonly type: 'conflict'; readonly peer: EndpointId }
  | { readonly type: 'peered'; readonly peer: EndpointId; readonly filter: Filter }
  /** The peer's filter changed. */
  | { readonly type: 'filter'; readonly filter: Filter }
  /** A data or command envelope. Its payload is a view of the bytes that were handed in, or of a frame of its own. */
  | { readonly type: 'message'; readonly envelope: Envelope }
  /** A frame of phase 3 that is no envelope, which Broker ignores, too, or is one for somebody else. */
  | { readonly type: 'ignored'; readonly error: ZeekwayError; readonly frame: Uint8Array }
  /** The peer answered `probeAlive`. */
  | { readonly type: 'alive' }
  /** Nothing comes after it: close the transport once everything is sent. */
  | { readonly type: 'end'; readonly reason: EndReason; readonly error?: ZeekwayError };

/**
 * `removed`: we unpeered. `lost`: the peer or the network ended it. `redundant`: another connection with the
 * peer is in use. `failed`: it never got through the handshake.
 */
export type EndReason = 'removed' | 'lost' | 'redundant' | 'failed';

export type SessionState =
  | 'idle'
  | Exclude<HandshakeState, 'done' | 'failed'>
  | 'peered'
  | 'await_bye'
  | 'ended';

export interface SessionOptions {
  readonly id: EndpointId;
  /** The topics that we want from the peer. */
  readonly filter: Filter;
  /** Who made the connection. It does not decide who is the originator: the smaller ID is. */
  readonly side: 'dialled' | 'accepted';
  /**
   * Asks for the right to peer with that endpoint; false when another connection with it exists. Called once
   * a session, as soon as the peer's ID is known.
   */
  readonly claim: (peer: EndpointId) => boolean;
  readonly random: RandomBytes;
  readonly limits?: CodecLimits;
}
