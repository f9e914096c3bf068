/** What `zeekway decode` reads. */
export const INPUT_KINDS = ['capture', 'broker-frame', 'broker-value', 'log-batch', 'json'] as const;
export type InputKind = (typeof INPUT_KINDS)[number];

export interface DecodeFlags {
  /** Told by the bytes where left out. */
  readonly as?: InputKind;
  /** The file is hex text. */
  readonly hex: boolean;
  /** A JSON object a line, in place of text. */
  readonly json: boolean;
}
