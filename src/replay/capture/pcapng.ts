import { Parser } from 'binary-parser/dist/binary_parser.js';
import { INT64_MAX, INT64_MIN } from '../../codec/bytes.js';
import { NANOS_PER_SECOND } from '../../codec/time.js';
import { CAPTURE_INTERFACES, CAPTURE_PACKET_BYTES } from '../../core/limits.js';
import { ByteQueue } from './byte-queue.js';
import { type CapturePacket, type CaptureReader, checkPacketLength, damaged } from './capture.js';

/**
 * pcapng files (https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng/): sections of blocks, each
 * `u32 type, u32 total length, body, u32 total length`, padded to 4 bytes. Every section has a byte order and
 * interfaces of its own.
 */

const BLOCK = {
  section: 0x0a0d0d0a,
  interface: 1,
  oldPacket: 2,
  simplePacket: 3,
  enhancedPacket: 6,
} as const;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
/** Type, the two lengths. */
const BLOCK_FRAME_BYTES = 12;
/** Blocks that are read as a whole: a packet, its fields and its options. */
const BLOCK_BYTES = CAPTURE_PACKET_BYTES + 128 * 1024;
const OPTION = { end: 0, timeResolution: 9, timeOffset: 14 } as const;

const sectionBody = (endianness: 'big' | 'little') =>
  new Parser().endianess(endianness).uint32('byteOrder').uint16('versionMajor').uint16('versionMinor');
const interfaceBody = (endianness: 'big' | 'little') =>
  new Parser().endianess(endianness).uint16('linkType').uint16('reserved').uint32('snapLength');
const SECTION = { big: sectionBody('big'), little: sectionBody('little') };
const INTERFACE = { big: interfaceBody('big'), little: interfaceBody('little') };

interface Interface {
  readonly linkType: number;
  /** 0 for none. */
  readonly snapLength: number;
  readonly unitsPerSecond: bigint;
  readonly offsetNanos: bigint;
}

/** Whether a file that begins with these (at least 4) bytes is a pcapng file. */
export function isPcapng(head: Buffer): boolean {
  return head.readUInt32BE() === BLOCK.section;
}

export class PcapngReader implements CaptureReader {
  private readonly queue = new ByteQueue();
  private order: 'big' | 'little' = 'little';
  private interfaces: Interface[] = [];
  /** For simple packets, which have no time of their own. */
  private lastTime = 0n;
  private begun = false;

  push(chunk: Uint8Array): void {
    this.queue.push(chunk);
  }

  get unfinishedAt(): number | undefined {
    return this.begun && this.queue.isAtBoundary ? undefined : this.queue.offset;
  }

  next(): CapturePacket | undefined {
    for (let block = this.nextBlock(); block; block = this.nextBlock()) {
      const packet = this.readBlock(block);
      if (packet) {
        this.lastTime = packet.time;
        return packet;
      }
    }
    return undefined;
  }

  private u16(bytes: Buffer, at: number): number {
    return this.order === 'big' ? bytes.readUInt16BE(at) : bytes.readUInt16LE(at);
  }

  private u32(bytes: Buffer, at: number): number {
    return this.order === 'big' ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
  }

  /** The next whole block that matters, its frame included; others are gone over without being held. */
  private nextBlock(): { readonly bytes: Buffer; readonly type: number; readonly at: number } | undefined {
    for (;;) {
      const head = this.queue.peek(BLOCK_FRAME_BYTES);
      if (!head) return undefined;
      const at = this.queue.offset;
      if (head.readUInt32BE() === BLOCK.section) this.order = byteOrder(head, at);
      const type = this.u32(head, 0);
      const length = this.u32(head, 4);
      if (length < BLOCK_FRAME_BYTES || length % 4 !== 0) {
        throw damaged(at, 'the length of a block', String(length));
      }
      if (!KNOWN_BLOCKS.has(type)) {
        this.queue.skip(length);
        continue;
      }
      if (length > BLOCK_BYTES)
        throw damaged(at, `a block of at most ${BLOCK_BYTES} bytes`, `one of ${length}`);
      const bytes = this.queue.peek(length);
      if (!bytes) return undefined;
      const again = this.u32(bytes, length - 4);
      if (again !== length) throw damaged(at + length - 4, `the length ${length} again`, String(again));
      this.queue.skip(length);
      return { bytes, type, at };
    }
  }

  private readBlock(block: { bytes: Buffer; type: number; at: number }): CapturePacket | undefined {
    const { bytes, type, at } = block;
    const body = bytes.subarray(8, -4);
    const fixedBytes = KNOWN_BLOCKS.get(type) as number;
    if (body.length < fixedBytes) throw damaged(at, `a block body of ${fixedBytes} bytes`, `${body.length}`);
    switch (type) {
      case BLOCK.section:
        this.beginSection(body, at);
        return undefined;
      case BLOCK.interface:
        this.addInterface(body, at);
        return undefined;
      case BLOCK.simplePacket:
        return this.simplePacket(body, at);
      case BLOCK.oldPacket:
        return this.packet(body, this.u16(body, 0), at);
      default:
        return this.packet(body, this.u32(body, 0), at);
    }
  }

