import type { Context, Reply } from 'zeromq';
import { loadZeromq } from './zeromq.js';

/**
 * ZeroMQ's way to ask who may connect (rfc.zeromq.org 27, ZAP): the sockets of a context with CURVE ask here. Exactly
 * one client key is let in, as Zeek does it.
 */
const ENDPOINT = 'inproc://zeromq.zap.01';

/** Answers until the socket is closed. @param allowed the 32 bytes of the client's public key. */
export async function answerZap(context: Context, allowed: Uint8Array): Promise<Reply> {
  const { Reply } = await loadZeromq();
  const socket = new Reply({ context, linger: 0 });
  await socket.bind(ENDPOINT);
  void serve(socket, allowed);
  return socket;
}

async function serve(socket: Reply, allowed: Uint8Array): Promise<void> {
  for await (const parts of socket) await socket.send(zapReply(parts, allowed));
}

/**
 * The reply to a request: version, request ID, domain, address, identity, mechanism, and the key of a client with
 * CURVE.
 */
export function zapReply(request: readonly Uint8Array[], allowed: Uint8Array): (string | Uint8Array)[] {
  const [version, id, , , , mechanism, key] = request;
  const isKnown =
    Buffer.from(version ?? []).toString() === '1.0' &&
    Buffer.from(mechanism ?? []).toString() === 'CURVE' &&
    key !== undefined &&
    Buffer.from(allowed).equals(key);
  const [status, text] = isKnown ? ['200', 'OK'] : ['400', 'No access'];
  return ['1.0', id ?? '', status, text, '', ''];
}

/** The bytes of a key in Z85 (rfc.zeromq.org 32), which `curveKeys` has checked. */
export function z85Bytes(text: string): Buffer {
  const bytes = Buffer.alloc((text.length / 5) * 4);
  for (let at = 0; at * 5 < text.length; at++) {
    const digits = [...text.slice(at * 5, at * 5 + 5)].map((digit) => ALPHABET.indexOf(digit));
    bytes.writeUInt32BE(digits.reduce((sum, digit) => sum * 85 + digit, 0) % 2 ** 32, at * 4);
  }
  return bytes;
}

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';
