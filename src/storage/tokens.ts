import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { ZeekwayError } from '../core/errors.js';
import { TOKEN_BYTES } from '../core/limits.js';
import { toDatabaseError } from './database-error.js';

/** The tokens of the HTTP API, of which only hashes are stored. */

/**
 * What is stored of a token. It has 256 bits of chance, which nobody guesses however fast a hash is: the slow hashes
 * that passwords need would only slow down each request.
 */
export const tokenHash = (token: string): Buffer => createHash('sha256').update(token).digest();

export interface StoredToken {
  readonly id: number;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly created: Date;
  readonly expires: Date | null;
  readonly lastUsed: Date | null;
  readonly revoked: Date | null;
}

/** A token that lets somebody in, if it has not expired meanwhile. */
export interface ValidToken extends Pick<StoredToken, 'id' | 'name' | 'scopes' | 'expires'> {
  readonly hash: Buffer;
}

async function ask<R extends pg.QueryResultRow>(
  pool: pg.Pool,
  doing: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<R[]> {
  try {
    return (await pool.query<R>(text, [...values])).rows;
  } catch (error) {
    throw toDatabaseError(error, doing);
  }
}

const UNIQUE_VIOLATION = '23505';

/**
 * Makes a token. Throws `token_exists` where the name has one.
 * @returns it, which nobody can be told again.
 */
export async function createToken(
  pool: pg.Pool,
  token: { readonly name: string; readonly scopes: readonly string[]; readonly expires?: Date | undefined },
): Promise<{ readonly token: string; readonly id: number }> {
  const { name, scopes, expires } = token;
  const secret = `zk_${randomBytes(TOKEN_BYTES).toString('base64url')}`;
  try {
    const { rows } = await pool.query<{ id: number }>(
      'INSERT INTO zeekway.tokens (name, hash, scopes, expires) VALUES ($1, $2, $3, $4) RETURNING id',
      [name, tokenHash(secret), scopes, expires],
    );
    return { token: secret, id: rows[0]?.id ?? 0 };
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === UNIQUE_VIOLATION)
      throw new ZeekwayError('token_exists', `there is a token named ${JSON.stringify(name)}`);
    throw toDatabaseError(error, 'store a token');
  }
}

/** All tokens, also those that let nobody in any more, in the order in which they were made. */
export function listTokens(pool: pg.Pool): Promise<StoredToken[]> {
  return ask<StoredToken & pg.QueryResultRow>(
    pool,
    'list the tokens',
    `SELECT id, name, scopes, created, expires, last_used AS "lastUsed", revoked FROM zeekway.tokens ORDER BY id`,
  );
}

/** The tokens that let somebody in now. */
export function validTokens(pool: pg.Pool): Promise<ValidToken[]> {
  return ask<ValidToken & pg.QueryResultRow>(
    pool,
    'read the tokens',
    `SELECT id, name, hash, scopes, expires FROM zeekway.tokens
      WHERE revoked IS NULL AND (expires IS NULL OR expires > now()) ORDER BY id`,
  );
}

/** Revokes the token of that name or ID. @returns it, or `undefined` where no valid one has it. */
export async function revokeToken(
  pool: pg.Pool,
  nameOrId: string,
): Promise<Pick<StoredToken, 'id' | 'name'> | undefined> {
  // A name may look like an ID: the name is what people chose.
  const [row] = await ask<{ id: number; name: string }>(
    pool,
    'revoke a token',
    `UPDATE zeekway.tokens SET revoked = now() WHERE id = (
       SELECT id FROM zeekway.tokens WHERE revoked IS NULL AND (name = $1 OR id::text = $1)
        ORDER BY name = $1 DESC LIMIT 1
     ) RETURNING id, name`,
    [nameOrId],
  );
  return row;
}

/** Remembers that tokens were used at some time. */
export async function touchTokens(pool: pg.Pool, used: ReadonlyMap<number, Date>): Promise<void> {
  await ask(
    pool,
    'remember when tokens were used',
    `UPDATE zeekway.tokens AS token SET last_used = greatest(last_used, used.time)
       FROM unnest($1::int[], $2::timestamptz[]) AS used (id, time) WHERE token.id = used.id`,
    [[...used.keys()], [...used.values()]],
  );
}