  private beginSection(body: Buffer, at: number): void {
    const { versionMajor } = SECTION[this.order].parse(body);
    if (versionMajor !== 1) throw damaged(at + 12, 'pcapng version 1', `version ${versionMajor}`);
    this.interfaces = [];
    this.begun = true;
  }

  private addInterface(body: Buffer, at: number): void {
    if (this.interfaces.length >= CAPTURE_INTERFACES) {
      throw damaged(at, `at most ${CAPTURE_INTERFACES} interfaces`, 'one more');
    }
    const { linkType, snapLength } = INTERFACE[this.order].parse(body);
    const options = this.readOptions(body.subarray(8));
    const resolution = options.get(OPTION.timeResolution)?.[0];
    const offset = options.get(OPTION.timeOffset);
    const offsetSeconds = offset?.length === 8 ? readInt64(offset, this.order) : 0n;
    this.interfaces.push({
      linkType,
      snapLength,
      unitsPerSecond: resolution === undefined ? 1_000_000n : unitsPerSecond(resolution),
      offsetNanos: offsetSeconds * NANOS_PER_SECOND,
    });
  }

  private readOptions(bytes: Buffer): Map<number, Buffer> {
    const options = new Map<number, Buffer>();
    for (let at = 0; at + 4 <= bytes.length; ) {
      const code = this.u16(bytes, at);
      const length = this.u16(bytes, at + 2);
      if (code === OPTION.end || at + 4 + length > bytes.length) break;
      options.set(code, bytes.subarray(at + 4, at + 4 + length));
      at += 4 + length + (-length & 3);
    }
    return options;
  }

  private interfaceOf(index: number, at: number): Interface {
    const found = this.interfaces[index];
    if (!found) throw damaged(at, `an interface of ${this.interfaces.length}`, `number ${index}`);
    return found;
  }

  private simplePacket(body: Buffer, at: number): CapturePacket {
    const { linkType, snapLength } = this.interfaceOf(0, at);
    const wireLength = this.u32(body, 0);
    const captured = Math.min(wireLength, snapLength || wireLength, body.length - 4);
    return { linkType, time: this.lastTime, bytes: body.subarray(4, 4 + captured), wireLength };
  }

  /** An enhanced packet or its predecessor: they differ in the interface's field only. */
  private packet(body: Buffer, interfaceIndex: number, at: number): CapturePacket {
    const { linkType, unitsPerSecond, offsetNanos } = this.interfaceOf(interfaceIndex, at);
    const captured = this.u32(body, 12);
    checkPacketLength(captured, at);
    if (captured > body.length - 20)
      throw damaged(at, `a packet of ${captured} bytes`, `${body.length - 20}`);
    const units = (BigInt(this.u32(body, 4)) << 32n) | BigInt(this.u32(body, 8));
    const time = (units * NANOS_PER_SECOND) / unitsPerSecond + offsetNanos;
    if (time < INT64_MIN || time > INT64_MAX)
      throw damaged(at, 'a time in 64 bits of nanoseconds', `${time}`);
    return {
      linkType,
      time,
      bytes: body.subarray(20, 20 + captured),
      wireLength: this.u32(body, 16),
    };
  }
}

/** The blocks that are read, and how many bytes of fields each has. */
const KNOWN_BLOCKS: ReadonlyMap<number, number> = new Map([
  [BLOCK.section, 16],
  [BLOCK.interface, 8],
  [BLOCK.oldPacket, 20],
  [BLOCK.simplePacket, 4],
  [BLOCK.enhancedPacket, 20],
]);

function byteOrder(head: Buffer, at: number): 'big' | 'little' {
  if (head.readUInt32BE(8) === BYTE_ORDER_MAGIC) return 'big';
  if (head.readUInt32LE(8) === BYTE_ORDER_MAGIC) return 'little';
  throw damaged(at + 8, 'the byte-order magic of a section', `0x${head.readUInt32BE(8).toString(16)}`);
}

const readInt64 = (bytes: Buffer, order: 'big' | 'little'): bigint =>
  order === 'big' ? bytes.readBigInt64BE() : bytes.readBigInt64LE();

/** if_tsresol: a power of ten, or of two where the highest bit is set. */
function unitsPerSecond(resolution: number): bigint {
  const exponent = BigInt(resolution & 0x7f);
  return resolution & 0x80 ? 2n ** exponent : 10n ** exponent;
}
