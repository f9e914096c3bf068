import { Parser } from 'binary-parser/dist/binary_parser.js';
import { SmartBuffer } from 'smart-buffer';
import { ByteReader, ByteWriter, DecodeError } from '../../codec/bytes.js';
import { nameFromBytes, nameToBytes } from '../../codec/text.js';
import { type CodecLimits, DEFAULT_CODEC_LIMITS } from '../../core/limits.js';
import { type EndpointId, endpointIdFromBytes, endpointIdToBytes } from './endpoint-id.js';
import { type Filter, readFilter, writeFilter } from './filter.js';

/**
 * The messages of the handshake (phases 1 and 2): one tag byte, then fields, big-endian
 * (libbroker/broker/internal/wire_format.cc).
 */

/** "ZEEK" in ASCII. */
export const MAGIC = 0x5a45454b;
/** The one version of the native protocol that exists, from Broker 2.3 (Zeek 5.0) on. */
export const PROTOCOL_VERSION = 1;

export const HANDSHAKE_TAG = {
  hello: 6,
  probe: 7,
  version_select: 8,
  drop_conn: 9,
  originator_syn: 10,
  responder_syn_ack: 11,
  originator_ack: 12,
} as const;

export type HandshakeMessage =
  | {
      readonly type: 'hello';
      readonly sender: EndpointId;
      readonly minVersion: number;
      readonly maxVersion: number;
    }
  | { readonly type: 'probe' }
  | { readonly type: 'version_select'; readonly sender: EndpointId; readonly version: number }
  | {
      readonly type: 'drop_conn';
      readonly sender: EndpointId;
      readonly code: number;
      readonly description: string;
    }
  | { readonly type: 'originator_syn'; readonly filter: Filter }
  | { readonly type: 'responder_syn_ack'; readonly filter: Filter }
  | { readonly type: 'originator_ack' };

/** The codes of drop_conn that a handshake can bring (`broker::ec`, libbroker/broker/error.hh). */
export const DROP_CODE = {
  peer_incompatible: 2,
  invalid_message: 20,
  shutting_down: 28,
  wrong_magic_number: 38,
  redundant_connection: 39,
  logic_error: 40,
} as const;

/** The name of a drop_conn code, or the number where it has none here. */
export function dropCodeName(code: number): string {
  return Object.entries(DROP_CODE).find(([, value]) => value === code)?.[0] ?? `broker error ${code}`;
}

const message = (): InstanceType<typeof Parser> => new Parser().endianess('big').uint8('tag').uint32('magic');

/** The fixed parts; drop_conn is followed by a varbyte string, which no declarative parser knows. */
const LAYOUT = {
  hello: {
    parser: message().buffer('sender', { length: 16 }).uint8('minVersion').uint8('maxVersion'),
    bytes: 23,
  },
  probe: { parser: message(), bytes: 5 },
  version_select: { parser: message().buffer('sender', { length: 16 }).uint8('version'), bytes: 22 },
  drop_conn: { parser: message().buffer('sender', { length: 16 }).uint8('code'), bytes: 22 },
};

type FixedType = keyof typeof LAYOUT;

interface Fixed {
  readonly magic: number;
  readonly sender: Buffer;
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly version: number;
  readonly code: number;
}

/** A frame that is no handshake message because its magic number is another. */
export class WrongMagicError extends DecodeError {}

function readFixed(reader: ByteReader, type: FixedType): Fixed {
  const { parser, bytes } = LAYOUT[type];
  const at = reader.offset;
  const fixed = parser.parse(reader.slice(bytes, `a ${type}`)) as unknown as Fixed;
  if (fixed.magic !== MAGIC) {
    throw new WrongMagicError(
      'decode_invalid',
      at + 1,
      'the magic number "ZEEK"',
      `0x${fixed.magic.toString(16).padStart(8, '0')}`,
    );
  }
  return fixed;
}

/**
 * Decodes one frame of the handshake. Throws `DecodeError` (`WrongMagicError` where only the magic number is
 * wrong).
 */
export function decodeHandshake(
  frame: Uint8Array,
  limits: CodecLimits = DEFAULT_CODEC_LIMITS,
): HandshakeMessage {
  const reader = new ByteReader(frame, limits);
  const result = readHandshake(reader);
  reader.expectEnd(`the ${result.type}`);
  return result;
}

function readHandshake(reader: ByteReader): HandshakeMessage {
  const tag = reader.u8('a handshake tag');
  reader.offset = 0;
  switch (tag) {
    case HANDSHAKE_TAG.hello: {
      const { sender, minVersion, maxVersion } = readFixed(reader, 'hello');
      return { type: 'hello', sender: endpointIdFromBytes(sender), minVersion, maxVersion };
    }
    case HANDSHAKE_TAG.probe:
      readFixed(reader, 'probe');
      return { type: 'probe' };
    case HANDSHAKE_TAG.version_select: {
      const { sender, version } = readFixed(reader, 'version_select');
      return { type: 'version_select', sender: endpointIdFromBytes(sender), version };
    }
    case HANDSHAKE_TAG.drop_conn: {
      const { sender, code } = readFixed(reader, 'drop_conn');
      const description = nameFromBytes(reader.varbyteString('a description'));
      return { type: 'drop_conn', sender: endpointIdFromBytes(sender), code, description };
    }
    case HANDSHAKE_TAG.originator_syn:
      reader.offset = 1;
      return { type: 'originator_syn', filter: readFilter(reader) };
    case HANDSHAKE_TAG.responder_syn_ack:
      reader.offset = 1;
      return { type: 'responder_syn_ack', filter: readFilter(reader) };
    case HANDSHAKE_TAG.originator_ack:
      reader.offset = 1;
      return { type: 'originator_ack' };
    default:
      return reader.fail('decode_invalid', 0, 'a handshake tag of 6 to 12', String(tag));
  }
}

/** Encodes the content of one frame (without the length prefix). */
export function encodeHandshake(message: HandshakeMessage): Buffer {
  const out = new SmartBuffer().writeUInt8(HANDSHAKE_TAG[message.type]);
  switch (message.type) {
    case 'hello':
      out.writeUInt32BE(MAGIC).writeBuffer(endpointIdToBytes(message.sender));
      out.writeUInt8(message.minVersion).writeUInt8(message.maxVersion);
      break;
    case 'probe':
      out.writeUInt32BE(MAGIC);
      break;
    case 'version_select':
      out.writeUInt32BE(MAGIC).writeBuffer(endpointIdToBytes(message.sender)).writeUInt8(message.version);
      break;
    case 'drop_conn':
      out.writeUInt32BE(MAGIC).writeBuffer(endpointIdToBytes(message.sender)).writeUInt8(message.code);
      out.writeBuffer(new ByteWriter().varbyteString(nameToBytes(message.description)).finish());
      break;
    case 'originator_syn':
    case 'responder_syn_ack':
      out.writeBuffer(encodeFilter(message.filter));
      break;
    case 'originator_ack':
      break;
  }
  return out.toBuffer();
}

/** The content of a filter message and of a routing_update. */
export function encodeFilter(filter: Filter): Buffer {
  const writer = new ByteWriter();
  writeFilter(writer, filter);
  return writer.finish();
}
