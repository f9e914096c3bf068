import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ZeekwayError } from '../core/errors.js';
import { MASK } from '../core/secrets.js';
import { RESERVED_TOPIC } from '../protocol/broker/filter.js';

/** The name of clients without a token. */
export const ANONYMOUS = 'anonymous';

/** Who may come in, and publish where. */
export interface AccessOptions {
  /** The tokens by the name of who has it; anybody may come in where there are none. */
  readonly tokens: ReadonlyMap<string, string>;
  /** The topic prefixes below which each may publish, by name. */
  readonly publish: ReadonlyMap<string, readonly string[]>;
}

type Request = Pick<IncomingMessage, 'headers' | 'url'>;

/** Tells who a client is by its token, and what it may publish. */
export class Access {
  private readonly hashes: readonly (readonly [name: string, hash: Buffer])[];

  constructor(private readonly options: AccessOptions) {
    // A configuration that was printed has masks in the place of tokens: they let nobody in.
    const tokens = [...options.tokens].filter(([, token]) => token !== MASK);
    this.hashes = tokens.map(([name, token]) => [name, hashOf(token)]);
  }

  get hasTokens(): boolean {
    return this.options.tokens.size > 0;
  }

  /** @returns the name of who asks. Throws `unauthorized`. */
  identify(request: Request): string {
    if (!this.hasTokens) return ANONYMOUS;
    const token = tokenOf(request);
    if (token === undefined) throw new ZeekwayError('unauthorized', 'the request has no token');
    const name = this.nameOf(token);
    if (name === undefined) throw new ZeekwayError('unauthorized', 'nobody has the token of the request');
    return name;
  }

  mayPublish(name: string, topic: string): boolean {
    if (topic.startsWith(RESERVED_TOPIC)) return false;
    return this.options.publish.get(name)?.some((prefix) => topic.startsWith(prefix)) ?? false;
  }

  /** All hashes are compared, each in the same time: how long it takes says nothing of the tokens. */
  private nameOf(token: string): string | undefined {
    const hash = hashOf(token);
    const found = this.hashes.filter(([, each]) => timingSafeEqual(each, hash));
    return found[0]?.[0];
  }
}

const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest();

/** The token of `Authorization: Bearer`, or of `?token=` for clients that cannot send headers. */
function tokenOf({ headers, url = '' }: Request): string | undefined {
  const [, bearer] = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? [];
  return bearer ?? new URLSearchParams(url.split('?')[1] ?? '').get('token') ?? undefined;
}
