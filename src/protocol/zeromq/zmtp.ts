import { DecodeError } from '../../codec/bytes.js';
import { nameFromBytes } from '../../codec/text.js';
import {
  type CodecLimits,
  DEFAULT_CODEC_LIMITS,
  ZMTP_COMMAND_BYTES,
  ZMTP_MESSAGE_PARTS,
} from '../../core/limits.js';
import { decodeCommand, type ZmtpCommand } from './commands.js';

/**
 * ZMTP 3.0 and 3.1, ZeroMQ's protocol on TCP (rfc.zeromq.org 23 and 37). Each side sends a greeting of 64 bytes,
 *
 *     ff, 8 bytes of padding, 7f | u8 major, u8 minor | mechanism, 20 bytes | as-server | 31 bytes of zeros
 *
 * and frames behind it: `u8 flags`, `u8 length` or `u64 length`, content.
 */

interface ZmtpGreeting {
  /** 3 and 0 or 1. What is spoken is the lower one of both sides; the frames are the same. */
  readonly version: readonly [major: number, minor: number];
  /** `NULL`, `PLAIN`, `CURVE`, or one that nobody knows here. */
  readonly mechanism: string;
  readonly asServer: boolean;
}

/** What one side says. `offset`: where in its stream this begins. */
export type ZmtpItem =
  | ({ readonly type: 'greeting'; readonly offset: number } & ZmtpGreeting)
  | { readonly type: 'command'; readonly offset: number; readonly command: ZmtpCommand }
  | {
      readonly type: 'message';
      readonly offset: number;
      /** Views of the chunks where a part lies within one. */
      readonly parts: readonly Uint8Array[];
      /** Where in the stream the content of each part begins. */
      readonly partOffsets: readonly number[];
    };

export const ZMTP_GREETING_BYTES = 64;
const VERSION_AT = 10;
const MECHANISM_AT = 12;
const AS_SERVER_AT = 32;
/** Bytes of a greeting that tell that it is one: signature and major version. */
const SIGNATURE_BYTES = 11;

const MORE = 1;
const LONG = 2;
const COMMAND = 4;
const FLAGS = MORE | LONG | COMMAND;
const SHORT_HEADER_BYTES = 2;
const LONG_HEADER_BYTES = 9;
/** The first size of a buffer for a frame that spans chunks: what is announced need not come. */
const FIRST_BUFFER_BYTES = 64 * 1024;

/** Whether these bytes begin a greeting of ZMTP 3; `undefined` where more are needed to tell. */
export function isZmtpGreeting(bytes: Uint8Array): boolean | undefined {
  const isSo = greetingMistake(bytes, bytes.length) === undefined;
  return isSo && bytes.length < SIGNATURE_BYTES ? undefined : isSo;
}

/** What is wrong with a greeting of which `size` bytes are there: place, expectation and what is there. */
function greetingMistake(bytes: Uint8Array, size: number): [number, string, string] | undefined {
  const byte = (at: number): string => `0x${(bytes[at] as number).toString(16).padStart(2, '0')}`;
  if (size > 0 && bytes[0] !== 0xff) return [0, "ZMTP's signature, which begins with 0xff", byte(0)];
  if (size > 9 && bytes[9] !== 0x7f) return [9, "ZMTP's signature, which ends with 0x7f", byte(9)];
  if (size > VERSION_AT && bytes[VERSION_AT] !== 3) {
    return [VERSION_AT, 'ZMTP version 3', String(bytes[VERSION_AT])];
  }
  return undefined;
}

/**
 * Reads one direction of a connection, however it is chunked: `push` a chunk, then `next` until it gives
 * `undefined`. It is first at the greeting, then at commands and messages, in whichever order they come.
 */
