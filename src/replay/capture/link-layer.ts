/** Finds the IP packet in a captured frame. Numbers: https://www.tcpdump.org/linktypes.html */

/** A view of the IP packet, `undefined` where the frame carries none. */
type LinkLayer = (frame: Buffer) => Buffer | undefined;

const ETHERTYPE = { ipv4: 0x0800, ipv6: 0x86dd } as const;
/** 802.1Q, 802.1ad and the two numbers used for stacking before it. */
const VLAN_ETHERTYPES: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100, 0x9200]);

/** Goes from an ethertype at `at` over VLAN tags to the payload. */
function byEthertype(frame: Buffer, at: number, payloadAt = at + 2): Buffer | undefined {
  let typeAt = at;
  let dataAt = payloadAt;
  while (dataAt <= frame.length && typeAt + 2 <= frame.length) {
    const type = frame.readUInt16BE(typeAt);
    if (type === ETHERTYPE.ipv4 || type === ETHERTYPE.ipv6) return frame.subarray(dataAt);
    if (!VLAN_ETHERTYPES.has(type)) return undefined;
    typeAt = dataAt + 2;
    dataAt = typeAt + 2;
  }
  return undefined;
}

/** Address families of IPv4, and of IPv6 on Linux, NetBSD/OpenBSD, FreeBSD and macOS. */
const ADDRESS_FAMILIES: ReadonlySet<number> = new Set([2, 10, 24, 28, 30]);

/** A 4-byte address family in the byte order of the machine that captured, or in network order (LOOP). */
const loopback: LinkLayer = (frame) => {
  if (frame.length < 4) return undefined;
  const known = ADDRESS_FAMILIES.has(frame.readUInt32LE()) || ADDRESS_FAMILIES.has(frame.readUInt32BE());
  return known ? frame.subarray(4) : undefined;
};

const raw: LinkLayer = (frame) => frame;

export const LINK_LAYERS: ReadonlyMap<number, LinkLayer> = new Map<number, LinkLayer>([
  [0, loopback], // NULL
  [108, loopback], // LOOP
  [1, (frame) => byEthertype(frame, 12)], // Ethernet
  [12, raw], // RAW, as some systems number it
  [14, raw],
  [101, raw], // RAW
  [228, raw], // IPV4
  [229, raw], // IPV6
  [113, (frame) => byEthertype(frame, 14)], // Linux cooked v1
  [276, (frame) => byEthertype(frame, 0, 20)], // Linux cooked v2
]);
