import { inspect } from 'node:util';
import ipaddr from 'ipaddr.js';
import { ZeekwayError } from '../core/errors.js';

const V4_PREFIX = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

/** How many leading bytes of an address are the IPv4-in-IPv6 prefix `::ffff:0:0/96`. */
export const V4_OFFSET = V4_PREFIX.length;
/** The bits of that prefix: what separates Zeek's /8 from the wire's /104. */
export const V4_BITS = 8 * V4_OFFSET;

/** Bytewise order, as `memcmp` has it. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

const DOTTED = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;

/** The four bytes of `10.0.0.1`, `undefined` for any other text. */
function dottedBytes(text: string): Uint8Array | undefined {
  const parts = DOTTED.exec(text)?.slice(1).map(Number);
  return parts?.every((part) => part <= 255) ? Uint8Array.from(parts) : undefined;
}

/**
 * The 16 bytes of an IPv6 text. A dotted end, as `::ffff:1.2.3.4` has, is made two groups first: ipaddr.js takes
 * `::1.2.3.4` for `::ffff:1.2.3.4`, and numbers with zeros before them.
 */
function ipv6Bytes(text: string): Uint8Array | undefined {
  if (!text.includes(':') || text.includes('%')) return undefined;
  const start = text.lastIndexOf(':') + 1;
  const dotted = text.slice(start);
  let groups = text;
  if (dotted.includes('.')) {
    const bytes = dottedBytes(dotted);
    if (bytes === undefined) return undefined;
    const hex = Buffer.from(bytes).toString('hex');
    groups = `${text.slice(0, start)}${hex.slice(0, 4)}:${hex.slice(4)}`;
  }
  return ipaddr.IPv6.isValid(groups) ? Uint8Array.from(ipaddr.IPv6.parse(groups).toByteArray()) : undefined;
}

/** An IP address: 16 bytes, IPv4 as `::ffff:a.b.c.d`, which Zeek and Broker take for the same thing. */
export class Address {
  private constructor(
    /** The 16 bytes in network order. */
    readonly bytes: Uint8Array,
  ) {}

  /** From 4 or 16 bytes in network order (copied). Throws `text_invalid` for any other length. */
  static fromBytes(bytes: Uint8Array, start = 0, end = bytes.length): Address {
    const size = end - start;
    if (size !== 4 && size !== 16) {
      throw new ZeekwayError('text_invalid', `an address has 4 or 16 bytes, not ${size}`);
    }
    const copy = new Uint8Array(16);
    if (size === 4) copy.fill(0xff, 10, V4_OFFSET);
    // A loop: for so few bytes, `set` and a view to set from cost more.
    for (let at = 16 - size; at < 16; at++) copy[at] = bytes[end - 16 + at] as number;
    return new Address(copy);
  }

  /** From text: `10.0.0.1`, `2001:db8::1`, and `[2001:db8::1]` as in Zeek scripts. Throws `text_invalid`. */
  static parse(text: string): Address {
    const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
    const bytes = dottedBytes(bare) ?? ipv6Bytes(bare);
    if (bytes === undefined) {
      throw new ZeekwayError('text_invalid', `"${text}" is not an IP address (like 10.0.0.1 or 2001:db8::1)`);
    }
    return Address.fromBytes(bytes);
  }

  /** True for IPv4, also where it came as `::ffff:a.b.c.d`. */
  get isV4(): boolean {
    const { bytes } = this;
    for (let at = 0; at < V4_OFFSET; at++) if (bytes[at] !== V4_PREFIX[at]) return false;
    return true;
  }

  get family(): 4 | 6 {
    return this.isV4 ? 4 : 6;
  }

  /** The shortest network-order bytes: 4 for IPv4, 16 for IPv6. */
  get familyBytes(): Uint8Array {
    return this.isV4 ? this.bytes.subarray(V4_OFFSET) : this.bytes;
  }

