import type { PayloadFormat } from '../codec/payload-format.js';
import type { Value } from '../codec/value.js';
import { decodeValue } from '../codec/value-binary.js';
import { decodeValueJson } from '../codec/value-json.js';
import type { CodecLimits } from '../core/limits.js';
import type { EndpointId } from '../protocol/broker/endpoint-id.js';
import type { ZeekEvent } from '../zeek/message.js';
import { readPayload } from '../zeek/payload.js';
import type { Transport } from './status.js';

/** The connection that a message came over. One object for as long as the connection lives. */
export interface MessageSource {
  readonly transport: Transport;
  /** The endpoint ID of the peer, or the ID of the node that sent it. */
  readonly peer: EndpointId;
  /** The peer's name in the Zeek cluster, where it is known from the beginning. */
  readonly node?: string;
  /** What is known before the connection: the URL that was dialled, or the host of a peer that dialled us. */
  readonly name: string;
  /** `host:port` of this connection. */
  readonly address: string;
  /** Resolves when the connection has ended. */
  readonly ended: Promise<void>;
}

/** How many times as large a chunk may be as the payload for whose sake it is held. */
const LARGE_CHUNK = 4;

/** A message that a peer published. What is in it is decoded when it is asked for. */
export class Message {
  constructor(
    readonly topic: string,
    private bytes: Uint8Array,
    readonly source: MessageSource,
    /** When it arrived: nanoseconds since the Unix epoch. */
    readonly received: bigint,
    private readonly limits: CodecLimits,
    /** What the payload is written in. */
    readonly format: PayloadFormat = 'broker-bin-v1',
  ) {}

  /** The bytes of the value, or of a log batch. */
  get payload(): Uint8Array {
    return this.bytes;
  }

  /**
   * Lets go of the chunk that the payload is a view of, where that is much larger. For the queue in which the
   * message has to wait: a few messages must not hold all that came between them.
   */
  detach(): void {
    if (this.bytes.buffer.byteLength > LARGE_CHUNK * this.bytes.length)
      this.bytes = new Uint8Array(this.bytes);
  }

  /** The value. Throws `DecodeError` where the payload is none: a log batch is none. */
  get value(): Value {
    if (this.format === 'broker-json-v1') return decodeValueJson(this.payload, {}, this.limits);
    return decodeValue(this.payload, this.limits);
  }

  /** The Zeek events in the message: one, several in a batch, none where it is something else. */
  get events(): ZeekEvent[] {
    return readPayload(this.payload, this.format, this.limits).flatMap((message) =>
      message.type === 'event' ? [message.event] : [],
    );
  }
}
