import { ByteReader, DecodeError } from '../../codec/bytes.js';
import { FRAME_HEADER_BYTES } from '../../codec/frame.js';
import { skipValue } from '../../codec/value-binary.js';
import { type CodecLimits, RESYNC_FRAME_BYTES } from '../../core/limits.js';
import { decodeEnvelope, ENVELOPE_HEADER_BYTES } from '../../protocol/broker/envelope.js';
import type { BoundarySearch } from './session-stream.js';

/**
 * Finds the next envelope in bytes that begin anywhere in a session.
 *
 * A place counts as the beginning of a frame when the frame's header is plausible (length, UUIDs, tag, TTL,
 * topic) and another plausible header with the same sender follows right behind it: 16 random bytes in two
 * places do not agree by chance. The last frame before the end or a gap has none behind it: it counts when
 * its value decodes to its last byte (or, having none, when it fills the bytes exactly).
 */
export class EnvelopeSearch implements BoundarySearch {
  private buffer: Buffer = Buffer.alloc(0);
  /** What came behind the buffer, which is not looked at before there are `wanted` bytes in all. */
  private pieces: Buffer[] = [];
  private pieceBytes = 0;
  private wanted = 0;
  private readBytes = 0;

  constructor(private readonly limits: CodecLimits) {}

  get skippedBytes(): number {
    return this.readBytes;
  }

  get unreadBytes(): number {
    return this.readBytes + this.buffer.length + this.pieceBytes;
  }

  push(bytes: Buffer): Buffer | undefined {
    this.pieces.push(bytes);
    this.pieceBytes += bytes.length;
    return this.buffer.length + this.pieceBytes < this.wanted ? undefined : this.search(false);
  }

  finish(): Buffer | undefined {
    return this.search(true);
  }

  private search(isEnd: boolean): Buffer | undefined {
    this.buffer = Buffer.concat([this.buffer, ...this.pieces]);
    this.pieces = [];
    this.pieceBytes = 0;
    this.wanted = 0;
    let at = 0;
    for (; at + PREFIX_BYTES <= this.buffer.length; at++) {
      const verdict = this.check(at, isEnd);
      if (verdict === 'no') continue;
      this.drop(at);
      return verdict === 'yes' ? this.buffer : undefined;
    }
    this.drop(at);
    return undefined;
  }

  private drop(bytes: number): void {
    // A copy of the little that is left, so as not to keep what is dropped in memory.
    const rest = this.buffer.subarray(bytes);
    this.buffer = rest.length < PREFIX_BYTES ? Buffer.from(rest) : rest;
    this.readBytes += bytes;
  }

  private check(at: number, isEnd: boolean): 'yes' | 'no' | 'more' {
    if (!isPlausibleHeader(this.buffer, at)) return 'no';
    const next = at + FRAME_HEADER_BYTES + this.buffer.readUInt32BE(at);
    if (next + PREFIX_BYTES <= this.buffer.length) {
      const isSameSender = this.sender(at).equals(this.sender(next));
      return isSameSender && isPlausibleHeader(this.buffer, next) ? 'yes' : 'no';
    }
    if (!isEnd) {
      this.wanted = next + PREFIX_BYTES - at;
      return 'more';
    }
    return next <= this.buffer.length && this.isWholeEnvelope(at, next) ? 'yes' : 'no';
  }

  private sender(at: number): Buffer {
    return this.buffer.subarray(at + SENDER_AT, at + RECEIVER_AT);
  }

  private isWholeEnvelope(at: number, end: number): boolean {
    try {
      const envelope = decodeEnvelope(this.buffer.subarray(at + FRAME_HEADER_BYTES, end), this.limits);
      if (envelope.type !== 'data') return end === this.buffer.length;
      const reader = new ByteReader(envelope.payload, this.limits);
      skipValue(reader);
      reader.expectEnd('the value');
      return true;
    } catch (error) {
      if (error instanceof DecodeError) return false;
      throw error;
    }
  }
}

/** Length and envelope header: the fields that tell whether a frame begins here. */
const PREFIX_BYTES = FRAME_HEADER_BYTES + ENVELOPE_HEADER_BYTES;
const SENDER_AT = FRAME_HEADER_BYTES;
const RECEIVER_AT = SENDER_AT + 16;
const TAG_AT = RECEIVER_AT + 16;
const TTL_AT = TAG_AT + 1;
const TOPIC_LENGTH_AT = TTL_AT + 2;
/** Far above Broker's 16. */
const TTL_MAXIMUM = 255;

function isPlausibleHeader(bytes: Buffer, at: number): boolean {
  const tag = bytes[at + TAG_AT] as number;
  if (tag < 1 || tag > 5 || !isUuid(bytes, at + SENDER_AT)) return false;
  const length = bytes.readUInt32BE(at);
  if (length < ENVELOPE_HEADER_BYTES || length > RESYNC_FRAME_BYTES) return false;
  const ttl = bytes.readUInt16BE(at + TTL_AT);
  if (ttl < 1 || ttl > TTL_MAXIMUM) return false;
  const topicLength = bytes.readUInt16BE(at + TOPIC_LENGTH_AT);
  if (topicLength > length - ENVELOPE_HEADER_BYTES) return false;
  return isUuid(bytes, at + RECEIVER_AT) || isZero(bytes, at + RECEIVER_AT);
}

/** Version 1 to 8 and the variant of RFC 9562, as Zeek wants an endpoint ID to be. */
function isUuid(bytes: Buffer, at: number): boolean {
  const version = (bytes[at + 6] as number) >> 4;
  return version >= 1 && version <= 8 && (bytes[at + 8] as number) >> 6 === 2;
}

function isZero(bytes: Buffer, at: number): boolean {
  for (let index = at; index < at + 16; index++) if (bytes[index] !== 0) return false;
  return true;
}
