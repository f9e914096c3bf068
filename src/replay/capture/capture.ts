import { ZeekwayError } from '../../core/errors.js';
import { CAPTURE_PACKET_BYTES } from '../../core/limits.js';

/** One packet of a capture file. */
export interface CapturePacket {
  /** The link layer, as https://www.tcpdump.org/linktypes.html numbers them. */
  readonly linkType: number;
  /** When it was captured: nanoseconds since the Unix epoch. */
  readonly time: bigint;
  /** The bytes that were captured (a view). */
  readonly bytes: Buffer;
  /** How many bytes it had on the wire: more where the capture cut it off. */
  readonly wireLength: number;
}

/** Cuts the bytes of a capture file into packets, however they are chunked. */
export interface CaptureReader {
  push(chunk: Uint8Array): void;
  /** The next packet, `undefined` when more bytes are needed. Throws `capture_damaged`. */
  next(): CapturePacket | undefined;
  /** Offset of the packet or block in which the bytes so far end; `undefined` where they end between two. */
  readonly unfinishedAt: number | undefined;
}

export function damaged(offset: number, expected: string, found: string): ZeekwayError {
  return new ZeekwayError('capture_damaged', `at byte ${offset}: expected ${expected}, found ${found}`, {
    offset,
  });
}

export function checkPacketLength(length: number, offset: number): void {
  if (length > CAPTURE_PACKET_BYTES) {
    throw damaged(offset, `a packet of at most ${CAPTURE_PACKET_BYTES} bytes`, `one of ${length}`);
  }
}
