import type { ErrorCode } from '../../core/errors.js';

/** TLS record types that can open a connection: alert, handshake; then the major version 3. */
const TLS_ALERT = 0x15;
const TLS_HANDSHAKE = 0x16;

/**
 * Tells what is on the other side by the first bytes it sent, when they are no Broker frame.
 * @returns `undefined` where they could be Broker after all.
 */
export function describeFirstBytes(bytes: Uint8Array): { code: ErrorCode; message: string } | undefined {
  const [first, second] = bytes;
  if (second === 3 && (first === TLS_ALERT || first === TLS_HANDSHAKE)) {
    const what = first === TLS_ALERT ? 'answers with a TLS alert' : 'begins with TLS';
    return { code: 'peer_tls_mismatch', message: `the peer ${what}, but this connection is plain (tls=off)` };
  }
  // A handshake frame is short: its length begins with two zero bytes, then comes a tag of 6 to 12.
  const looksLikeBroker =
    first === 0 && (bytes.length < 5 || ((bytes[4] as number) >= 6 && (bytes[4] as number) <= 12));
  if (bytes.length === 0 || looksLikeBroker) return undefined;
  const text = Buffer.from(bytes).toString('latin1');
  const shown = /^[\x20-\x7e\r\n\t]*$/.test(text)
    ? JSON.stringify(text)
    : `the bytes ${Buffer.from(bytes).toString('hex')}`;
  return { code: 'peer_not_broker', message: `the peer does not speak Broker: it began with ${shown}` };
}
