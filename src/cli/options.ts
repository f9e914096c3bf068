import { InvalidArgumentError, Option } from 'commander';
import type { Speed } from '../replay/pace.js';
import { defaultDataDir } from '../storage/embedded/home.js';

/** Where things are stored. */
export interface StoreOptions {
  /** An external server; the embedded PostgreSQL where it is left out. */
  readonly database?: string;
  /** The folder of the embedded PostgreSQL and of what the gateway remembers. */
  readonly data: string;
}

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const DEFAULT_HTTP: HostPort = { host: '127.0.0.1', port: 9280 };

/** Reads `HOST:PORT`, IPv6 in brackets. */
function parseHostPort(text: string): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) throw new InvalidArgumentError('expected HOST:PORT, like 127.0.0.1:9280.');
  return { host: (match[1] ?? match[2]) as string, port };
}

function parseSpeed(text: string): Speed {
  if (text === 'max') return 'max';
  const speed = Number(text);
  if (!(speed > 0))
    throw new InvalidArgumentError('expected "max", or a number above 0 (1 is capture speed).');
  return speed;
}

export const databaseOption = (): Option =>
  new Option(
    '--database <url>',
    'PostgreSQL 14 or later: postgres://user:password@host/name (default: the embedded one)',
  ).env('DATABASE_URL');

export const dataOption = (): Option =>
  new Option('--data <dir>', 'folder of the embedded PostgreSQL and of the endpoint ID')
    .env('ZEEKWAY_DATA')
    .default(defaultDataDir());

export const httpOption = (): Option =>
  new Option('--http <host:port>', 'where the HTTP API listens')
    .env('ZEEKWAY_HTTP')
    .argParser(parseHostPort)
    .default(DEFAULT_HTTP, '127.0.0.1:9280');

export const speedOption = (): Option =>
  new Option('--speed <factor>', 'pace of a capture: 1 is as it was recorded, max as fast as it goes')
    .argParser(parseSpeed)
    .default('max' as Speed);
