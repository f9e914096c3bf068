import { REASSEMBLY_BYTES, REASSEMBLY_LATE_PACKETS, REASSEMBLY_TOTAL_BYTES } from '../../core/limits.js';

/** What a stream hands out, in the order of the bytes. */
export interface StreamSink {
  /** @param time when the packet that brought them was captured, nanoseconds since the Unix epoch. */
  data(bytes: Buffer, time: bigint): void;
  /** So many bytes are not in the capture. */
  gap(bytes: number): void;
}

/** Bytes held back by all streams of a capture together. */
export interface HeldBytes {
  total: number;
}

interface Piece {
  readonly offset: number;
  readonly bytes: Buffer;
  readonly time: bigint;
  /** `packets` of the stream when it came. */
  readonly since: number;
}

/** What holding back a piece costs besides its bytes. */
const PIECE_OVERHEAD_BYTES = 200;
/** Sequence numbers further away belong to something else: TCP's windows are smaller (RFC 7323). */
const WINDOW = 2 ** 30;
/** A SYN may come that many bytes after data of its own connection, where packets are out of order. */
const SYN_REACH = 2 ** 24;

/**
 * One direction of a TCP connection: puts its bytes in order.
 *
 * It begins at the SYN, or, where the capture has none, at the earliest byte seen within the first
 * REASSEMBLY_LATE_PACKETS packets. Of bytes that come more than once the first copy counts. What comes early
 * is held back until the bytes before it come; they are given up as a gap when the other side has
 * acknowledged them and they are that many packets late, when too much is held back, and at the end.
 */
export class TcpStream {
  private readonly held: Piece[] = [];
  private heldBytes = 0;
  /** Offset of the next byte to hand out, and its sequence number. */
  private position = 0;
  private positionSequence = 0;
  private state: 'empty' | 'collecting' | 'flowing' = 'empty';
  private initialSequence: number | undefined;
  /** Where the FIN lies. */
  private endOffset: number | undefined;
  /** The bytes before it exist, whether captured or not. */
  private knownEnd = 0;
  private acknowledged = Number.NEGATIVE_INFINITY;
  private packets = 0;
  private firstPacket = 0;

  constructor(
    private readonly sink: StreamSink,
    private readonly allHeld: HeldBytes,
  ) {}

  /** Whether the stream was seen from its SYN on. */
  get hasBeginning(): boolean {
    return this.initialSequence !== undefined;
  }

  /** Whether everything up to the FIN was handed out. */
  get isComplete(): boolean {
    return this.endOffset !== undefined && this.state === 'flowing' && this.position >= this.endOffset;
  }

  /** Whether a SYN with this number is the one that was seen; `undefined` when none was. */
  beganWith(sequence: number): boolean | undefined {
    return this.initialSequence === undefined ? undefined : this.initialSequence === sequence;
  }

  /** Takes a SYN. False when it begins another connection than the one that this stream is part of. */
  begin(sequence: number): boolean {
    if (this.initialSequence !== undefined) return this.initialSequence === sequence;
    const first = (sequence + 1) >>> 0;
    if (this.state === 'flowing') return false;
    const offset = this.state === 'empty' ? 0 : this.offsetOf(first);
    const earliest = this.held[0]?.offset ?? 0;
    if (offset > earliest || offset < earliest - SYN_REACH) return false;
    this.initialSequence = sequence;
    this.flowFrom(offset, first);
    return true;
  }

  /** Takes the payload of a packet. @param cutOff bytes at its end that were not captured. */
  accept(sequence: number, payload: Buffer, cutOff: number, fin: boolean, time: bigint): void {
    this.packets += 1;
    const size = payload.length + cutOff;
    if (size > 0 || fin) this.take(sequence, payload, size, fin, time);
    this.giveUpLate();
  }

  private take(sequence: number, payload: Buffer, size: number, fin: boolean, time: bigint): void {
    if (this.state === 'empty') {
      this.state = 'collecting';
      this.positionSequence = sequence;
      this.firstPacket = this.packets;
    }
    const offset = this.offsetOf(sequence);
    if (Math.abs(offset - this.position) > WINDOW) return;
    this.knownEnd = Math.max(this.knownEnd, offset + size);
    if (fin) this.endOffset ??= offset + size;
    this.insert(offset, payload, time);
  }

  /** Takes what the other side says it has received. */
  acknowledge(sequence: number): void {
    this.packets += 1;
    if (this.state !== 'empty') {
      const offset = this.offsetOf(sequence);
      if (Math.abs(offset - this.position) <= WINDOW) this.acknowledged = Math.max(this.acknowledged, offset);
    }
    this.giveUpLate();
  }

