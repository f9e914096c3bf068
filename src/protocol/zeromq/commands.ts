import { ByteReader } from '../../codec/bytes.js';
import { nameFromBytes } from '../../codec/text.js';
import type { CodecLimits } from '../../core/limits.js';

/**
 * ZMTP's commands, the frames in which the sockets themselves talk: `u8 length, name`, then what the name says
 * (rfc.zeromq.org 23 and 37; 24 for PLAIN, 26 for CURVE).
 */

/** What a socket tells about itself: `Socket-Type`, `Identity` and whatever else it likes. */
type ZmtpMetadata = ReadonlyMap<string, string>;

export type ZmtpCommand =
  /** The end of the handshake. CURVE's are encrypted, and `unreadable`. */
  | { readonly name: 'READY' | 'INITIATE'; readonly metadata: ZmtpMetadata }
  /** Of PLAIN; the password is not kept. */
  | { readonly name: 'HELLO'; readonly username: string }
  | { readonly name: 'WELCOME' }
  | { readonly name: 'ERROR'; readonly reason: string }
  /** Of ZMTP 3.1. In 3.0 they are messages. */
  | { readonly name: 'SUBSCRIBE' | 'CANCEL'; readonly topic: string }
  /** `timeToLive`: tenths of a second. */
  | { readonly name: 'PING'; readonly timeToLive: number; readonly context: Uint8Array }
  | { readonly name: 'PONG'; readonly context: Uint8Array }
  /** What CURVE encrypts: all but ERROR. `bytes`: how many follow the name. */
  | { readonly name: 'unreadable'; readonly of: string; readonly bytes: number }
  /** Of an extension: to be ignored. */
  | { readonly name: 'unknown'; readonly of: string; readonly content: Uint8Array };

/**
 * Decodes the content of a command frame.
 * @param mechanism of the greeting: it tells what may be read.
 * Throws `DecodeError`, whose offset counts from the content.
 */
export function decodeCommand(content: Uint8Array, mechanism: string, limits: CodecLimits): ZmtpCommand {
  const reader = new ByteReader(content, limits);
  const of = shortText(reader, 'a command name');
  const command = mechanism === 'CURVE' && of !== 'ERROR' ? unreadable(reader, of) : readCommand(reader, of);
  reader.expectEnd(`the ${of} command`);
  return command;
}

function unreadable(reader: ByteReader, of: string): ZmtpCommand {
  const bytes = reader.remaining;
  reader.offset = reader.end;
  return { name: 'unreadable', of, bytes };
}

function readCommand(reader: ByteReader, of: string): ZmtpCommand {
  switch (of) {
    case 'READY':
    case 'INITIATE':
      return { name: of, metadata: readMetadata(reader) };
    case 'HELLO': {
      const username = shortText(reader, 'a user name');
      shortText(reader, 'a password');
      return { name: of, username };
    }
    case 'WELCOME':
      return { name: of };
    case 'ERROR':
      return { name: of, reason: shortText(reader, 'a reason') };
    case 'SUBSCRIBE':
    case 'CANCEL':
      return { name: of, topic: nameFromBytes(rest(reader)) };
    case 'PING':
      return { name: of, timeToLive: reader.u16('a time to live'), context: rest(reader) };
    case 'PONG':
      return { name: of, context: rest(reader) };
    default:
      return { name: 'unknown', of, content: rest(reader) };
  }
}

/** Names and values, as many as there are. A name that comes twice has the last value. */
function readMetadata(reader: ByteReader): ZmtpMetadata {
  const metadata = new Map<string, string>();
  while (reader.remaining > 0) {
    const name = shortText(reader, 'a property name');
    metadata.set(name, nameFromBytes(reader.slice(reader.u32(`the length of ${name}`), name)));
  }
  return metadata;
}

const shortText = (reader: ByteReader, expected: string): string =>
  nameFromBytes(reader.slice(reader.u8(`the length of ${expected}`), expected));

const rest = (reader: ByteReader): Uint8Array => reader.slice(reader.remaining, 'the rest');
