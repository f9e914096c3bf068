import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { ZeekwayError } from '../core/errors.js';

/** Methods that change nothing. */
export const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

type Headers = FastifyRequest['headers'];

/**
 * On a loopback address the API trusts whoever can reach it. A browser can, also for a page of another site that
 * its user happens to look at. Such a page cannot read answers (there is no CORS), but its requests would be carried
 * out. So requests that change something are refused where the browser says that they come from elsewhere.
 * Throws `cross_site_refused`.
 * @param hasProof whether the request has shown a token: pages that were led here by a name of their own have none.
 */
export function refuseCrossSite(
  { method, headers }: Pick<FastifyRequest, 'method' | 'headers'>,
  hasProof: boolean,
): void {
  if (SAFE_METHODS.has(method)) return;
  refuse(`a ${method} request`, foreignPage(headers) ?? (hasProof ? undefined : foreignName(headers)));
}

/** The same for WebSockets, which browsers let any page open, and read. Throws `cross_site_refused`. */
export function refuseForeignPage(headers: Headers, hasProof: boolean): void {
  refuse('a WebSocket', foreignPage(headers) ?? (hasProof ? undefined : foreignName(headers)));
}

function refuse(what: string, where: string | undefined): void {
  if (where === undefined) return;
  throw new ZeekwayError('cross_site_refused', `${what} of a web page is refused: ${where}`);
}

/** What a browser says about a page that is not of this API; programs that are no browsers say nothing. */
function foreignPage({ origin, host = '', 'sec-fetch-site': site }: Headers): string | undefined {
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    return `it comes from elsewhere (${site})`;
  if (origin === undefined) return undefined;
  const page = urlOf(origin);
  // With the scheme of the page, whose port is left out where it is the default one.
  const here = page && urlOf(`${page.protocol}//${host}`);
  return page && page.host === here?.host ? undefined : `its origin ${origin} is not ${host}`;
}

/** Any site can point a name of its own to this address, and is of the same origin then (DNS rebinding). */
function foreignName({ origin, host = '', 'sec-fetch-site': site }: Headers): string | undefined {
  if (origin === undefined && site === undefined) return undefined;
  const own = urlOf(`http://${host}`);
  return own && isOwnName(own.hostname)
    ? undefined
    : `"${host}" is a name that anybody may have given to this address`;
}

const urlOf = (text: string): URL | undefined => (URL.canParse(text) ? new URL(text) : undefined);

/** An address, or the name that browsers themselves resolve. */
const isOwnName = (name: string): boolean => name === 'localhost' || isIP(name.replace(/^\[|\]$/g, '')) !== 0;
