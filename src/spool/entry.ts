import { ByteReader, DecodeError } from '../codec/bytes.js';
import { PAYLOAD_FORMATS, type PayloadFormat } from '../codec/payload-format.js';
import { nameFromBytes, nameToBytes } from '../codec/text.js';
import { sharedBuffer } from '../core/buffer-pool.js';
import { DEFAULT_CODEC_LIMITS } from '../core/limits.js';

/**
 * What the spool holds, entry by entry and numbered from 0:
 *
 *     u8 kind, f64 source (the number of the entry that began it), and
 *       begin:    u32 bytes, JSON of the SpoolSource
 *       message:  i64 nanoseconds since the Unix epoch, u16 bytes, topic, u32 bytes, payload
 *       other:    u8 format, then as a message: its payload is no Broker value
 *       end:      nothing
 *
 * in network byte order. Entries are kept in groups: `u32 number of entries` in front of each group's entries.
 */

/** The connection that messages came over, as far as the spool needs it. */
export interface SpoolSource {
  /** The endpoint ID of the peer. */
  readonly peer: string;
  /** The URL that was dialled, or the host of a peer that dialled us. */
  readonly name: string;
  /** The peer's name in the Zeek cluster, where it is known from the beginning. */
  readonly node?: string;
}

export type SpoolEntry =
  | { readonly kind: 'begin'; readonly source: number; readonly origin: SpoolSource }
  | {
      readonly kind: 'message';
      readonly source: number;
      readonly received: bigint;
      readonly topic: string;
      /** A view of the group. */
      readonly payload: Uint8Array;
      readonly format: PayloadFormat;
    }
  | { readonly kind: 'end'; readonly source: number };

const KIND = { begin: 1, message: 2, end: 3, other: 4 } as const;
/** Kind and source. */
const HEAD_BYTES = 9;
const COUNT_BYTES = 4;

/** Collects entries, to be stored together. */
export class GroupBuilder {
  private length = COUNT_BYTES;
  private entries = 0;

  constructor(
    /** The number of its first entry. */
    readonly first: number,
    /** What it is written to; a larger one takes its place where that is too small. */
    private buffer: Buffer,
  ) {}

  /** The number of the next entry. */
  get end(): number {
    return this.first + this.entries;
  }

  get bytes(): number {
    return this.length;
  }

  begin(source: number, origin: SpoolSource): void {
    const json = Buffer.from(JSON.stringify({ peer: origin.peer, name: origin.name, node: origin.node }));
    const at = this.entry(KIND.begin, source, 4 + json.length);
    this.buffer.set(json, this.buffer.writeUInt32BE(json.length, at));
  }

  message(
    source: number,
    received: bigint,
    topic: string,
    payload: Uint8Array,
    format: PayloadFormat = 'broker-bin-v1',
  ): void {
    const name = nameToBytes(topic);
    const size = 8 + 2 + name.length + 4 + payload.length;
    let at: number;
    if (format === 'broker-bin-v1') at = this.entry(KIND.message, source, size);
    else {
      const begin = this.entry(KIND.other, source, 1 + size);
      at = this.buffer.writeUInt8(PAYLOAD_FORMATS.indexOf(format), begin);
    }
    at = this.buffer.writeBigInt64BE(received, at);
    at = this.buffer.writeUInt16BE(name.length, at);
    this.buffer.set(name, at);
    at = this.buffer.writeUInt32BE(payload.length, at + name.length);
    this.buffer.set(payload, at);
  }

  endSource(source: number): void {
    this.entry(KIND.end, source, 0);
  }

  /** The group; the builder takes no more entries. */
  content(): Buffer {
    this.buffer.writeUInt32BE(this.entries, 0);
    return this.buffer.subarray(0, this.length);
  }

  /** Makes room for an entry and returns where what follows its head begins. */
  private entry(kind: number, source: number, size: number): number {
    const at = this.length;
    const length = at + HEAD_BYTES + size;
    if (length > this.buffer.length) {
      const grown = sharedBuffer(Math.max(length, this.buffer.length * 2));
      grown.set(this.buffer.subarray(0, at));
      this.buffer = grown;
    }
    this.buffer.writeDoubleBE(source, this.buffer.writeUInt8(kind, at));
    this.length = length;
    this.entries += 1;
    return at + HEAD_BYTES;
  }
}

/** The entries of a group, one after the other. Throws `DecodeError` where the bytes are none. */
export function* readGroup(content: Uint8Array): Generator<SpoolEntry, void> {
  const reader = new ByteReader(content, DEFAULT_CODEC_LIMITS);
  const entries = reader.u32('the number of entries');
  for (let index = 0; index < entries; index++) yield readEntry(reader);
  reader.expectEnd('the group');
}

function readEntry(reader: ByteReader): SpoolEntry {
  const at = reader.offset;
  const kind = reader.u8('the kind of an entry');
  const source = reader.f64('a source');
  switch (kind) {
    case KIND.begin:
      return { kind: 'begin', source, origin: readOrigin(reader) };
    case KIND.message:
    case KIND.other: {
      const format = kind === KIND.message ? 'broker-bin-v1' : readFormat(reader);
      const received = reader.i64('a time');
      const topic = nameFromBytes(reader.slice(reader.u16('the length of a topic'), 'a topic'));
      const payload = reader.slice(reader.u32('the length of a payload'), 'a payload');
      return { kind: 'message', source, received, topic, payload, format };
    }
    case KIND.end:
      return { kind: 'end', source };
    default:
      return reader.fail('decode_invalid', at, 'the kind of an entry as 1 to 4', String(kind));
  }
}

function readFormat(reader: ByteReader): PayloadFormat {
  const at = reader.offset;
  const format = reader.u8('a format');
  return (
    PAYLOAD_FORMATS[format] ?? reader.fail('decode_invalid', at, 'the number of a format', String(format))
  );
}

function readOrigin(reader: ByteReader): SpoolSource {
  const size = reader.u32('the length of a source');
  const at = reader.offset;
  const text = Buffer.from(reader.slice(size, 'a source')).toString('utf8');
  const { peer, name, node } = parseObject(text) ?? {};
  if (typeof peer !== 'string' || typeof name !== 'string')
    throw new DecodeError('decode_invalid', at, 'a peer and its name', text);
  return typeof node === 'string' ? { peer, name, node } : { peer, name };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    // Not JSON: the caller says what was expected.
    return undefined;
  }
}
