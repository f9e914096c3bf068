/** A second, minimal reader and writer of ZMTP, written from rfc.zeromq.org 23; shares no code with src. */
import { readFileSync } from 'node:fs';
import { tcpStreams } from './oracle.js';
import { pcapFile } from './recordings.js';

interface ZmtpMessage {
  readonly offset: number;
  readonly parts: readonly Buffer[];
}

export interface ZmtpStream {
  /** `client>server` ports. */
  readonly source: string;
  readonly bytes: Buffer;
  readonly socketType: string;
  readonly commands: readonly string[];
  readonly messages: readonly ZmtpMessage[];
}

function readStream(source: string, bytes: Buffer): ZmtpStream {
  const commands: string[] = [];
  const messages: ZmtpMessage[] = [];
  let parts: Buffer[] = [];
  let offset = 64;
  let at = 64;
  while (at < bytes.length) {
    const flags = bytes[at] ?? 0;
    const isLong = (flags & 2) !== 0;
    const length = isLong ? Number(bytes.readBigUInt64BE(at + 1)) : (bytes[at + 1] ?? 0);
    const start = at + (isLong ? 9 : 2);
    const content = bytes.subarray(start, start + length);
    if (content.length !== length) throw new Error(`${source} ends inside of the frame at ${at}`);
    if (parts.length === 0) offset = at;
    at = start + length;
    if ((flags & 4) !== 0) commands.push(content.toString('latin1'));
    else parts.push(content);
    if ((flags & 5) === 0) {
      messages.push({ offset, parts });
      parts = [];
    }
  }
  const socketType = /Socket-Type....([A-Z]+)/s.exec(commands[0] ?? '')?.[1] ?? '';
  return { source, bytes, socketType, commands, messages };
}

/** Both directions of each connection of pcaps/zeromq.pcap that was not refused. */
export const zmtpStreams = (): ZmtpStream[] =>
  [...tcpStreams(readFileSync(pcapFile('zeromq')))]
    .filter(([, bytes]) => bytes.length > 0)
    .map(([source, bytes]) => readStream(source, bytes));

export function zmtpGreeting(mechanism = 'NULL', minor = 1, major = 3): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.write('ff00000000000000017f', 'hex');
  bytes.set([major, minor], 10);
  bytes.write(mechanism, 12, 'latin1');
  return bytes;
}

function zmtpFrame(content: Uint8Array, flags: number): Buffer {
  if (content.length < 256) return Buffer.concat([Buffer.of(flags, content.length), content]);
  const header = Buffer.alloc(9);
  header[0] = flags | 2;
  header.writeBigUInt64BE(BigInt(content.length), 1);
  return Buffer.concat([header, content]);
}

export const zmtpMessage = (...parts: readonly (string | Uint8Array)[]): Buffer =>
  Buffer.concat(parts.map((part, index) => zmtpFrame(Buffer.from(part), index < parts.length - 1 ? 1 : 0)));

const short = (text: string): Buffer => Buffer.concat([Buffer.of(text.length), Buffer.from(text)]);

export const zmtpCommand = (name: string, content: Uint8Array = Buffer.alloc(0)): Buffer =>
  zmtpFrame(Buffer.concat([short(name), content]), 4);

export function zmtpReady(socketType: string, name = 'READY'): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(socketType.length);
  return zmtpCommand(name, Buffer.concat([short('Socket-Type'), length, Buffer.from(socketType)]));
}
