import { DecodeError } from '../../codec/bytes.js';
import type { Direction } from '../tcp/connections.js';

/** What one direction of a connection tells about itself, whatever its protocol. */
export interface StreamListener {
  /** It is of the protocol. Comes once, before anything else. */
  recognized(): void;
  /** It is not. */
  foreign(): void;
  /** Something of the stream was not read. */
  warn(code: 'capture_gap' | 'capture_desynchronized', message: string): void;
}

/** How one direction of a protocol is recognized, read, and found again. */
export interface StreamProtocol {
  /** Whether these are a stream's first bytes; `undefined` where more are needed to tell. */
  isBeginning(head: Buffer): boolean | undefined;
  /**
   * Reads from the first byte on, or from a message on that was searched.
   * @param offset of what is read first in the stream, as far as that was captured.
   */
  reader(from: 'beginning' | 'boundary', offset: number): StreamReader;
  search(): BoundarySearch;
}

export interface StreamReader {
  /** Bytes of an incomplete message. */
  readonly pendingBytes: number;
  /** Reads all messages. Throws `DecodeError` where there is none: the place in the stream is lost. */
  read(bytes: Uint8Array, time: bigint): void;
  /** The bytes from that place on, which are not read. */
  takeRest(): Uint8Array;
}

/** Looks for the next message in bytes that begin anywhere. */
export interface BoundarySearch {
  /** Bytes before the message found, or before the place where the search is now. */
  readonly skippedBytes: number;
  /** Bytes that belong to no message found, so far. */
  readonly unreadBytes: number;
  /** Adds bytes. Gives all bytes from the first message on, once it is certain, and is used up then. */
  push(bytes: Buffer): Buffer | undefined;
  /** Nothing follows: gives the bytes from the first message on, if there is one. */
  finish(): Buffer | undefined;
}

/** The name of one direction. @param connection the connection's, `10.0.0.1:40000 -> 10.0.0.2:9999`. */
export function directionName(connection: string, direction: Direction): string {
  return direction === 0 ? connection : connection.split(' -> ').toReversed().join(' -> ');
}

/** A stream without beginning is given up after so many bytes in which there is no message. */
const SEARCH_BYTES = 16 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);

/**
 * One direction of a connection in a capture. It is awaiting
 *
 * - `beginning`: its first bytes, which tell whether this is the protocol;
 * - `messages`: the protocol's reader reads on;
 * - `boundary`: the place in the stream is not known, after a gap, or because the capture begins in the
 *   middle; the protocol's search looks for the next message;
 * - `nothing`: it is another protocol, or it is over.
 */
export class SessionStream {
  private awaiting: 'beginning' | 'messages' | 'boundary' | 'nothing' = 'beginning';
  private head: Buffer = NOTHING;
  private reader: StreamReader | undefined;
  private search: BoundarySearch;
  private isRecognized = false;
  private loss: Loss = { cause: 'late', missing: 0, unread: 0 };
  /** Bytes of the stream so far, with those that are missing. */
  private streamBytes = 0;

  constructor(
    private readonly protocol: StreamProtocol,
    private readonly listener: StreamListener,
  ) {
    this.search = protocol.search();
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
      this.search = this.protocol.search();
    } else {
      this.lose(this.awaiting === 'beginning' ? 'late' : 'gap', bytes);
    }
  }

  /** The stream is over. */
  end(time: bigint): void {
    if (this.isLost) this.endSearch(time);
    if (this.isLost) this.report(this.search.unreadBytes);
    const cut = this.reader?.pendingBytes ?? 0;
    if (cut > 0) this.listener.warn('capture_gap', `ends with ${cut} bytes of a message that is longer`);
    this.stop();
  }

  private get isLost(): boolean {
    return this.awaiting === 'boundary';
  }

  /** The other direction has told that this is the protocol. */
  setRecognized(): void {
    this.isRecognized = true;
  }

  /** Forgets everything: nothing more is read. */
  stop(): void {
    this.awaiting = 'nothing';
    this.head = NOTHING;
    this.reader = undefined;
    this.search = this.protocol.search();
  }

  private recognize(): void {
    if (this.isRecognized) return;
    this.isRecognized = true;
    this.listener.recognized();
  }

  /** Gives what to go on with once the beginning tells how. */
  private begin(head: Buffer, hasBeginning: boolean): Buffer | undefined {
    this.head = head;
    const isBeginning = this.protocol.isBeginning(head);
    if (isBeginning === undefined) return undefined;
    this.head = NOTHING;
    if (isBeginning) {
      this.recognize();
      this.readFrom('beginning', head);
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

  /** @param bytes what is read first: the end of the stream so far. */
  private readFrom(from: 'beginning' | 'boundary', bytes: Buffer): void {
    this.reader = this.protocol.reader(from, this.streamBytes - bytes.length);
    this.awaiting = 'messages';
  }

  /** Gives the bytes behind a place where no message is, if there is one. */
  private read(bytes: Buffer, time: bigint): Buffer | undefined {
    try {
      this.reader?.read(bytes, time);
      return undefined;
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      const rest = this.reader?.takeRest() ?? NOTHING;
      this.lose('nonsense', 0, error.message);
      return Buffer.from(rest.buffer, rest.byteOffset, rest.length);
    }
  }

  /** The place in the stream is lost, with what was read of the message there. */
  private lose(cause: Loss['cause'], missing: number, error?: string): void {
    const unread = this.head.length + (this.reader?.pendingBytes ?? 0);
    this.loss = { cause, missing, unread, ...(error === undefined ? {} : { error }) };
    this.head = NOTHING;
    this.reader = undefined;
    this.search = this.protocol.search();
    this.awaiting = 'boundary';
  }

  /** Gives the bytes from the next message on, once there is one. */
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
    const skipped = this.search.skippedBytes;
    this.search = this.protocol.search();
    this.recognize();
    this.report(skipped);
    this.readFrom('boundary', found);
  }

  /** Nothing follows what is searched: a last message in it counts, too. */
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
