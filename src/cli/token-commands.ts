import { ANONYMOUS, parseScope } from '../core/access.js';
import { ZeekwayError } from '../core/errors.js';
import { TOKEN_EXPIRES_MAX_MS } from '../core/limits.js';
import { createToken, listTokens, revokeToken, type StoredToken } from '../storage/tokens.js';
import type { StoreConfig } from './config/config.js';
import { formatDuration, parseDuration } from './config/units.js';
import { printJson, type Terminal } from './logger.js';
import { withStore } from './store.js';
import { shown, tableOf } from './table.js';

export interface CreateOptions extends StoreConfig {
  readonly name: string;
  readonly scope: readonly string[];
  readonly expires?: string;
}

export interface ListOptions extends StoreConfig {
  readonly json: boolean;
}

/** The commands of `zeekway token`. Each returns the exit code. */

const mistake = (message: string): ZeekwayError => new ZeekwayError('config_invalid', message);

/** Throws `config_invalid`. */
function checkedName(name: string): string {
  if (/^[^\p{Cc}]+$/u.test(name) && name.isWellFormed() && name !== ANONYMOUS) return name;
  throw mistake(`--name: expected a name other than "${ANONYMOUS}", found ${JSON.stringify(name)}`);
}

/** Throws `config_invalid`. */
function expiryOf(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text) ?? 0;
  if (ms > 0 && ms <= TOKEN_EXPIRES_MAX_MS) return new Date(Date.now() + ms);
  const longest = formatDuration(TOKEN_EXPIRES_MAX_MS);
  throw mistake(
    `--expires: expected a time of at most ${longest}, like 12h or 30d, found ${JSON.stringify(text)}`,
  );
}

/** `zeekway token create`: the token, and nothing else, is on standard output. */
export async function createCommand(options: CreateOptions, terminal: Terminal): Promise<number> {
  const name = checkedName(options.name);
  const scopes = [...new Set(options.scope.map(parseScope))];
  const expires = expiryOf(options.expires);
  return withStore(options, terminal, async (db) => {
    const { token, id } = await createToken(db.pool, { name, scopes, expires });
    terminal.out(token);
    const until = expires === undefined ? 'never' : `on ${expires.toISOString()}`;
    terminal.err(`token ${id} "${name}": ${shown(scopes.join(', '))}; it expires ${until}`);
    terminal.err('It is not stored and cannot be shown again.');
    return 0;
  });
}

/** `zeekway token list`. */
export async function listCommand(options: ListOptions, terminal: Terminal): Promise<number> {
  const tokens = await withStore(options, terminal, (db) => listTokens(db.pool));
  if (options.json) printJson(terminal, { tokens });
  else if (tokens.length === 0) terminal.err('there are no tokens');
  else terminal.out(tokensTable(tokens));
  return 0;
}

const timeText = (time: Date | null, none: string): string => time?.toISOString() ?? none;

function stateOf({ revoked, expires }: StoredToken): string {
  if (revoked) return `revoked ${revoked.toISOString()}`;
  return expires && expires.getTime() <= Date.now() ? 'expired' : 'valid';
}

const tokensTable = (tokens: readonly StoredToken[]): string =>
  tableOf(
    ['id', 'name', 'scopes', 'created', 'expires', 'last used', 'state'],
    tokens.map((token) => [
      String(token.id),
      token.name,
      token.scopes.join(', '),
      timeText(token.created, ''),
      timeText(token.expires, 'never'),
      timeText(token.lastUsed, 'never'),
      stateOf(token),
    ]),
    [0],
  );

/** `zeekway token revoke`. Throws `not_found`. */
export async function revokeCommand(
  nameOrId: string,
  options: StoreConfig,
  terminal: Terminal,
): Promise<number> {
  const revoked = await withStore(options, terminal, (db) => revokeToken(db.pool, nameOrId));
  if (!revoked) throw new ZeekwayError('not_found', `there is no valid token ${JSON.stringify(nameOrId)}`);
  terminal.err(`revoked token ${revoked.id} "${shown(revoked.name)}"`);
  return 0;
}
