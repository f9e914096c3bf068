/**
 * A second, minimal reader of everything that is on the wire, written from the description of the protocol
 * and sharing no code with src: captures, TCP, frames, handshake, envelopes, values and log records. Slow and
 * strict; it exists so that the codec is compared with something else than itself.
 *
 * Each read is kept as a field with a comment, which is what the golden files are made of.
 */

import { inspect } from 'node:util';

/** What the oracle makes of a value: JSON, 64-bit numbers as text, bytes as hex. */
export type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain };

export interface Field {
  readonly hex: string;
  readonly comment: string;
}

export class Oracle {
  readonly fields: Field[] = [];
  /** The bytes of every Broker value that was read, inner ones first. */
  readonly values: { readonly type: string; readonly bytes: Buffer }[] = [];
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  static of(bytes: Uint8Array): Oracle {
    return new Oracle(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  }

  get offset(): number {
    return this.at;
  }

  get rest(): number {
    return this.bytes.length - this.at;
  }

  take(size: number, comment: (bytes: Buffer) => string): Buffer {
    if (size > this.rest) throw new Error(`oracle: ${size} bytes wanted at ${this.at}, ${this.rest} left`);
    const part = this.bytes.subarray(this.at, this.at + size);
    this.at += size;
    if (size > 0) this.fields.push({ hex: part.toString('hex'), comment: comment(part) });
    return part;
  }

  keepValue(type: string, start: number): void {
    this.values.push({ type, bytes: this.bytes.subarray(start, this.at) });
  }

  end(): void {
    if (this.rest !== 0) throw new Error(`oracle: ${this.rest} bytes left over at ${this.at}`);
  }

  number(size: 1 | 2 | 4, name: string): number {
    return this.take(size, (bytes) => `${name} ${bytes.readUIntBE(0, size)}`).readUIntBE(0, size);
  }

  int32(name: string): number {
    return this.take(4, (bytes) => `${name} ${bytes.readInt32BE()}`).readInt32BE();
  }

  uint64(name: string): string {
    return String(this.take(8, (bytes) => `${name} ${bytes.readBigUInt64BE()}`).readBigUInt64BE());
  }

  int64(name: string): string {
    return String(this.take(8, (bytes) => `${name} ${bytes.readBigInt64BE()}`).readBigInt64BE());
  }

  /** A double by its bits: text is not exact for NaN and -0. */
  double(name: string): string {
    return this.take(8, (bytes) => `${name} ${inspect(bytes.readDoubleBE())}`).toString('hex');
  }

  hex(size: number, name: string): string {
    return this.take(size, (bytes) => `${name} ${printable(bytes)}`).toString('hex');
  }

  varbyte(name: string): number {
    let size = 1;
    while (((this.bytes[this.at + size - 1] ?? 0) & 0x80) !== 0) size += 1;
    const value = (bytes: Buffer): number =>
      bytes.reduce((sum, byte, index) => sum + (byte & 0x7f) * 128 ** index, 0);
    return value(this.take(size, (bytes) => `${name} ${value(bytes)}`));
  }

  string(name: string): string {
    return this.hex(this.varbyte(`length of ${name}`), name);
  }

  filter(): string[] {
    return Array.from({ length: this.varbyte('number of topics') }, () => this.string('topic'));
  }
}

function printable(bytes: Buffer): string {
  const text = bytes.toString('latin1');
  return /^[\x20-\x7e]+$/.test(text) ? `"${text.slice(0, 60)}"` : `(${bytes.length} bytes)`;
}

const HANDSHAKE = ['hello', 'probe', 'version_select', 'drop_conn', 'originator_syn', 'responder_syn_ack'];

export function oracleHandshake(read: Oracle): Plain {
  const tag = read.number(1, 'tag');
  const type = HANDSHAKE[tag - 6] ?? 'originator_ack';
  const magic = (): void => {
    if (read.hex(4, 'magic') !== '5a45454b') throw new Error('oracle: magic');
  };
  const sender = (): string => read.hex(16, 'sender');
  switch (tag) {
    case 6:
      magic();
      return {
        type,
        sender: sender(),
        min: read.number(1, 'min version'),
        max: read.number(1, 'max version'),
      };
    case 7:
      magic();
      return { type };
    case 8:
      magic();
      return { type, sender: sender(), version: read.number(1, 'version') };
    case 9:
      magic();
      return { type, sender: sender(), code: read.number(1, 'code'), text: read.string('description') };
    case 10:
    case 11:
      return { type, filter: read.filter() };
    case 12:
      return { type };
    default:
      throw new Error(`oracle: handshake tag ${tag}`);
  }
}

const ENVELOPE = ['', 'data', 'command', 'routing_update', 'ping', 'pong'];

export interface OracleEnvelope {
  readonly type: string;
  readonly sender: string;
  readonly receiver: string;
  readonly ttl: number;
  readonly topic: string;
  readonly payload: string;
}

export function oracleEnvelope(read: Oracle): OracleEnvelope {
  const sender = read.hex(16, 'sender');
  const receiver = read.hex(16, 'receiver');
  const type = ENVELOPE[read.number(1, 'tag')];
  if (!type) throw new Error('oracle: envelope tag');
  const ttl = read.number(2, 'TTL');
  const topic = read.hex(read.number(2, 'topic length'), 'topic');
  return { type, sender, receiver, ttl, topic, payload: read.hex(read.rest, 'payload') };
}

const list = <T>(size: number, item: () => T): T[] => Array.from({ length: size }, item);

/** One Broker value as `{type: content}`. */
export function oracleValue(read: Oracle): Plain {
  const start = read.offset;
  const value = oracleTagged(read);
  read.keepValue(Object.keys(value)[0] ?? '', start);
  return value;
}

function oracleTagged(read: Oracle): { [type: string]: Plain } {
  const tag = read.number(1, 'value tag');
  switch (tag) {
    case 0:
      return { none: null };
    case 1:
      return { boolean: read.number(1, 'boolean') === 1 };
    case 2:
      return { count: read.uint64('count') };
    case 3:
      return { integer: read.int64('integer') };
    case 4:
      return { real: read.double('real') };
    case 5:
      return { string: read.string('string') };
    case 6:
      return { address: read.hex(16, 'address') };
    case 7:
      return { subnet: [read.hex(16, 'network'), read.number(1, 'prefix length')] };
    case 8:
      return { port: [read.number(2, 'port'), read.number(1, 'protocol')] };
    case 9:
      return { timestamp: read.int64('timestamp') };
    case 10:
      return { timespan: read.int64('timespan') };
    case 11:
      return { 'enum-value': read.string('enum label') };
    case 12:
      return { set: list(read.varbyte('set of'), () => oracleValue(read)) };
    case 13:
      return { table: list(read.varbyte('table of'), () => [oracleValue(read), oracleValue(read)]) };
    case 14:
      return { vector: list(read.varbyte('list of'), () => oracleValue(read)) };
    default:
      throw new Error(`oracle: value tag ${tag}`);
  }
}

/** One value of a log record as `[type tag, subtype tag, content or null]`. */
function oracleLogValue(read: Oracle): Plain {
  const type = read.int32('type');
  const subtype = read.int32('subtype');
  if (read.number(1, 'present') === 0) return [type, subtype, null];
  return [type, subtype, oracleLogContent(read, type)];
}

function oracleLogContent(read: Oracle, type: number): Plain {
  const bytes = (name: string): string => read.hex(read.number(4, `length of ${name}`), name);
  const address = (): string => read.hex(read.number(1, 'family') === 4 ? 4 : 16, 'address');
  switch (type) {
    case 1:
      return read.int64('bool') === '0' ? '0' : '1';
    case 2:
      return read.int64('int');
    case 3:
      return read.uint64('count');
    case 4:
    case 5:
    case 6:
      return read.double(['double', 'time', 'interval'][type - 4] ?? '');
    case 7:
    case 17:
    case 18:
      return bytes('string');
    case 9:
      return bytes('enum');
    case 10:
      return [read.uint64('port'), read.int32('protocol')];
    case 11:
      return address();
    case 12:
      return [read.number(1, 'prefix length'), address()];
    case 14:
    case 19:
      return list(Number(read.int64(type === 14 ? 'set of' : 'vector of')), () => oracleLogValue(read));
    default:
      throw new Error(`oracle: log type ${type}`);
  }
}

export function oracleRecord(read: Oracle): Plain[] {
  return list(read.int32('fields'), () => oracleLogValue(read));
}

export interface OracleFrame {
  readonly kind: 'handshake' | 'envelope';
  readonly bytes: Buffer;
  /** Which recording, connection (by first packet) and frame of which side. */
  readonly source: string;
}

export interface OracleStream {
  readonly source: string;
  readonly bytes: Buffer;
  readonly frames: readonly OracleFrame[];
}

/** Each direction of each connection of a plain Broker recording (little-endian pcap, Ethernet, IPv4). */
export function oracleRecording(name: string, pcap: Buffer): OracleStream[] {
  return [...tcpStreams(pcap)].map(([source, bytes]) => {
    const where = `${name} ${source}`;
    return { source: where, bytes, frames: splitFrames(bytes, where) };
  });
}

export function tcpStreams(pcap: Buffer): Map<string, Buffer> {
  const streams = new Map<string, { next: number; parts: Buffer[] }>();
  for (let at = 24; at < pcap.length; ) {
    const size = pcap.readUInt32LE(at + 8);
    const ip = pcap.subarray(at + 16 + 14, at + 16 + size);
    at += 16 + size;
    const tcp = ip.subarray(((ip[0] ?? 0) & 15) * 4, ip.readUInt16BE(2));
    const data = tcp.subarray(((tcp[12] ?? 0) >> 4) * 4);
    const key = `${tcp.readUInt16BE(0)}>${tcp.readUInt16BE(2)}`;
    const sequence = tcp.readUInt32BE(4);
    const isSyn = ((tcp[13] ?? 0) & 2) !== 0;
    const stream = streams.get(key) ?? { next: sequence + (isSyn ? 1 : 0), parts: [] };
    streams.set(key, stream);
    if (data.length === 0) continue;
    const behind = stream.next - sequence;
    if (behind < 0 || behind > data.length) throw new Error(`oracle: a gap in ${key}`);
    stream.parts.push(data.subarray(behind));
    stream.next = sequence + data.length;
  }
  return new Map([...streams].map(([key, { parts }]) => [key, Buffer.concat(parts)]));
}

/** A direction is in phase 3 after its originator_ack or responder_syn_ack. */
function splitFrames(bytes: Buffer, source: string): OracleFrame[] {
  const frames: OracleFrame[] = [];
  let kind: OracleFrame['kind'] = 'handshake';
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const frame = bytes.subarray(at + 4, at + 4 + length);
    if (frame.length !== length || length === 0) throw new Error(`oracle: frame at ${at} of ${source}`);
    frames.push({ kind, bytes: frame, source: `${source} frame ${frames.length}` });
    if (kind === 'handshake' && (frame[0] === 11 || frame[0] === 12)) kind = 'envelope';
    at += 4 + length;
  }
  return frames;
}
