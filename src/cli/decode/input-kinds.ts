/** What `zeekway decode` reads. */
export const INPUT_KINDS = ['capture', 'broker-frame', 'broker-value', 'log-batch', 'json'] as const;
export type InputKind = (typeof INPUT_KINDS)[number];
