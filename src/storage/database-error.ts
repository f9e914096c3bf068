import pg from 'pg';
import { type ErrorCode, ZeekwayError } from '../core/errors.js';

/**
 * What goes wrong between us and the server, told in one line. Codes of five characters are SQLSTATEs
 * (https://www.postgresql.org/docs/current/errcodes-appendix.html), the others are Node's.
 */

/** The error behind wrappers: ours by `cause`, Node's AggregateError (one error an address tried) by its first. */
function rootCause(error: unknown): unknown {
  if (error instanceof ZeekwayError && error.cause !== undefined) return rootCause(error.cause);
  if (error instanceof AggregateError && error.errors.length > 0) return rootCause(error.errors[0]);
  return error;
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Connection errors of pg and pg-pool that carry no code. */
const CONNECTION_LOST =
  /^(Connection terminated|Client has encountered a connection error|Client was closed and is not queryable|timeout exceeded when trying to connect|timeout expired|Connection timeout)/;

const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

/** SQLSTATEs that say nothing about the statement: the same one may succeed a moment later. */
const TRANSIENT_STATES = new Set([
  '25006', // read-only: a standby that has not taken over yet
  '40001', // serialization failure
  '40P01', // deadlock
  '55P03', // lock not available
  '57P01', // shut down by the administrator
  '57P02', // a backend crashed, all are restarted
  '57P03', // starting up or shutting down
  '57P05', // idle session timeout
  '58030', // I/O error
]);

const isSqlState = (code: string): boolean => /^[0-9A-Z]{5}$/.test(code) && /\d/.test(code);

const isConnectionError = (error: unknown): boolean => {
  const code = codeOf(error);
  return NETWORK_CODES.has(code) || (!isSqlState(code) && CONNECTION_LOST.test(messageOf(error)));
};

/** The SQLSTATE of an error of the server, wherever it stands in the chain of causes; else an empty text. */
export function sqlState(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && typeof cause.code === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(cause.code)) {
      return cause.code;
    }
  }
  return '';
}

/**
 * Whether the server refuses what is in a row, so that trying again is no use: data (class 22), constraints
 * (23), limits like the size of an index entry (54), or a trigger of the user's (P0). Everything else says
 * nothing about the row.
 */
export const isDataError = (error: unknown): boolean => /^(22|23|54|P0)/.test(sqlState(error));

/** Whether a table or a column is not there (any more). */
export const isMissingError = (error: unknown): boolean => ['42P01', '42703'].includes(sqlState(error));

/**
 * Whether trying again later can help: the connection was lost, the server shuts down or starts, has no
 * free connection, memory or disk space (class 53), or a lock was in the way.
 */
export function isTransient(error: unknown): boolean {
  const cause = rootCause(error);
  const code = codeOf(cause);
  if (isConnectionError(cause)) return true;
  return TRANSIENT_STATES.has(code) || /^(08|53)/.test(code);
}

function networkProblem(error: unknown): string {
  const code = codeOf(error);
  const text = messageOf(error);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `the host name is not known (${text})`;
  if (code === 'ENOENT') {
    return `there is no such ${text.startsWith('connect') ? 'socket' : 'file'} (${text})`;
  }
  if (code === 'ECONNREFUSED') return `nothing listens there (${text})`;
  if (/timeout/i.test(text) || code === 'ETIMEDOUT') return `no answer in time (${text})`;
  return `the connection was lost (${text || code})`;
}

/** TLS failures come from Node (codes of OpenSSL) or from pg (a text). */
function tlsProblem(error: unknown): string | undefined {
  const code = codeOf(error);
  const text = messageOf(error);
  if (/does not support SSL/i.test(text)) return 'the server offers no TLS: drop sslmode= from the URL';
  if (/^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|EPROTO)/.test(code)) {
    return `the TLS handshake failed (${text}): give the CA with sslrootcert=FILE, or sslmode=no-verify`;
  }
  return undefined;
}

/** What the server said, with the place: for COPY the table, line and column. */
function serverProblem(error: pg.DatabaseError): string {
  const place = error.where?.split('\n')[0];
  const parts = [error.message, error.detail, place].filter((part) => part !== undefined && part !== '');
  return `${parts.join('; ')} (SQLSTATE ${error.code ?? 'unknown'})`;
}

function classify(error: unknown): [ErrorCode, string] {
  const code = codeOf(error);
  const text = messageOf(error);
  const tls = tlsProblem(error);
  if (tls !== undefined) return ['database_unreachable', tls];
  if (isConnectionError(error)) return ['database_unreachable', networkProblem(error)];
  if (code === 'EACCES') return ['database_auth', `this account may not open it (${text})`];
  if (code === '28P01') return ['database_auth', `wrong user or password (${text})`];
  if (code === '28000') return ['database_auth', `the server lets this user or host not in (${text})`];
  if (code === '3D000') return ['database_auth', `the database is missing (${text}): create it first`];
  if (/SASL.*password/.test(text)) {
    return ['database_auth', 'the server wants a password and the URL has none'];
  }
  if (/^(08|57P0)/.test(code)) return ['database_unreachable', `the server closed the connection (${text})`];
  if (code === '53300') return ['database_unreachable', `the server has no free connection (${text})`];
  if (code === '53100') return ['database_failed', `the disk of the database server is full (${text})`];
  return ['database_failed', error instanceof pg.DatabaseError ? serverProblem(error) : text];
}

/**
 * The catalogue's error for whatever pg or the network threw; an error of ours passes unchanged.
 * @param doing completes "cannot ...": `connect to the database`
 */
export function toDatabaseError(error: unknown, doing: string): ZeekwayError {
  if (error instanceof ZeekwayError) return error;
  const [code, problem] = classify(rootCause(error));
  const line = `cannot ${doing}: ${problem}`.replace(/\s*\n\s*/g, ' ');
  return new ZeekwayError(code, line, {}, { cause: error });
}
