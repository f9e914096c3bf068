/** Takes recordings apart and wraps their TCP segments anew; shares no code with src. */
import { readFileSync } from 'node:fs';
import { pcapFile } from '../support/recordings.js';

export interface Segment {
  /** Nanoseconds since the Unix epoch. */
  readonly time: bigint;
  readonly source: Buffer;
  readonly destination: Buffer;
  /** TCP header and payload. */
  readonly tcp: Buffer;
}

/** The segments of a little-endian pcap with Ethernet and IPv4. */
export function segmentsOf(name: string): Segment[] {
  const file = readFileSync(pcapFile(name));
  const segments: Segment[] = [];
  for (let at = 24; at < file.length; ) {
    const size = file.readUInt32LE(at + 8);
    const ip = file.subarray(at + 16 + 14, at + 16 + size);
    segments.push({
      time: BigInt(file.readUInt32LE(at)) * 1_000_000_000n + BigInt(file.readUInt32LE(at + 4)) * 1000n,
      source: ip.subarray(12, 16),
      destination: ip.subarray(16, 20),
      tcp: ip.subarray(((ip[0] ?? 0) & 15) * 4, ip.readUInt16BE(2)),
    });
    at += 16 + size;
  }
  return segments;
}

export interface TcpFields {
  readonly from: number;
  readonly to: number;
  readonly sequence: number;
  readonly acknowledged?: number;
  readonly syn?: boolean;
  readonly fin?: boolean;
  readonly payload?: Buffer;
}

export function tcp({ from, to, sequence, acknowledged, syn, fin, payload }: TcpFields): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(from, 0);
  header.writeUInt16BE(to, 2);
  header.writeUInt32BE(sequence >>> 0, 4);
  header.writeUInt32BE((acknowledged ?? 0) >>> 0, 8);
  header[12] = 5 << 4;
  header[13] = (fin ? 1 : 0) | (syn ? 2 : 0) | (acknowledged === undefined ? 0 : 16);
  return Buffer.concat([header, payload ?? Buffer.alloc(0)]);
}

type Network = (segment: Segment) => Buffer;

export const ipv4: Network = ({ source, destination, tcp: bytes }) =>
  ipv4With(source, destination, bytes, {});

export function ipv4With(
  source: Buffer,
  destination: Buffer,
  bytes: Buffer,
  {
    options = Buffer.alloc(0),
    totalLength,
    fragment = 0,
  }: { options?: Buffer; totalLength?: number; fragment?: number },
): Buffer {
  const header = Buffer.alloc(20);
  header[0] = 0x40 | (5 + options.length / 4);
  header.writeUInt16BE(totalLength ?? 20 + options.length + bytes.length, 2);
  header.writeUInt16BE(fragment, 6);
  header[8] = 64;
  header[9] = 6;
  source.copy(header, 12);
  destination.copy(header, 16);
  return Buffer.concat([header, options, bytes]);
}

const v6 = (v4: Buffer): Buffer => Buffer.concat([Buffer.from('20010db80000000000000000', 'hex'), v4]);

/** IPv6; `extensions` are whole headers, the first one's type before them. */
export function ipv6(extensions: readonly [number, Buffer][] = [], payloadLength?: number): Network {
  return ({ source, destination, tcp: bytes }) => {
    const headers = extensions.map(([, body], index) => {
      const header = Buffer.from(body);
      header[0] = extensions[index + 1]?.[0] ?? 6;
      return header;
    });
    const payload = Buffer.concat([...headers, bytes]);
    const header = Buffer.alloc(8);
    header[0] = 0x60;
    header.writeUInt16BE(payloadLength ?? payload.length, 4);
    header[6] = extensions[0]?.[0] ?? 6;
    header[7] = 64;
    return Buffer.concat([header, v6(source), v6(destination), payload]);
  };
}

const isV6 = (ip: Buffer): boolean => (ip[0] ?? 0) >> 4 === 6;
const etherType = (ip: Buffer): string => (isV6(ip) ? '86dd' : '0800');

const u32 = (value: number, bigEndian: boolean): Buffer => {
  const bytes = Buffer.alloc(4);
  if (bigEndian) bytes.writeUInt32BE(value);
  else bytes.writeUInt32LE(value);
  return bytes;
};

export interface Link {
  readonly type: number;
  readonly wrap: (ip: Buffer) => Buffer;
}

const hexLink = (type: number, head: (ip: Buffer) => string): Link => ({
  type,
  wrap: (ip) => Buffer.concat([Buffer.from(head(ip), 'hex'), ip]),
});

const MACS = '020000000001020000000002';
const family = (ip: Buffer, six: number): number => (isV6(ip) ? six : 2);

