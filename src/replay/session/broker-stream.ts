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

/** Where a frame is, as `MessagePlace` has it. */
export type FramePlace = Pick<MessagePlace, 'time' | 'offset' | 'frame'>;

/** What one direction of a connection tells about itself. */
export interface BrokerStreamListener {
  /** It is Broker's. Comes once, before anything else. */
  recognized(): void;
  /** It is not. */
  foreign(): void;
  handshake(message: HandshakeMessage, place: FramePlace): void;
  envelope(envelope: Envelope, place: FramePlace): void;
  /** A frame that is no envelope; Broker ignores those and goes on, too. */
  malformed(reason: string, place: FramePlace): void;
  /** Something of the stream was not read. */
  warn(code: 'capture_gap' | 'capture_desynchronized', message: string): void;
}

/** Length, tag and magic number: what every Broker connection begins with. */
const BEGINNING_BYTES = FRAME_HEADER_BYTES + 5;
/** A stream without beginning is given up after so many bytes in which there is no envelope. */
const SEARCH_BYTES = 16 * 1024 * 1024;
const MAGIC_TAGS: ReadonlySet<number> = new Set([
  HANDSHAKE_TAG.hello,
  HANDSHAKE_TAG.probe,
  HANDSHAKE_TAG.version_select,
  HANDSHAKE_TAG.drop_conn,
]);

function isBeginning(head: Buffer): boolean {
  return (
    head.readUInt32BE() <= HANDSHAKE_FRAME_BYTES &&
    MAGIC_TAGS.has(head[FRAME_HEADER_BYTES] as number) &&
    head.readUInt32BE(FRAME_HEADER_BYTES + 1) === MAGIC
  );
}

/**
 * One direction of a Broker connection in a capture. It is awaiting
 *
 * - `beginning`: its first bytes, which tell whether this is Broker's protocol;
 * - `handshake`: frames are handshake messages, up to the direction's last one (`responder_syn_ack` or
 *   `originator_ack`). Only the order tells: an envelope may begin with any byte;
 * - `envelopes`: frames are envelopes;
 * - `boundary`: the place in the stream is not known, after a gap, or because the capture begins in the
 *   middle; an `EnvelopeSearch` looks for the next envelope;
 * - `nothing`: it is not Broker's, or it is over.
 */
export class BrokerStream {
  private awaiting: 'beginning' | 'handshake' | 'envelopes' | 'boundary' | 'nothing' = 'beginning';
  private head: Buffer = Buffer.alloc(0);
  private frames: FrameReader;
  private search: EnvelopeSearch;
  private isRecognized = false;
  private loss: Loss = { cause: 'late', missing: 0, unread: 0 };
  /** Bytes of the stream so far, those that are missing among them. */
  private streamBytes = 0;
  /** Where in the stream the bytes of `frames` begin. */
  private framesAt = 0;

  constructor(
    private readonly listener: BrokerStreamListener,
    private readonly limits: CodecLimits,
  ) {
    this.frames = new FrameReader(HANDSHAKE_FRAME_BYTES);
    this.search = new EnvelopeSearch(limits);
  }

  data(bytes: Buffer, time: bigint, hasBeginning: boolean): void {
    if (this.awaiting === 'nothing') return;
    this.streamBytes += bytes.length;
    let rest: Buffer | undefined = bytes;
    if (this.awaiting === 'beginning') rest = this.begin(Buffer.concat([this.head, bytes]), hasBeginning);
    this.consume(rest, time);
  }

  gap(bytes: number, time: bigint): void {
    if (this.awaiting === 'nothing') return;
    if (this.isLost) this.endSearch(time);
    this.streamBytes += bytes;
    if (this.isLost) {
      this.loss.missing += bytes;
      this.loss.unread += this.search.unreadBytes;
      this.search = new EnvelopeSearch(this.limits);
    } else {
      this.lose(this.awaiting === 'beginning' ? 'late' : 'gap', bytes);
    }
  }

  /** The stream is over. */
  end(time: bigint): void {
    if (this.isLost) this.endSearch(time);
    if (this.isLost) this.report(this.search.unreadBytes);
    const cut = this.frames.pendingBytes;
    if (cut > 0) this.listener.warn('capture_gap', `ends with ${cut} bytes of a message that is longer`);
    this.stop();
  }

  private get isLost(): boolean {
    return this.awaiting === 'boundary';
  }

  /** The other direction has told that this is Broker's. */
  setRecognized(): void {
    this.isRecognized = true;
  }

  /** Forgets everything: nothing more is read. */
  stop(): void {
    this.awaiting = 'nothing';
    this.head = Buffer.alloc(0);
    this.frames = new FrameReader();
    this.search = new EnvelopeSearch(this.limits);
  }

  private recognize(): void {
    if (this.isRecognized) return;
    this.isRecognized = true;
    this.listener.recognized();
  }

