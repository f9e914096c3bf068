import { ZeekwayError } from './errors.js';

/** Who may do what: what the HTTP API, the WebSocket door and the commands have in common. */

/** What a route needs of who asks; `open` needs no token. */
export type RouteScope = 'open' | 'read' | 'publish' | 'admin';

/** The name of who has no token. */
export const ANONYMOUS = 'anonymous';

const PUBLISH_BELOW = 'publish:';

const SCOPE_FORM = 'read, publish, publish:TOPIC_PREFIX or admin';

/** Who asks. */
export interface Caller {
  /** `zeekway.tokens.id`; absent without a token, and for the tokens of the configuration. */
  readonly token?: number;
  readonly name: string;
  /** `read`, `publish`, `publish:TOPIC_PREFIX`, `admin`. */
  readonly scopes: readonly string[];
}

/** Tells who has a token. */
export interface Gate {
  /** Whether it takes a token to come in. */
  readonly isRequired: boolean;
  /** @returns `undefined` where nobody has it (any more). Throws where the tokens are not known yet. */
  holderOf(token: string): Caller | undefined;
  /** Whether the token of a caller that came in before is still valid. */
  isValid(caller: Caller): boolean;
}

/** Without a token, where none is needed: may do all. */
export const NOBODY: Caller = { name: ANONYMOUS, scopes: ['admin'] };

/** For a server that only its own machine reaches, and that knows of no tokens. */
export const OPEN_GATE: Gate = {
  isRequired: false,
  holderOf: () => undefined,
  isValid: () => true,
};

/** Throws `scope_invalid`. @returns the scope. */
export function parseScope(text: string): string {
  const isBelow = text.startsWith(PUBLISH_BELOW) && text.length > PUBLISH_BELOW.length;
  // PostgreSQL's text takes neither.
  const isText = text.isWellFormed() && !text.includes('\0');
  if (isText && (isBelow || ['read', 'publish', 'admin'].includes(text))) return text;
  throw new ZeekwayError('scope_invalid', `expected ${SCOPE_FORM}, found ${JSON.stringify(text)}`);
}

/** Whether scopes allow what a route does: `admin` allows all, and to publish is not to read. */
export function allows(scopes: readonly string[], needed: RouteScope): boolean {
  if (needed === 'open' || scopes.includes('admin') || scopes.includes(needed)) return true;
  return needed === 'publish' && scopes.some((scope) => scope.startsWith(PUBLISH_BELOW));
}

/** Whether scopes allow to publish on a topic. */
export function allowsTopic(scopes: readonly string[], topic: string): boolean {
  return scopes.some(
    (scope) =>
      scope === 'admin' ||
      scope === 'publish' ||
      (scope.startsWith(PUBLISH_BELOW) && topic.startsWith(scope.slice(PUBLISH_BELOW.length))),
  );
}

/** The scope to publish below a prefix; an empty one is everywhere. */
export const publishBelow = (prefix: string): string => (prefix === '' ? 'publish' : PUBLISH_BELOW + prefix);

/** The token of `Authorization: Bearer`. */
export const bearerOf = (authorization: string | undefined): string | undefined =>
  /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
