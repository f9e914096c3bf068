import { DecodeError } from '../../codec/bytes.js';
import { FRAME_HEADER_BYTES, FrameReader } from '../../codec/frame.js';
import { type CodecLimits, HANDSHAKE_FRAME_BYTES } from '../../core/limits.js';
import { decodeEnvelope, type Envelope } from '../../protocol/broker/envelope.js';
import { decodeHandshake, HANDSHAKE_TAG, MAGIC } from '../../protocol/broker/messages.js';
import { EnvelopeSearch } from './envelope-search.js';
import type { StreamProtocol, StreamReader } from './session-stream.js';

/** What is in one direction of a Broker connection. */
export interface BrokerListener {
  /** A handshake message. */
  handshake(): void;
  envelope(envelope: Envelope, time: bigint): void;
  /** A frame that is no envelope; Broker ignores those and goes on, too. */
  malformed(frame: Uint8Array, reason: string, time: bigint): void;
}

/** Length, tag and magic number: what every Broker connection begins with. */
const BEGINNING_BYTES = FRAME_HEADER_BYTES + 5;
const MAGIC_TAGS: ReadonlySet<number> = new Set([
  HANDSHAKE_TAG.hello,
  HANDSHAKE_TAG.probe,
  HANDSHAKE_TAG.version_select,
  HANDSHAKE_TAG.drop_conn,
]);

function isBeginning(head: Buffer): boolean | undefined {
  if (head.length < BEGINNING_BYTES) return undefined;
  return (
    head.readUInt32BE() <= HANDSHAKE_FRAME_BYTES &&
    MAGIC_TAGS.has(head[FRAME_HEADER_BYTES] as number) &&
    head.readUInt32BE(FRAME_HEADER_BYTES + 1) === MAGIC
  );
}

/** One direction of a Broker connection. */
export const brokerProtocol = (listener: BrokerListener, limits: CodecLimits): StreamProtocol => ({
  isBeginning,
  reader: (from) => new BrokerReader(listener, limits, from === 'beginning'),
  search: () => new EnvelopeSearch(limits),
});

/**
 * Frames are handshake messages up to the direction's last one (`responder_syn_ack` or `originator_ack`), then
 * envelopes. Only the order tells: an envelope may begin with any byte.
 */
class BrokerReader implements StreamReader {
  private readonly frames: FrameReader;

  constructor(
    private readonly listener: BrokerListener,
    private readonly limits: CodecLimits,
    private inHandshake: boolean,
  ) {
    this.frames = new FrameReader(inHandshake ? HANDSHAKE_FRAME_BYTES : limits.frameBytes);
  }

  get pendingBytes(): number {
    return this.frames.pendingBytes;
  }

  takeRest(): Uint8Array {
    return this.frames.takeRest();
  }

  read(bytes: Uint8Array, time: bigint): void {
    this.frames.push(bytes);
    for (let frame = this.frames.next(); frame; frame = this.frames.next()) {
      if (this.inHandshake) this.readHandshake(frame);
      else this.readEnvelope(frame, time);
    }
  }

  private readHandshake(frame: Uint8Array): void {
    const { type } = decodeHandshake(frame, this.limits);
    this.listener.handshake();
    if (type !== 'responder_syn_ack' && type !== 'originator_ack') return;
    this.inHandshake = false;
    this.frames.maximumBytes = this.limits.frameBytes;
  }

  private readEnvelope(frame: Uint8Array, time: bigint): void {
    let envelope: Envelope;
    try {
      envelope = decodeEnvelope(frame, this.limits);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.listener.malformed(frame, error.message, time);
      return;
    }
    this.listener.envelope(envelope, time);
  }
}