  /** Nothing more comes: hands out what is held back, with gaps for what is missing. */
  finish(): void {
    this.startFlowing();
    while (this.held.length > 0) this.giveUp();
    // The last byte acknowledged may be a FIN, which is no byte of the stream.
    const end = this.endOffset ?? Math.max(this.knownEnd, this.acknowledged - 1);
    if (end > this.position) this.skipTo(end);
  }

  private offsetOf(sequence: number): number {
    return this.position + ((sequence - this.positionSequence) | 0);
  }

  /** Numbers the bytes anew: `sequence` is offset 0. */
  private flowFrom(offset: number, sequence: number): void {
    this.held.forEach((piece, index) => {
      this.held[index] = { ...piece, offset: piece.offset - offset };
    });
    this.knownEnd = Math.max(0, this.knownEnd - offset);
    this.acknowledged = Math.max(0, this.acknowledged - offset);
    if (this.endOffset !== undefined) this.endOffset -= offset;
    this.position = 0;
    this.positionSequence = sequence;
    this.state = 'flowing';
    this.drain();
  }

  private startFlowing(): void {
    if (this.state !== 'collecting') return;
    const offset = this.held[0]?.offset ?? 0;
    this.flowFrom(offset, (this.positionSequence + offset) >>> 0);
  }

  private insert(from: number, payload: Buffer, time: bigint): void {
    let offset = from;
    let bytes = payload;
    if (this.state === 'flowing' && offset < this.position) {
      bytes = bytes.subarray(this.position - offset);
      offset = this.position;
    }
    if (bytes.length === 0) return;
    if (this.state === 'flowing' && offset === this.position && this.held.length === 0) {
      this.handOut(bytes, time);
      return;
    }
    let index = this.indexBehind(offset);
    while (bytes.length > 0) {
      const next = this.held[index];
      const room = next ? Math.max(0, Math.min(bytes.length, next.offset - offset)) : bytes.length;
      if (room > 0) this.hold(index++, offset, bytes.subarray(0, room), time);
      const covered = next ? next.offset + next.bytes.length - offset : bytes.length;
      bytes = bytes.subarray(Math.min(bytes.length, covered));
      offset += covered;
      index += 1;
    }
    this.drain();
    while (this.heldBytes > REASSEMBLY_BYTES || this.allHeld.total > REASSEMBLY_TOTAL_BYTES) {
      if (this.held.length === 0) break;
      this.giveUp();
    }
  }

  /** The first piece that ends behind `offset`; pieces are in order and do not overlap. */
  private indexBehind(offset: number): number {
    let low = 0;
    let high = this.held.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const piece = this.held[middle] as Piece;
      if (piece.offset + piece.bytes.length > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Holds back a copy: a view would keep the whole chunk of the file in memory. */
  private hold(index: number, offset: number, bytes: Buffer, time: bigint): void {
    this.held.splice(index, 0, { offset, bytes: Buffer.from(bytes), time, since: this.packets });
    this.count(bytes.length + PIECE_OVERHEAD_BYTES);
  }

  private count(bytes: number): void {
    this.heldBytes += bytes;
    this.allHeld.total += bytes;
  }

  private drain(): void {
    if (this.state !== 'flowing') return;
    let end = this.position;
    let ready = 0;
    for (let next = this.held[0]; next && next.offset <= end; next = this.held[ready]) {
      end = Math.max(end, next.offset + next.bytes.length);
      ready += 1;
    }
    for (const { offset, bytes, time } of this.held.splice(0, ready)) {
      this.count(-(bytes.length + PIECE_OVERHEAD_BYTES));
      const old = this.position - offset;
      if (old < bytes.length) this.handOut(bytes.subarray(old), time);
    }
  }

  private handOut(bytes: Buffer, time: bigint): void {
    this.advance(bytes.length);
    this.sink.data(bytes, time);
  }

  private advance(bytes: number): void {
    this.position += bytes;
    this.positionSequence = (this.positionSequence + bytes) >>> 0;
  }

  private skipTo(offset: number): void {
    const missing = offset - this.position;
    this.advance(missing);
    this.sink.gap(missing);
  }

  private giveUpLate(): void {
    if (this.state === 'collecting') {
      if (this.packets - this.firstPacket >= REASSEMBLY_LATE_PACKETS) this.startFlowing();
      return;
    }
    for (let next = this.held[0]; next; next = this.held[0]) {
      const isLate = this.packets - next.since >= REASSEMBLY_LATE_PACKETS;
      if (!isLate || this.acknowledged < next.offset) return;
      this.giveUp();
    }
  }

  private giveUp(): void {
    this.startFlowing();
    const next = this.held[0];
    if (!next) return;
    this.skipTo(next.offset);
    this.drain();
  }
}