  /** Gives what to go on with once the beginning tells how. */
  private begin(head: Buffer, hasBeginning: boolean): Buffer | undefined {
    this.head = head;
    if (head.length < BEGINNING_BYTES) return undefined;
    this.head = Buffer.alloc(0);
    this.framesAt = this.streamBytes - head.length;
    if (isBeginning(head)) {
      this.recognize();
      this.awaiting = 'handshake';
    } else if (hasBeginning && !this.isRecognized) {
      this.stop();
      this.listener.foreign();
      return undefined;
    } else {
      this.awaiting = 'boundary';
    }
    return head;
  }

  /** Reads and searches in turns: each gives back the bytes that are for the other. */
  private consume(bytes: Buffer | undefined, time: bigint): void {
    for (let rest = bytes; rest; ) {
      rest = this.isLost ? this.seek(rest) : this.read(rest, time);
    }
  }

  /** Gives the bytes behind a place that is no frame, if there is one. */
  private read(chunk: Buffer, time: bigint): Buffer | undefined {
    this.frames.push(chunk);
    try {
      for (let frame = this.frames.next(); frame; frame = this.frames.next()) {
        const offset = this.framesAt + this.frames.offset - FRAME_HEADER_BYTES - frame.length;
        if (this.awaiting === 'handshake') this.readHandshake({ frame, time, offset });
        else this.readEnvelope({ frame, time, offset });
      }
      return undefined;
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      const rest = this.frames.takeRest();
      this.lose('nonsense', 0, error.message);
      return Buffer.from(rest.buffer, rest.byteOffset, rest.length);
    }
  }

  private readHandshake(place: FramePlace): void {
    const message = decodeHandshake(place.frame, this.limits);
    const { type } = message;
    this.listener.handshake(message, place);
    if (type !== 'responder_syn_ack' && type !== 'originator_ack') return;
    this.awaiting = 'envelopes';
    this.frames.maximumBytes = this.limits.frameBytes;
  }

  private readEnvelope(place: FramePlace): void {
    let envelope: Envelope;
    try {
      envelope = decodeEnvelope(place.frame, this.limits);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.listener.malformed(error.message, place);
      return;
    }
    this.listener.envelope(envelope, place);
  }

  /** The place in the stream is lost, with what was read of the frame there. */
  private lose(cause: Loss['cause'], missing: number, error?: string): void {
    const unread = this.head.length + this.frames.pendingBytes;
    this.loss = { cause, missing, unread, ...(error === undefined ? {} : { error }) };
    this.head = Buffer.alloc(0);
    this.frames = new FrameReader(this.limits.frameBytes);
    this.search = new EnvelopeSearch(this.limits);
    this.awaiting = 'boundary';
  }

  /** Gives the bytes from the next envelope on, once there is one. */
  private seek(bytes: Buffer): Buffer | undefined {
    const found = this.search.push(bytes);
    if (found) {
      this.resume(found);
    } else if (!this.isRecognized && this.search.skippedBytes > SEARCH_BYTES) {
      this.stop();
      this.listener.foreign();
    }
    return found;
  }

  private resume(found: Buffer): void {
    this.framesAt = this.streamBytes - found.length;
    const skipped = this.search.skippedBytes;
    this.search = new EnvelopeSearch(this.limits);
    this.recognize();
    this.report(skipped);
    this.frames = new FrameReader(this.limits.frameBytes);
    this.awaiting = 'envelopes';
  }

  /** Nothing follows what is searched: a last frame in it counts, too. */
  private endSearch(time: bigint): void {
    const found = this.search.finish();
    if (!found) return;
    this.resume(found);
    this.consume(found, time);
  }

  /** Tells what was lost, now that it is known how much. */
  private report(skipped: number): void {
    if (!this.isRecognized) return;
    const { cause, missing, error } = this.loss;
    const unread = this.loss.unread + skipped;
    const skippedText = `${unread} bytes before the next message boundary were not read`;
    if (cause === 'late') {
      this.listener.warn('capture_desynchronized', `begins in the middle of a session; ${skippedText}`);
    }
    if (cause === 'nonsense') {
      this.listener.warn('capture_desynchronized', `there is no message ${error}; ${skippedText}`);
    }
    if (missing === 0) return;
    const around = `${unread} bytes of the messages around them were not read`;
    this.listener.warn('capture_gap', `${missing} bytes are missing; ${around}`);
  }
}

/** Bytes of a stream that cannot be read, from where the place in it was lost to the next message boundary. */
interface Loss {
  /** The capture begins late, bytes are missing, or what is there is no message. */
  readonly cause: 'late' | 'gap' | 'nonsense';
  /** Bytes that were not captured. */
  missing: number;
  /** Bytes that were, and are of no use. */
  unread: number;
  readonly error?: string;
}
