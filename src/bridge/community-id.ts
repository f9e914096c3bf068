import { hash } from 'node:crypto';
import type { Address } from '../codec/address.js';
import { isAbsent, type LogField, type LogValue } from '../codec/log-record.js';

/**
 * Community IDs, version 1 (github.com/corelight/community-id-spec): one name of a flow for all tools. They are computed
 * for connections where Zeek did not (its policy/protocols/conn/community-id-logging.zeek), with the seed 0.
 */

/** The numbers of the protocols that Zeek's connections have. */
const PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17 };
const ICMP6 = 58;

/** ICMP types that answer each other, and so are the two sides of one flow. */
const COUNTERPARTS: ReadonlyMap<number, number> = new Map([
  [0, 8],
  [8, 0],
  [9, 10],
  [10, 9],
  [13, 14],
  [14, 13],
  [15, 16],
  [16, 15],
  [17, 18],
  [18, 17],
]);
const COUNTERPARTS6: ReadonlyMap<number, number> = new Map([
  [128, 129],
  [129, 128],
  [130, 131],
  [131, 130],
  [133, 134],
  [134, 133],
  [135, 136],
  [136, 135],
  [139, 140],
  [140, 139],
  [144, 145],
  [145, 144],
]);

/** The two ends of a flow. */
export interface Flow {
  readonly originator: Address;
  readonly originatorPort: number;
  readonly responder: Address;
  readonly responderPort: number;
  /** Zeek's label. */
  readonly protocol: string;
}

/** `undefined` for a protocol that has no ports; Zeek computes none either. */
export function communityId(flow: Flow): string | undefined {
  const { originator, responder, originatorPort, protocol } = flow;
  const isV6 = originator.family === 6 || responder.family === 6;
  const number = protocol === 'icmp' && isV6 ? ICMP6 : PROTOCOLS[protocol];
  if (number === undefined) return undefined;
  let { responderPort } = flow;
  let isOneWay = false;
  if (protocol === 'icmp') {
    // Zeek has the type and the code in the place of the ports.
    const counterpart = (isV6 ? COUNTERPARTS6 : COUNTERPARTS).get(originatorPort);
    isOneWay = counterpart === undefined;
    responderPort = counterpart ?? responderPort;
  }
  const [from, to] = [bytesOf(originator, isV6), bytesOf(responder, isV6)];
  const compared = Buffer.compare(from, to);
  const isInOrder = isOneWay || compared < 0 || (compared === 0 && originatorPort < responderPort);
  const size = from.length;
  const bytes = Buffer.alloc(2 + 2 * size + 2 + 4);
  bytes.set(isInOrder ? from : to, 2);
  bytes.set(isInOrder ? to : from, 2 + size);
  bytes[2 + 2 * size] = number;
  bytes.writeUInt16BE(isInOrder ? originatorPort : responderPort, 4 + 2 * size);
  bytes.writeUInt16BE(isInOrder ? responderPort : originatorPort, 6 + 2 * size);
  return `1:${hash('sha1', bytes, 'base64')}`;
}

const bytesOf = (address: Address, isV6: boolean): Uint8Array => (isV6 ? address.bytes : address.familyBytes);

const FIELDS = ['id.orig_h', 'id.orig_p', 'id.resp_h', 'id.resp_p', 'proto'] as const;
const TYPES = ['addr', 'port', 'addr', 'port', 'enum'] as const;

/** The field that is added. */
export const COMMUNITY_ID = 'community_id';

/** Where the ends of a connection are in the records of a log. */
export type FlowFields = readonly [number, number, number, number, number];

/** Of connections that come without an ID of Zeek's; `undefined` for all other logs. */
export function flowFields(stream: string, fields: readonly LogField[]): FlowFields | undefined {
  if (stream !== 'Conn::LOG' || fields.some(({ name }) => name === COMMUNITY_ID)) return undefined;
  const found = FIELDS.map((name, at) =>
    fields.findIndex((field) => field.name === name && field.type === TYPES[at]),
  );
  return found.includes(-1) ? undefined : (found as unknown as FlowFields);
}

/** The ID of a record's connection; `undefined` where one of its fields is not set. */
export function recordCommunityId(
  value: (field: number) => LogValue | undefined,
  [origH, origP, respH, respP, proto]: FlowFields,
): string | undefined {
  const [originator, from, responder, to, protocol] = [origH, origP, respH, respP, proto].map(value);
  if (
    originator?.type !== 'addr' ||
    isAbsent(originator) ||
    responder?.type !== 'addr' ||
    isAbsent(responder)
  ) {
    return undefined;
  }
  if (from?.type !== 'port' || isAbsent(from) || to?.type !== 'port' || isAbsent(to)) return undefined;
  if (protocol?.type !== 'enum' || isAbsent(protocol)) return undefined;
  return communityId({
    originator: originator.value,
    originatorPort: from.value.number,
    responder: responder.value,
    responderPort: to.value.number,
    protocol: protocol.value,
  });
}
