import { readFile } from 'node:fs/promises';
import { Server } from 'node:https';
import { createSecureContext } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import { errorLine, ZeekwayError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { TlsFiles } from '../http/server.js';
import type { Config } from './config/config.js';

type TlsPaths = NonNullable<Config['api']['tls']>;

async function read(key: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    const message = `${key}: ${file} cannot be read: ${errorLine(error)}`;
    throw new ZeekwayError('file_unreadable', message, { file }, { cause: error });
  }
}

/** Certificate and key of the API. Throws `file_unreadable`, `tls_invalid` where they do not fit. */
export async function readTls({ cert, key }: TlsPaths): Promise<TlsFiles> {
  const files = { cert: await read('api.tls-cert', cert), key: await read('api.tls-key', key) };
  try {
    createSecureContext(files);
    return files;
  } catch (error) {
    const message = `api.tls-cert ${cert} and api.tls-key ${key} cannot be used: ${errorLine(error)}`;
    throw new ZeekwayError('tls_invalid', message, { file: cert }, { cause: error });
  }
}

/**
 * Has SIGHUP read certificate and key anew: new connections get the new one. What cannot be used is told, and the old
 * one stays. @returns what ends this.
 */
export function reloadTlsOnHangup({ server }: FastifyInstance, paths: TlsPaths, logger: Logger): () => void {
  const reload = async (): Promise<void> => {
    try {
      const files = await readTls(paths);
      if (server instanceof Server) server.setSecureContext({ ...files, minVersion: 'TLSv1.2' });
      logger.info({}, 'the certificate of the API was read anew');
    } catch (error) {
      logger.error({}, `the certificate of the API stays as it is: ${errorLine(error)}`);
    }
  };
  const listener = (): void => void reload();
  process.on('SIGHUP', listener);
  return () => process.off('SIGHUP', listener);
}
