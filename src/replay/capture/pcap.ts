import { Parser } from 'binary-parser/dist/binary_parser.js';
import { NANOS_PER_SECOND } from '../../codec/time.js';
import { ByteQueue } from './byte-queue.js';
import { type CapturePacket, type CaptureReader, checkPacketLength, damaged } from './capture.js';

/**
 * Classic capture files (https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcap/): a file header, then
 * packets with a header each, in the byte order of the machine that wrote them.
 */

interface Variant {
  /** Nanoseconds in one unit of a packet's fraction of a second. */
  readonly fractionNanos: bigint;
  readonly packetHeaderBytes: number;
}

/** By the magic number as read in the file's own byte order. */
const VARIANTS: ReadonlyMap<number, Variant> = new Map([
  [0xa1b2c3d4, { fractionNanos: 1_000n, packetHeaderBytes: 16 }],
  [0xa1b23c4d, { fractionNanos: 1n, packetHeaderBytes: 16 }],
  // Alexey Kuznetzov's modified libpcap: interface, protocol and packet type behind each header.
  [0xa1b2cd34, { fractionNanos: 1_000n, packetHeaderBytes: 24 }],
]);

const FILE_HEADER_BYTES = 24;
/** Above the link type the field has flags about the frame check sequence (libpcap's LT_LINKTYPE). */
const LINK_TYPE_MASK = 0x03ffffff;

const fileHeader = (endianness: 'big' | 'little') =>
  new Parser()
    .endianess(endianness)
    .uint32('magic')
    .uint16('versionMajor')
    .uint16('versionMinor')
    .uint32('timeZone')
    .uint32('accuracy')
    .uint32('snapLength')
    .uint32('linkType');
const FILE_HEADER = { big: fileHeader('big'), little: fileHeader('little') };

/** Whether a file that begins with these (at least 4) bytes is a classic capture. */
export function isPcap(head: Buffer): boolean {
  return VARIANTS.has(head.readUInt32LE()) || VARIANTS.has(head.readUInt32BE());
}

export class PcapReader implements CaptureReader {
  private readonly queue = new ByteQueue();
  private file: (Variant & { readonly bigEndian: boolean; readonly linkType: number }) | undefined;

  push(chunk: Uint8Array): void {
    this.queue.push(chunk);
  }

  get unfinishedAt(): number | undefined {
    return this.file !== undefined && this.queue.isAtBoundary ? undefined : this.queue.offset;
  }

  next(): CapturePacket | undefined {
    const file = this.file ?? this.readFileHeader();
    const header = file && this.queue.peek(file.packetHeaderBytes);
    if (!file || !header) return undefined;
    const u32 = (at: number): number => (file.bigEndian ? header.readUInt32BE(at) : header.readUInt32LE(at));
    const captured = u32(8);
    checkPacketLength(captured, this.queue.offset);
    const packet = this.queue.peek(file.packetHeaderBytes + captured);
    if (!packet) return undefined;
    this.queue.skip(packet.length);
    return {
      linkType: file.linkType,
      time: BigInt(u32(0)) * NANOS_PER_SECOND + BigInt(u32(4)) * file.fractionNanos,
      bytes: packet.subarray(file.packetHeaderBytes),
      wireLength: u32(12),
    };
  }

  private readFileHeader(): typeof this.file {
    const bytes = this.queue.peek(FILE_HEADER_BYTES);
    if (!bytes) return undefined;
    const bigEndian = VARIANTS.has(bytes.readUInt32BE());
    const header = FILE_HEADER[bigEndian ? 'big' : 'little'].parse(bytes);
    const variant = VARIANTS.get(header.magic);
    if (!variant) throw damaged(0, 'the magic number of a pcap file', `0x${header.magic.toString(16)}`);
    if (header.versionMajor !== 2) throw damaged(4, 'pcap version 2', `version ${header.versionMajor}`);
    this.queue.skip(FILE_HEADER_BYTES);
    this.file = { ...variant, bigEndian, linkType: header.linkType & LINK_TYPE_MASK };
    return this.file;
  }
}
