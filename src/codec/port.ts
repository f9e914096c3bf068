import { inspect } from 'node:util';
import { ZeekwayError } from '../core/errors.js';

/** Transport protocols by their number on the wire, in Broker's values and in log records alike. */
export const PROTOCOLS = ['unknown', 'tcp', 'udp', 'icmp'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** A port: number and transport protocol. */
export class Port {
  private constructor(
    /** 0..65535; for ICMP the message type. */
    readonly number: number,
    readonly protocol: Protocol,
  ) {}

  /** Throws `text_invalid` where the number is not 0..65535. */
  static of(number: number, protocol: Protocol): Port {
    if (!Number.isInteger(number) || number < 0 || number > 0xffff) {
      throw new ZeekwayError('text_invalid', `a port is 0 to 65535, not ${number}`);
    }
    return new Port(number, protocol);
  }

  /** From `80/tcp`, `53/udp`, `8/icmp`, `0/unknown`, and Broker's `0/?`. Throws `text_invalid`. */
  static parse(text: string): Port {
    const match = /^(\d{1,5})\/(tcp|udp|icmp|unknown|\?)$/.exec(text);
    if (!match) throw new ZeekwayError('text_invalid', `"${text}" is not a port (like 80/tcp or 53/udp)`);
    const protocol = match[2] === '?' ? 'unknown' : (match[2] as Protocol);
    return Port.of(Number(match[1]), protocol);
  }

  /** The protocol's number on the wire. */
  get protocolNumber(): number {
    return PROTOCOLS.indexOf(this.protocol);
  }

  /** Broker's order: by number, then by protocol. */
  compare(other: Port): number {
    return this.number - other.number || this.protocolNumber - other.protocolNumber;
  }

  equals(other: Port): boolean {
    return this.compare(other) === 0;
  }

  /** As Zeek shows it: `80/tcp`. */
  toString(): string {
    return `${this.number}/${this.protocol}`;
  }

  /** As Broker's JSON writes it: an unknown protocol is `?`. */
  toBrokerString(): string {
    return `${this.number}/${this.protocol === 'unknown' ? '?' : this.protocol}`;
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
