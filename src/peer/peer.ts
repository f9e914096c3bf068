import type { PayloadFormat } from '../codec/payload-format.js';
import type { Value } from '../codec/value.js';
import type { Clock, RandomBytes } from '../core/clock.js';
import type { CodecLimits } from '../core/limits.js';
import type { Filter } from '../protocol/broker/filter.js';
import type { MessageSource } from './message.js';
import type { PeerEvent, PeerStatus, Transport } from './status.js';

/** What is published, in the form that each transport takes. */
export interface Outgoing {
  readonly topic: string;
  readonly value: Value;
  /** The bytes of the value. */
  readonly bytes: Uint8Array;
}

/** What came over a transport. */
interface Arrived {
  readonly source: MessageSource;
  readonly topic: string;
  /** Not used again by the transport: views of it may be kept. */
  readonly payload: Uint8Array;
  readonly format: PayloadFormat;
}

/** What the endpoint is to a peer. */
export interface PeerHost {
  readonly limits: CodecLimits;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** The name of this node in the Zeek cluster's layout, where it has one. */
  readonly nodeName: string | undefined;
  message(arrived: Arrived): void;
  /** One event per change, see `PeerEvent`. */
  event(event: PeerEvent): void;
}

/**
 * One address that is kept connected over another transport than Broker's, until it is closed. It connects by itself,
 * and again whenever the connection ends.
 */
export interface Peer {
  readonly transport: Transport;
  /** The URL in its one spelling, as it may be shown. */
  readonly url: string;
  /** The topics that the endpoint wants. */
  setFilter(filter: Filter): void;
  /** Back-pressure: whether to read what comes. */
  setReading(reading: boolean): void;
  /** @returns whether it was sent, or is about to be: counted as dropped where it is not for want of room. */
  publish(message: Outgoing): boolean;
  status(): PeerStatus[];
  /** Resolves when the connection has ended. */
  close(): Promise<void>;
}
