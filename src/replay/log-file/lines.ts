import { LOG_LINE_BYTES } from '../../core/limits.js';

export interface Line {
  /** Counted from 1. */
  readonly number: number;
  /** Without its end; a view. Of a line that is too long, its first bytes. */
  readonly bytes: Buffer;
  /** Longer than LOG_LINE_BYTES. */
  readonly isTooLong: boolean;
}

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** Cuts bytes into lines, however they are chunked. */
export class LineReader {
  /** The begin of a line whose end has not come yet, in pieces. */
  private pieces: Buffer[] = [];
  private pieceBytes = 0;
  private number = 0;

  /** The lines that end in this chunk. */
  *push(chunk: Uint8Array): Generator<Line> {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      this.keep(bytes.subarray(start, end));
      yield this.take();
      start = end + 1;
    }
    this.keep(bytes.subarray(start));
  }

  /** What follows the last newline, `undefined` when nothing does. */
  rest(): Line | undefined {
    return this.pieceBytes > 0 ? this.take() : undefined;
  }

  private keep(piece: Buffer): void {
    if (piece.length > 0 && this.pieceBytes <= LOG_LINE_BYTES) this.pieces.push(piece);
    this.pieceBytes += piece.length;
  }

  private take(): Line {
    const all = this.pieces.length === 1 ? (this.pieces[0] as Buffer) : Buffer.concat(this.pieces);
    const isTooLong = this.pieceBytes > LOG_LINE_BYTES;
    this.pieces = [];
    this.pieceBytes = 0;
    this.number += 1;
    const bytes = all.at(-1) === RETURN ? all.subarray(0, -1) : all;
    return { number: this.number, bytes: bytes.subarray(0, LOG_LINE_BYTES), isTooLong };
  }
}