export class ZmtpDecoder {
  private chunk: Uint8Array = new Uint8Array(0);
  private position = 0;
  /** A greeting or frame that began in an earlier chunk, with its header, and how much of it is there. */
  private partial: Buffer | undefined;
  private partialLength = 0;
  /** Where in the stream the next unread byte is. */
  private streamOffset = 0;
  private mechanism: string | undefined;
  private parts: Uint8Array[] = [];
  private partOffsets: number[] = [];
  private messageOffset = 0;
  private messageBytes = 0;

  /** @param behindGreeting the mechanism, for bytes that begin with a frame; without it they begin with a greeting. */
  constructor(
    private readonly limits: CodecLimits = DEFAULT_CODEC_LIMITS,
    behindGreeting?: string,
  ) {
    this.mechanism = behindGreeting;
  }

  /** Adds a chunk, which must not be changed as long as its messages are of interest. */
  push(chunk: Uint8Array): void {
    if (this.position < this.chunk.length) throw new Error('the last chunk was not all read');
    this.chunk = chunk;
    this.position = 0;
  }

  /** Bytes of an incomplete greeting, command or message that wait for the rest. */
  get pendingBytes(): number {
    return this.streamOffset - this.offset;
  }

  /** Offset of the next byte that is not part of an item handed out. */
  get offset(): number {
    return this.parts.length > 0 ? this.messageOffset : this.streamOffset - this.partialLength;
  }

  /** Takes the bytes of the last chunk that belong to nothing yet, as if they had not been pushed. */
  takeRest(): Uint8Array {
    const rest = this.chunk.subarray(this.position);
    this.position = this.chunk.length;
    return rest;
  }

  /**
   * What comes next, `undefined` when more bytes are needed. Throws `DecodeError`: for a command that cannot be
   * read, behind which one can go on; for anything else the place in the stream is lost.
   */
  next(): ZmtpItem | undefined {
    for (;;) {
      const offset = this.streamOffset - this.partialLength;
      const unit = this.unit();
      if (unit === undefined) return undefined;
      const item =
        this.mechanism === undefined ? this.greeting(unit) : this.frame(unit, this.mechanism, offset);
      if (item) return item;
    }
  }

  private greeting(bytes: Uint8Array): ZmtpItem {
    const name = bytes.subarray(MECHANISM_AT, AS_SERVER_AT);
    const end = name.indexOf(0);
    this.mechanism = nameFromBytes(end < 0 ? name : name.subarray(0, end));
    return {
      type: 'greeting',
      offset: 0,
      version: [bytes[VERSION_AT] as number, bytes[VERSION_AT + 1] as number],
      mechanism: this.mechanism,
      asServer: bytes[AS_SERVER_AT] === 1,
    };
  }

  private frame(bytes: Uint8Array, mechanism: string, offset: number): ZmtpItem | undefined {
    const flags = bytes[0] as number;
    const header = (flags & LONG) === 0 ? SHORT_HEADER_BYTES : LONG_HEADER_BYTES;
    const content = bytes.subarray(header);
    // libzmq sends CURVE's MESSAGE without the flag of a command.
    if ((flags & COMMAND) !== 0 || mechanism === 'CURVE') {
      return { type: 'command', offset, command: this.command(content, mechanism, offset + header) };
    }
    if (this.parts.length === 0) this.messageOffset = offset;
    this.parts.push(content);
    this.partOffsets.push(offset + header);
    this.messageBytes += content.length;
    if ((flags & MORE) !== 0) return undefined;
    const { messageOffset, parts, partOffsets } = this;
    this.parts = [];
    this.partOffsets = [];
    this.messageBytes = 0;
    return { type: 'message', offset: messageOffset, parts, partOffsets };
  }

  private command(content: Uint8Array, mechanism: string, offset: number): ZmtpCommand {
    try {
      return decodeCommand(content, mechanism, this.limits);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      throw new DecodeError('decode_invalid', offset + error.offset, error.expected, error.found);
    }
  }

