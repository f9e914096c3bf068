import { Address } from '../../codec/address.js';

/** IP and TCP headers: RFC 791, RFC 8200, RFC 9293. */

export interface TcpSegment {
  /** 4 or 16 bytes, a view. */
  readonly source: Buffer;
  readonly destination: Buffer;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  /** `undefined` without the ACK flag. */
  readonly acknowledged: number | undefined;
  readonly syn: boolean;
  readonly fin: boolean;
  readonly payload: Buffer;
  /** Bytes of the payload that the capture cut off. */
  readonly cutOff: number;
}

const TCP = 6;
/** Extension headers of IPv6 that only lie between the header and the payload. */
const IPV6_OPTIONS: ReadonlySet<number> = new Set([0, 43, 60, 135, 139, 140]);
const IPV6_FRAGMENT = 44;
const IPV6_AUTHENTICATION = 51;

interface IpPayload {
  readonly source: Buffer;
  readonly destination: Buffer;
  readonly protocol: number;
  readonly bytes: Buffer;
  readonly cutOff: number;
}

/**
 * The TCP segment in an IP packet. `fragment` where TCP lies in a fragment (TCP avoids them, so they are not
 * put together), `undefined` where there is no TCP or its header is cut off.
 * @param wireLength bytes of the IP packet on the wire, for packets that the network card was to cut up.
 */
export function readSegment(ip: Buffer, wireLength: number): TcpSegment | 'fragment' | undefined {
  const version = ip.length > 0 ? (ip[0] as number) >> 4 : 0;
  const packet =
    version === 4 ? readIpv4(ip, wireLength) : version === 6 ? readIpv6(ip, wireLength) : undefined;
  if (packet === undefined || packet === 'fragment') return packet;
  return packet.protocol === TCP ? readTcp(packet) : undefined;
}

/** The bytes up to the length that a header declares, and how many of them were not captured. */
function cut(packet: Buffer, from: number, end: number): { bytes: Buffer; cutOff: number } {
  return {
    bytes: packet.subarray(from, Math.max(from, end)),
    cutOff: Math.max(0, end - Math.max(packet.length, from)),
  };
}

function readIpv4(ip: Buffer, wireLength: number): IpPayload | 'fragment' | undefined {
  if (ip.length < 20) return undefined;
  const headerBytes = ((ip[0] as number) & 0x0f) * 4;
  // A total length of 0: captured before the network card cut it into packets (segmentation offload).
  const end = ip.readUInt16BE(2) || wireLength;
  if (headerBytes < 20 || end < headerBytes) return undefined;
  const protocol = ip[9] as number;
  const isFragment = (ip.readUInt16BE(6) & 0x3fff) !== 0;
  if (isFragment) return protocol === TCP ? 'fragment' : undefined;
  return {
    source: ip.subarray(12, 16),
    destination: ip.subarray(16, 20),
    protocol,
    ...cut(ip, headerBytes, end),
  };
}

function readIpv6(ip: Buffer, wireLength: number): IpPayload | 'fragment' | undefined {
  if (ip.length < 40) return undefined;
  const payloadBytes = ip.readUInt16BE(4);
  const end = payloadBytes === 0 ? wireLength : 40 + payloadBytes;
  let protocol = ip[6] as number;
  let at = 40;
  for (;;) {
    if (protocol === IPV6_FRAGMENT) {
      if (at + 8 > ip.length) return undefined;
      const isWhole = (ip.readUInt16BE(at + 2) & 0xfff9) === 0;
      protocol = ip[at] as number;
      if (!isWhole) return protocol === TCP ? 'fragment' : undefined;
      at += 8;
    } else if (IPV6_OPTIONS.has(protocol) || protocol === IPV6_AUTHENTICATION) {
      if (at + 2 > ip.length) return undefined;
      const length = ip[at + 1] as number;
      const headerBytes = protocol === IPV6_AUTHENTICATION ? (length + 2) * 4 : (length + 1) * 8;
      protocol = ip[at] as number;
      at += headerBytes;
    } else {
      break;
    }
  }
  return {
    source: ip.subarray(8, 24),
    destination: ip.subarray(24, 40),
    protocol,
    ...cut(ip, at, end),
  };
}

const FLAG = { fin: 0x01, syn: 0x02, ack: 0x10 } as const;

function readTcp({ source, destination, bytes, cutOff }: IpPayload): TcpSegment | undefined {
  if (bytes.length < 20) return undefined;
  const headerBytes = ((bytes[12] as number) >> 4) * 4;
  if (headerBytes < 20 || headerBytes > bytes.length) return undefined;
  const flags = bytes[13] as number;
  return {
    source,
    destination,
    sourcePort: bytes.readUInt16BE(0),
    destinationPort: bytes.readUInt16BE(2),
    sequence: bytes.readUInt32BE(4),
    acknowledged: flags & FLAG.ack ? bytes.readUInt32BE(8) : undefined,
    syn: (flags & FLAG.syn) !== 0,
    fin: (flags & FLAG.fin) !== 0,
    payload: bytes.subarray(headerBytes),
    cutOff,
  };
}

/** `10.0.0.1:9999`, `[2001:db8::1]:9999`. */
export function endpointText(address: Buffer, port: number): string {
  const text = Address.fromBytes(address).toString();
  return text.includes(':') ? `[${text}]:${port}` : `${text}:${port}`;
}
