/** What a page of the gateway needs beyond its own files. */
interface Wider {
  /** Hashes of styles that stand in the document. */
  readonly styles?: readonly string[];
  /** Pictures that stand in the document or in a style. */
  readonly dataImages?: boolean;
}

/**
 * The Content-Security-Policy of a page: only what is of this origin, and nothing inline. What a log has in its texts can
 * never become a program.
 */
export const contentPolicy = ({ styles = [], dataImages = false }: Wider = {}): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    ["style-src 'self'", ...styles.map((hash) => `'${hash}'`)].join(' '),
    `img-src 'self'${dataImages ? ' data:' : ''}`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