  /** The next greeting or frame with its header, once it is all there. */
  private unit(): Uint8Array | undefined {
    const { chunk, position } = this;
    if (this.partial === undefined) {
      const wanted = this.wanted(chunk, position, chunk.length - position);
      if (wanted <= chunk.length - position) {
        this.advance(wanted);
        return chunk.subarray(position, position + wanted);
      }
      if (position === chunk.length) return undefined;
      this.partial = Buffer.allocUnsafeSlow(Math.min(wanted, FIRST_BUFFER_BYTES));
    }
    return this.fill();
  }

  private fill(): Uint8Array | undefined {
    for (;;) {
      const partial = this.partial as Buffer;
      const wanted = this.wanted(partial, 0, this.partialLength);
      if (wanted <= this.partialLength) {
        this.partial = undefined;
        this.partialLength = 0;
        return partial.subarray(0, wanted);
      }
      const size = Math.min(wanted - this.partialLength, this.chunk.length - this.position);
      if (size === 0) return undefined;
      const roomy = this.grown(partial, this.partialLength + size, wanted);
      roomy.set(this.chunk.subarray(this.position, this.position + size), this.partialLength);
      this.partialLength += size;
      this.advance(size);
    }
  }

  /** The buffer grows with what has really come, not with what was announced. */
  private grown(partial: Buffer, needed: number, wanted: number): Buffer {
    if (needed <= partial.length) return partial;
    const grown = Buffer.allocUnsafeSlow(Math.min(wanted, Math.max(needed, partial.length * 2)));
    partial.copy(grown, 0, 0, this.partialLength);
    this.partial = grown;
    return grown;
  }

  private advance(size: number): void {
    this.position += size;
    this.streamOffset += size;
  }

  /** How many bytes the unit at `at` has, as far as the `size` bytes there tell; no fewer than that. */
  private wanted(bytes: Uint8Array, at: number, size: number): number {
    if (this.mechanism === undefined) {
      const mistake = greetingMistake(bytes.subarray(at, at + size), size);
      if (mistake) throw new DecodeError('decode_invalid', ...mistake);
      return ZMTP_GREETING_BYTES;
    }
    if (size === 0) return SHORT_HEADER_BYTES;
    const flags = this.checkedFlags(bytes[at] as number);
    if ((flags & LONG) === 0) {
      if (size < SHORT_HEADER_BYTES) return SHORT_HEADER_BYTES;
      return SHORT_HEADER_BYTES + this.checkedLength(flags, bytes[at + 1] as number);
    }
    if (size < LONG_HEADER_BYTES) return LONG_HEADER_BYTES;
    const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at + 1);
    return LONG_HEADER_BYTES + this.checkedLength(flags, length);
  }

  private checkedFlags(flags: number): number {
    const isCommand = (flags & COMMAND) !== 0;
    if ((flags & ~FLAGS) !== 0 || (isCommand && (flags & MORE) !== 0)) {
      this.fail('decode_invalid', 'the flags of a frame', `0x${flags.toString(16).padStart(2, '0')}`);
    }
    if (!isCommand && this.parts.length >= ZMTP_MESSAGE_PARTS) {
      this.fail('decode_limit', `at most ${ZMTP_MESSAGE_PARTS} parts of a message`, 'one more');
    }
    return flags;
  }

  private checkedLength(flags: number, length: number | bigint): number {
    const isCommand = (flags & COMMAND) !== 0 && this.mechanism !== 'CURVE';
    const most = isCommand ? ZMTP_COMMAND_BYTES : this.limits.frameBytes - this.messageBytes;
    if (length > most) {
      const what = isCommand ? 'a command' : 'a message';
      const limit = isCommand ? most : this.limits.frameBytes;
      this.fail('decode_limit', `${what} of at most ${limit} bytes`, `${Number(length) + limit - most}`);
    }
    return Number(length);
  }

  private fail(code: 'decode_invalid' | 'decode_limit', expected: string, found: string): never {
    throw new DecodeError(code, this.streamOffset - this.partialLength, expected, found);
  }
}