  /** Broker's order: bytewise over all 16 bytes. */
  compare(other: Address): number {
    return compareBytes(this.bytes, other.bytes);
  }

  equals(other: Address): boolean {
    return this.compare(other) === 0;
  }

  /** `10.0.0.1`, or IPv6 as RFC 5952 writes it. */
  toString(): string {
    return this.isV4 ? this.familyBytes.join('.') : new ipaddr.IPv6([...this.bytes]).toRFC5952String();
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

/**
 * A subnet: an address and a prefix length. Host bits are kept as they came (Zeek clears them, the wire
 * need not).
 */
export class Subnet {
  private constructor(
    readonly address: Address,
    /** The prefix length in bits over all 128, also for IPv4: 10.0.0.0/8 has 104, as on the wire. */
    readonly wireLength: number,
  ) {}

  /** @param length bits as the wire counts them, 0..128. Throws `text_invalid` outside of that. */
  static fromWire(address: Address, length: number): Subnet {
    if (!Number.isInteger(length) || length < 0 || length > 128) {
      throw new ZeekwayError('text_invalid', `a subnet's prefix length is 0 to 128, not ${length}`);
    }
    return new Subnet(address, length);
  }

  /** @param length bits as people count them: 0..32 for IPv4, 0..128 for IPv6. Throws `text_invalid`. */
  static of(address: Address, length: number): Subnet {
    const most = address.isV4 ? 32 : 128;
    if (!Number.isInteger(length) || length < 0 || length > most) {
      throw new ZeekwayError(
        'text_invalid',
        `the prefix length of ${address} is 0 to ${most}, not ${length}`,
      );
    }
    return new Subnet(address, address.isV4 ? length + V4_BITS : length);
  }

  /**
   * From `10.0.0.0/8` or `[2001:db8::]/32`; the length of an IPv4 address written as IPv6
   * (`::ffff:10.0.0.0/104`) counts all 128 bits. Throws `text_invalid`.
   */
  static parse(text: string): Subnet {
    const match = /^(.+)\/(\d{1,3})$/.exec(text);
    if (!match) throw new ZeekwayError('text_invalid', `"${text}" is not a subnet (like 10.0.0.0/8)`);
    const address = Address.parse(match[1] as string);
    const writtenAsV6 = address.isV4 && text.includes(':');
    return writtenAsV6 ? Subnet.fromWire(address, Number(match[2])) : Subnet.of(address, Number(match[2]));
  }

  /** An IPv4 subnet that is shorter than the prefix of IPv4-in-IPv6 is shown as IPv6. */
  private get showsAsV4(): boolean {
    return this.address.isV4 && this.wireLength >= V4_BITS;
  }

  /** The prefix length as people count it: 8 for 10.0.0.0/8. */
  get length(): number {
    return this.showsAsV4 ? this.wireLength - V4_BITS : this.wireLength;
  }

  contains(what: Address | Subnet): boolean {
    if (what instanceof Subnet && what.wireLength < this.wireLength) return false;
    const inner = (what instanceof Subnet ? what.address : what).bytes;
    const whole = this.wireLength >> 3;
    if (compareBytes(inner.subarray(0, whole), this.address.bytes.subarray(0, whole)) !== 0) return false;
    const rest = this.wireLength & 7;
    if (rest === 0) return true;
    const mask = (0xff << (8 - rest)) & 0xff;
    return ((inner[whole] as number) & mask) === ((this.address.bytes[whole] as number) & mask);
  }

  /** Broker's order: by address, then by length. */
  compare(other: Subnet): number {
    return this.address.compare(other.address) || this.wireLength - other.wireLength;
  }

  equals(other: Subnet): boolean {
    return this.compare(other) === 0;
  }

  toString(): string {
    const address =
      this.address.isV4 && !this.showsAsV4
        ? new ipaddr.IPv6([...this.address.bytes]).toRFC5952String()
        : this.address.toString();
    return `${address}/${this.length}`;
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
