/** How the bytes of a payload are to be read, by Zeek's own names (the third part of a message of its ZeroMQ backend). */
export const PAYLOAD_FORMATS = ['broker-bin-v1', 'broker-json-v1', 'zeek-bin-serializer'] as const;
export type PayloadFormat = (typeof PAYLOAD_FORMATS)[number];
