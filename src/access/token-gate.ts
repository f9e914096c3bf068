import { timingSafeEqual } from 'node:crypto';
import type pg from 'pg';
import { type Caller, type Gate, publishBelow } from '../core/access.js';
import type { Clock } from '../core/clock.js';
import { errorLine, ZeekwayError } from '../core/errors.js';
import { TOKEN_REFRESH_MS, TOKEN_USED_MS } from '../core/limits.js';
import type { Logger } from '../core/logger.js';
import { MASK } from '../core/secrets.js';
import { tokenHash, touchTokens, type ValidToken, validTokens } from '../storage/tokens.js';

export interface TokenGateOptions {
  /** Where the tokens are stored; without it, only those of the configuration count. */
  readonly pool?: pg.Pool;
  readonly clock: Pick<Clock, 'wallNanos'>;
  readonly logger: Logger;
  /** Whether it takes a token to come in. */
  readonly isRequired: boolean;
  /** The tokens of the configuration, by the name of who has them, and below which prefixes each may publish. */
  readonly configured: {
    readonly tokens: ReadonlyMap<string, string>;
    readonly publish: ReadonlyMap<string, readonly string[]>;
  };
  /** Default: TOKEN_REFRESH_MS and TOKEN_USED_MS. */
  readonly intervals?: { readonly refreshMs: number; readonly usedMs: number };
}

interface Entry {
  readonly hash: Buffer;
  readonly caller: Caller;
  /** Milliseconds since 1970. */
  readonly expires: number | undefined;
}

/**
 * The tokens that let somebody in: those of the configuration, and a copy of the stored ones, which is read anew every
 * few seconds. To be told of changes (LISTEN) would take a connection for nothing else, which has to be watched and made
 * anew, and which pgbouncer does not pass on; the table has a few rows. While the database is away the copy stays.
 */
export class TokenGate implements Gate {
  readonly isRequired: boolean;
  private readonly configured: readonly Entry[];
  private stored: readonly Entry[] | undefined;
  /** When each token was used that the table does not know of yet. */
  private used = new Map<number, Date>();
  private usedWritten = 0;
  private problem: string | undefined;
  private timer: NodeJS.Timeout | undefined;
  private refreshing: Promise<void> = Promise.resolve();
  private isClosed = false;

  constructor(private readonly options: TokenGateOptions) {
    this.isRequired = options.isRequired;
    if (!options.pool) this.stored = [];
    const { tokens, publish } = options.configured;
    this.configured = [...tokens]
      // A configuration that was printed has masks in the place of tokens: they let nobody in.
      .filter(([, token]) => token !== MASK)
      .map(([name, token]) => {
        const scopes = ['read', ...(publish.get(name) ?? []).map(publishBelow)];
        return { hash: tokenHash(token), caller: { name, scopes }, expires: undefined };
      });
  }

  /** Reads the tokens for the first time, if the database can be asked, and then again and again. */
  async start(): Promise<void> {
    await this.refresh();
    this.schedule();
  }

  /** Whether there is any token; `undefined` where the database could not be asked yet. */
  get hasTokens(): boolean | undefined {
    if (this.configured.length > 0) return true;
    return this.stored && this.stored.length > 0;
  }

  /** Throws `database_unreachable` where the tokens could not be read yet: a good token must not seem to be a bad one. */
  holderOf(token: string): Caller | undefined {
    const found = this.find(token);
    if (found) {
      if (found.caller.token !== undefined) this.used.set(found.caller.token, new Date(this.nowMs()));
      return found.caller;
    }
    if (this.stored) return undefined;
    throw new ZeekwayError('database_unreachable', 'the tokens could not be read from the database yet');
  }

  isValid({ token }: Caller): boolean {
    // Those of the configuration are valid for as long as the process lives.
    if (token === undefined) return true;
    const entry = this.stored?.find(({ caller }) => caller.token === token);
    return entry !== undefined && this.isCurrent(entry);
  }

  /** Stops reading, and writes when tokens were last used. */
  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    await this.refreshing;
    await this.attempt(() => this.writeUsed());
  }

  /** All hashes are compared, each in the same time: how long it takes says nothing of the tokens. */
  private find(token: string): Entry | undefined {
    const hash = tokenHash(token);
    const entries = [...this.configured, ...(this.stored ?? [])];
    return entries
      .filter((entry) => timingSafeEqual(entry.hash, hash))
      .find((entry) => this.isCurrent(entry));
  }

  private isCurrent({ expires }: Entry): boolean {
    return expires === undefined || this.nowMs() < expires;
  }

  private schedule(): void {
    if (this.isClosed || !this.options.pool) return;
    const ms = this.options.intervals?.refreshMs ?? TOKEN_REFRESH_MS;
    this.timer = setTimeout(() => {
      this.refreshing = this.refresh().finally(() => this.schedule());
    }, ms).unref();
  }

  private async refresh(): Promise<void> {
    const { pool } = this.options;
    if (!pool) return;
    await this.attempt(async () => {
      this.stored = (await validTokens(pool)).map(entryOf);
      const interval = this.options.intervals?.usedMs ?? TOKEN_USED_MS;
      if (this.nowMs() - this.usedWritten >= interval) await this.writeUsed();
    });
  }

  private async writeUsed(): Promise<void> {
    const { used, options } = this;
    if (used.size === 0 || !options.pool) return;
    this.used = new Map();
    try {
      await touchTokens(options.pool, used);
      this.usedWritten = this.nowMs();
    } catch (error) {
      // For the next time, behind what was used meanwhile.
      this.used = new Map([...used, ...this.used]);
      throw error;
    }
  }

  /** Tells once that the database cannot be asked, and once that it can again. */
  private async attempt(work: () => Promise<void>): Promise<void> {
    const { logger } = this.options;
    try {
      await work();
      if (this.problem !== undefined) logger.info({}, 'the tokens can be read again');
      this.problem = undefined;
    } catch (error) {
      const problem = errorLine(error);
      if (this.problem === undefined) logger.warn({}, `the tokens stay as they were last read: ${problem}`);
      this.problem = problem;
    }
  }

  private nowMs(): number {
    return Number(this.options.clock.wallNanos() / 1_000_000n);
  }
}

function entryOf({ id, name, hash, scopes, expires }: ValidToken): Entry {
  return { hash, caller: { token: id, name, scopes }, expires: expires?.getTime() };
}