export const LINKS = {
  ethernet: hexLink(1, (ip) => MACS + etherType(ip)),
  // Short frames are padded.
  padded: {
    type: 1,
    wrap: (ip) => Buffer.concat([Buffer.from(MACS + etherType(ip), 'hex'), ip, Buffer.alloc(18, 0xff)]),
  },
  vlan: hexLink(1, (ip) => `${MACS}8100002a${etherType(ip)}`),
  stackedVlan: hexLink(1, (ip) => `${MACS}88a80064810000c8${etherType(ip)}`),
  nullLittle: { type: 0, wrap: (ip) => Buffer.concat([u32(family(ip, 24), false), ip]) },
  nullBig: { type: 0, wrap: (ip) => Buffer.concat([u32(family(ip, 30), true), ip]) },
  loop: { type: 108, wrap: (ip) => Buffer.concat([u32(family(ip, 10), true), ip]) },
  raw: { type: 101, wrap: (ip) => ip },
  raw12: { type: 12, wrap: (ip) => ip },
  raw14: { type: 14, wrap: (ip) => ip },
  cooked1: hexLink(113, (ip) => `0000000100060200000000010000${etherType(ip)}`),
  cooked1Vlan: hexLink(113, (ip) => `00000001000602000000000100008100002a${etherType(ip)}`),
  cooked2: hexLink(276, (ip) => `${etherType(ip)}000000000001000100060200000000010000`),
} satisfies Readonly<Record<string, Link>>;

export interface Frame {
  readonly time: bigint;
  readonly bytes: Buffer;
  /** Where it was longer than what was captured. */
  readonly wireLength?: number;
}

export const framesOf = (segments: readonly Segment[], link: Link, network: Network = ipv4): Frame[] =>
  segments.map((segment) => ({ time: segment.time, bytes: link.wrap(network(segment)) }));

export interface PcapForm {
  readonly bigEndian?: boolean;
  readonly nanos?: boolean;
  readonly modified?: boolean;
}

export function pcap(frames: readonly Frame[], linkType: number, form: PcapForm = {}): Buffer {
  const big = form.bigEndian ?? false;
  const int = (value: number): Buffer => u32(value, big);
  const magic = form.modified ? 0xa1b2cd34 : form.nanos ? 0xa1b23c4d : 0xa1b2c3d4;
  const version = Buffer.from(big ? '00020004' : '02000400', 'hex');
  const parts = [int(magic), version, int(0), int(0), int(262_144), int(linkType)];
  for (const { time, bytes, wireLength } of frames) {
    const fraction = time % 1_000_000_000n;
    parts.push(int(Number(time / 1_000_000_000n)), int(Number(form.nanos ? fraction : fraction / 1000n)));
    parts.push(int(bytes.length), int(wireLength ?? bytes.length));
    if (form.modified) parts.push(Buffer.alloc(8));
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

/** Writes the blocks of a pcapng section. */
export class Pcapng {
  constructor(private readonly bigEndian: boolean) {}

  private u16(value: number): Buffer {
    const bytes = Buffer.alloc(2);
    if (this.bigEndian) bytes.writeUInt16BE(value);
    else bytes.writeUInt16LE(value);
    return bytes;
  }

  private u32(value: number): Buffer {
    return u32(value, this.bigEndian);
  }

  block(type: number, ...parts: readonly Buffer[]): Buffer {
    const body = Buffer.concat(parts);
    const padded = Buffer.concat([body, Buffer.alloc(-body.length & 3)]);
    const length = this.u32(padded.length + 12);
    return Buffer.concat([this.u32(type), length, padded, length]);
  }

  private option(code: number, value: Buffer): Buffer {
    return Buffer.concat([this.u16(code), this.u16(value.length), value, Buffer.alloc(-value.length & 3)]);
  }

  section(): Buffer {
    const unknownLength = Buffer.alloc(8, 0xff);
    return this.block(0x0a0d0d0a, this.u32(0x1a2b3c4d), this.u16(1), this.u16(0), unknownLength);
  }

  interface(linkType: number, resolution?: number, offsetSeconds?: bigint, snapLength = 0): Buffer {
    const options = [this.option(2, Buffer.from('lo'))];
    if (resolution !== undefined) options.push(this.option(9, Buffer.of(resolution)));
    if (offsetSeconds !== undefined) {
      const bytes = Buffer.alloc(8);
      if (this.bigEndian) bytes.writeBigInt64BE(offsetSeconds);
      else bytes.writeBigInt64LE(offsetSeconds);
      options.push(this.option(14, bytes));
    }
    options.push(this.option(0, Buffer.alloc(0)));
    return this.block(1, this.u16(linkType), this.u16(0), this.u32(snapLength), ...options);
  }

  private time(units: bigint): Buffer {
    return Buffer.concat([this.u32(Number(units >> 32n)), this.u32(Number(units & 0xffffffffn))]);
  }

  enhanced(frame: Frame, interfaceIndex = 0, units = frame.time / 1000n): Buffer {
    const { bytes } = frame;
    const padding = Buffer.alloc(-bytes.length & 3);
    const lengths = [this.u32(bytes.length), this.u32(frame.wireLength ?? bytes.length)];
    const comment = this.option(1, Buffer.from('a comment'));
    return this.block(6, this.u32(interfaceIndex), this.time(units), ...lengths, bytes, padding, comment);
  }

  old(frame: Frame, interfaceIndex = 0): Buffer {
    const { bytes, time } = frame;
    const lengths = [this.u32(bytes.length), this.u32(frame.wireLength ?? bytes.length)];
    return this.block(
      2,
      this.u16(interfaceIndex),
      this.u16(0xffff),
      this.time(time / 1000n),
      ...lengths,
      bytes,
    );
  }

  simple({ bytes }: Frame): Buffer {
    return this.block(3, this.u32(bytes.length), bytes);
  }
}
