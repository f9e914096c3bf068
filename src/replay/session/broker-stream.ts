import { DecodeError } from '../../codec/bytes.js';
import { FRAME_HEADER_BYTES, FrameReader } from '../../codec/frame.js';
import { type CodecLimits, HANDSHAKE_FRAME_BYTES } from '../../core/limits.js';
import { decodeEnvelope, type Envelope } from '../../protocol/broker/envelope.js';
import {
  decodeHandshake,
  HANDSHAKE_TAG,
  type HandshakeMessage,
  MAGIC,
} from '../../protocol/broker/messages.js';
import type { MessagePlace } from './capture-session.js';
import { EnvelopeSearch } from './envelope-search.js';
import type { StreamProtocol, StreamReader } from './session-stream.js';

/** Where a frame is in its stream: where its length begins. */
type FramePlace = Pick<MessagePlace, 'time' | 'offset'>;

/** What is in one direction of a Broker connection. */
export interface BrokerListener {
  handshake(message: HandshakeMessage, frame: Uint8Array, place: FramePlace): void;
  envelope(envelope: Envelope, frame: Uint8Array, place: FramePlace): void;
  /** A frame that is no envelope; Broker ignores those and goes on, too. */
  malformed(frame: Uint8Array, reason: string, place: FramePlace): void;
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
  reader: (from, offset) => new BrokerReader(listener, limits, from === 'beginning', offset),
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
    private readonly firstOffset: number,
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
      const end = this.firstOffset + this.frames.offset;
      const place = { time, offset: end - frame.length - FRAME_HEADER_BYTES };
      if (this.inHandshake) this.readHandshake(frame, place);
      else this.readEnvelope(frame, place);
    }
  }

  private readHandshake(frame: Uint8Array, place: FramePlace): void {
    const message = decodeHandshake(frame, this.limits);
    const { type } = message;
    this.listener.handshake(message, frame, place);
    if (type !== 'responder_syn_ack' && type !== 'originator_ack') return;
    this.inHandshake = false;
    this.frames.maximumBytes = this.limits.frameBytes;
  }

  private readEnvelope(frame: Uint8Array, place: FramePlace): void {
    let envelope: Envelope;
    try {
      envelope = decodeEnvelope(frame, this.limits);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.listener.malformed(frame, error.message, place);
      return;
    }
    this.listener.envelope(envelope, frame, place);
  }
}
