import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { ZeekwayError } from '../core/errors.js';
import type { TlsSettings } from './endpoint-url.js';

/** What both sides of a TLS connection need (libbroker/broker/internal/connector.cc, `ssl_context`). */
export interface SharedTlsOptions {
  readonly context: SecureContextOptions;
  /** Whether the other side must show a certificate that the CA signed. */
  readonly mutual: boolean;
}

/** Anonymous ECDH exists up to TLS 1.2 only, and OpenSSL allows it at security level 0 only. */
const ANONYMOUS: SecureContextOptions = {
  ciphers: 'AECDH-AES256-SHA@SECLEVEL=0',
  ecdhCurve: 'P-384',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
};

/** Throws `file_unreadable`. @param role the parameter that names the file. */
export async function readPem(role: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ZeekwayError(
      'file_unreadable',
      `${role}=${file} cannot be read: ${reason}`,
      { file },
      { cause: error },
    );
  }
}

/** @returns `undefined` for tls=off. Throws `file_unreadable`, `peer_certificate` where the files do not fit. */
export async function tlsOptions(settings: TlsSettings): Promise<SharedTlsOptions | undefined> {
  if (settings.mode === 'off') return undefined;
  if (settings.mode === 'anonymous') return { context: ANONYMOUS, mutual: false };
  const [cert, key, ca] = await Promise.all([
    readPem('cert', settings.cert),
    readPem('key', settings.key),
    readPem('ca', settings.ca),
  ]);
  const passphrase = settings.passphrase === undefined ? {} : { passphrase: settings.passphrase };
  const context: SecureContextOptions = { cert, key, ca, ...passphrase, minVersion: 'TLSv1.2' };
  try {
    createSecureContext(context);
    return { context, mutual: true };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const what = `cert=${settings.cert}, key=${settings.key} and ca=${settings.ca} cannot be used: ${reason}`;
    throw new ZeekwayError('peer_certificate', what, { file: settings.cert }, { cause: error });
  }
}
