import type { RandomBytes } from '../../core/clock.js';
import { ZeekwayError } from '../../core/errors.js';

/**
 * An endpoint ID as text: a lower-case RFC 4122 UUID. The order of two such texts is the bytewise order of
 * the 16 bytes, which decides who is the originator.
 */
export type EndpointId = string;

const ENDPOINT_ID_BYTES = 16;

/** The receiver of an envelope that is for everybody. */
export const EVERYBODY: EndpointId = '00000000-0000-0000-0000-000000000000';

export function endpointIdFromBytes(bytes: Uint8Array): EndpointId {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

export function endpointIdToBytes(id: EndpointId): Buffer {
  return Buffer.from(id.replaceAll('-', ''), 'hex');
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/**
 * Reads an endpoint ID from text. Throws `endpoint_id_invalid` unless it is a UUID with version and variant
 * bits: with any other 16 bytes data flows, but Zeek never raises `Broker::peer_added`.
 */
export function parseEndpointId(text: string): EndpointId {
  const id = text.trim().toLowerCase();
  if (!UUID.test(id)) throw new ZeekwayError('endpoint_id_invalid', `"${text.trim()}" is not a UUID`);
  return id;
}

/** A new random endpoint ID (UUID version 4). */
export function newEndpointId(random: RandomBytes): EndpointId {
  const bytes = Uint8Array.from(random(ENDPOINT_ID_BYTES));
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return endpointIdFromBytes(bytes);
}
