import { ZeekwayError } from '../core/errors.js';
import { maskSecrets } from '../core/secrets.js';

/** Reads `postgres://user:password@host:5432/database`. Throws `config_invalid`, without the password. */
export function parseDatabaseUrl(text: string): URL {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed && /^postgres(ql)?:$/.test(parsed.protocol)) return parsed;
  // What is no URL at all may be a password that went into the wrong variable.
  const found = parsed ? `found "${maskSecrets(text)}"` : 'found a text that is no URL';
  throw new ZeekwayError(
    'config_invalid',
    `the database URL is not understood: write postgres://user:password@host:5432/database, ${found}`,
  );
}

/** The URL of a database as it may be shown: with `***` for passwords. Throws `config_invalid`. */
export function shownDatabaseUrl(text: string): string {
  const url = parseDatabaseUrl(text);
  if (url.password !== '') url.password = '***';
  for (const name of new Set(url.searchParams.keys())) {
    if (/pass/i.test(name)) url.searchParams.set(name, '***');
  }
  return url.href;
}
