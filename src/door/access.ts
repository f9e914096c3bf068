import type { IncomingMessage } from 'node:http';
import {
  ANONYMOUS,
  allows,
  allowsTopic,
  bearerOf,
  type Caller,
  type Gate,
  publishBelow,
} from '../core/access.js';
import { ZeekwayError } from '../core/errors.js';
import { RESERVED_TOPIC } from '../protocol/broker/filter.js';

/** Who may come in, and publish where. */
export interface AccessOptions {
  /** Knows who has which token. */
  readonly gate: Gate;
  /** Whether it takes a token to come in, also where the gate lets anybody in. */
  readonly needsToken: boolean;
  /** The topic prefixes below which clients without a token may publish. */
  readonly anonymousPublish: readonly string[];
}

type Request = Pick<IncomingMessage, 'headers' | 'url'>;

/** Tells who a client is by its token, and what it may do. */
export class Access {
  private readonly anonymous: Caller;

  constructor(private readonly options: AccessOptions) {
    this.anonymous = { name: ANONYMOUS, scopes: ['read', ...options.anonymousPublish.map(publishBelow)] };
  }

  /** @returns who asks. Throws `unauthorized`, and what the gate throws. */
  identify(request: Request): Caller {
    const { gate, needsToken } = this.options;
    const token = tokenOf(request);
    const found = token === undefined ? undefined : gate.holderOf(token);
    if (found) return found;
    if (!needsToken && !gate.isRequired) return this.anonymous;
    throw new ZeekwayError(
      'unauthorized',
      token === undefined ? 'the request has no token' : 'nobody has the token of the request',
    );
  }

  /** Whether a client that came in before may stay. */
  isValid(caller: Caller): boolean {
    return caller === this.anonymous || this.options.gate.isValid(caller);
  }

  mayRead({ scopes }: Caller): boolean {
    return allows(scopes, 'read');
  }

  mayPublish(caller: Caller, topic: string): boolean {
    return !topic.startsWith(RESERVED_TOPIC) && this.isValid(caller) && allowsTopic(caller.scopes, topic);
  }
}

/** The token of `Authorization: Bearer`, or of `?token=` for clients that cannot send headers. */
function tokenOf({ headers, url = '' }: Request): string | undefined {
  return (
    bearerOf(headers.authorization) ?? new URLSearchParams(url.split('?')[1] ?? '').get('token') ?? undefined
  );
}
