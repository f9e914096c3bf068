import { isIPv6 } from 'node:net';
import { ZeekwayError } from '../../core/errors.js';
import {
  DEFAULT_CODEC_LIMITS,
  RETENTION_DAYS_MAX,
  SPOOL_BYTES_MIN,
  SPOOL_SYNC_INTERVAL_MAX_MS,
} from '../../core/limits.js';
import { didYouMean } from '../../core/nearest.js';
import { MASK, maskSecrets } from '../../core/secrets.js';
import { parseRoutes, type Route } from '../../peer/routes.js';
import { parseDatabaseUrl, shownDatabaseUrl } from '../../storage/database-url.js';
import { hostPort, parseDialledUrl, parseEndpointUrl, schemeOf } from '../../transport/endpoint-url.js';
import { parseWebsocketUrl } from '../../transport/websocket-url.js';
import { parseZeromqLogUrl, parseZeromqUrl } from '../../transport/zeromq-url.js';
import { formatDuration, formatSize, parseDuration, parseSize } from './units.js';

/** What the texts of a key mean, wherever they are from: a file, a variable or an option. */
export interface ValueType<T> {
  /** What is expected, for people: `a size like 512MiB`. */
  readonly expected: string;
  /** Throws a `ZeekwayError` that says what was expected and what was found. */
  parse(text: string): T;
  /** The value as a text that `parse` takes, with passwords as `***`. */
  print(value: T): string;
  /** A text of it is never shown, not even a wrong one. */
  readonly isSecret?: true;
}

/** Characters of what was found that are shown. */
const SHOWN_CHARS = 100;

/** A text as it may be shown in one line of an error. */
export function found(text: string, isSecret = false): string {
  if (isSecret && text !== '') return `found something else (${text.length} characters)`;
  if (text === '') return 'found nothing';
  const shown = maskSecrets(text);
  return `found ${JSON.stringify(shown.length > SHOWN_CHARS ? `${shown.slice(0, SHOWN_CHARS)}...` : shown)}`;
}

const mistake = (message: string): ZeekwayError => new ZeekwayError('config_invalid', message);

/** A type of texts that `read` understands; it gives `undefined` for those that it does not. */
function type<T extends NonNullable<unknown>>(
  expected: string,
  read: (text: string) => T | undefined,
  print: (value: T) => string,
): ValueType<T> {
  const parse = (text: string): T => {
    const value = read(text);
    if (value === undefined) throw mistake(`expected ${expected}, ${found(text)}`);
    return value;
  };
  return { expected, parse, print };
}

const plain = (expected: string, pattern: RegExp, bytes = Number.POSITIVE_INFINITY): ValueType<string> =>
  type(
    expected,
    (text) => (pattern.test(text) && Buffer.byteLength(text) <= bytes ? text : undefined),
    (text) => text,
  );

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export const hostPortType: ValueType<HostPort> = type(
  'HOST:PORT, like 127.0.0.1:9280 or [::1]:9280',
  (text) => {
    const [, v6, name, digits] = /^(?:\[([^\]]+)\]|([\w.-]+)):(\d{1,5})$/.exec(text) ?? [];
    const host = v6 ?? name;
    const port = Number(digits);
    if (host === undefined || port > 65_535 || (v6 !== undefined && !isIPv6(v6))) return undefined;
    return { host, port };
  },
  ({ host, port }) => hostPort(host, port),
);

type UrlReader = (text: string) => { readonly url: string };

/** A type of endpoint URLs. @param readers what reads those of each scheme. */
function endpointUrl(example: string, readers: ReadonlyMap<string, UrlReader>): ValueType<string> {
  const expected = `an endpoint URL like ${example}`;
  const check: UrlReader = (text) => {
    const read = readers.get(schemeOf(text));
    if (read) return read(text);
    throw mistake(`expected ${expected}, ${found(text)}`);
  };
  return {
    expected,
    parse: (text) => {
      check(text);
      return text;
    },
    // In its one spelling, with port and mode.
    print: (text) => check(text).url,
  };
}

export const listenUrlType = endpointUrl(
  'broker://HOST:9999?tls=off or zeromq-log://HOST:9998',
  new Map<string, UrlReader>([
    ['broker', parseEndpointUrl],
    ['zeromq-log', parseZeromqLogUrl],
  ]),
);
export const peerUrlType = endpointUrl(
  'broker://HOST:9999?tls=off, zeromq://HOST?xpub=5555&xsub=5556 or ws://HOST:27759',
  new Map<string, UrlReader>([
    ['broker', parseDialledUrl],
    ['zeromq', parseZeromqUrl],
    ['ws', parseWebsocketUrl],
    ['wss', parseWebsocketUrl],
  ]),
);

/** Where a logger of a ZeroMQ cluster listens, as ZeroMQ writes it. */
export const loggerAddressType: ValueType<string> = type(
  'the address of a logger like tcp://10.0.0.5:5557',
  (text) => (/^tcp:\/\/(?:\[[\da-fA-F:.]+\]|[\w.-]+):\d{1,5}$/.test(text) ? text : undefined),
  (text) => text,
);

/** One way, or both ways. */
export const routeType: ValueType<readonly Route[]> = {
  expected: 'a route between transports like broker<>zeromq=my/topic',
  parse: parseRoutes,
  print: (routes) =>
    routes
      .slice(0, 1)
      .map(({ from, to, prefix }) => `${from}${routes.length > 1 ? '<>' : '>'}${to}=${prefix}`)
      .join(''),
};

export const databaseType: ValueType<string> = {
  expected: 'postgres://user:password@host:5432/database',
  parse: (text) => {
    if (text === '') throw mistake(`expected ${databaseType.expected}, ${found(text)}`);
    parseDatabaseUrl(text);
    return text;
  },
  print: shownDatabaseUrl,
};

export const topicType = plain('a topic prefix like zeek/event/', /./s, DEFAULT_CODEC_LIMITS.topicBytes);
/** The name is a level of the node's topic. Controls would be invisible in logs. */
export const nodeNameType = plain('a name without slashes', /^[^/\p{Cc}]+$/u);
/** No file system knows NUL in names. */
export const folderType = plain('a folder', /^[^\0]+$/);

/** Where the master of a data store keeps it. */
export const STORE_BACKENDS = ['memory', 'sqlite', 'leveldb', 'postgresql'] as const;
export type StoreBackendName = (typeof STORE_BACKENDS)[number];

/** Broker makes topics of it. */
export const storeNameType = plain('the name of a data store', /^(?!.*\/<\$>\/)[^\p{Cc}=]+$/u);

export const fileType = plain('a file', /^[^\0]+$/);

/** A type of a few words. */
export function choice<T extends string>(words: readonly T[]): ValueType<T> {
  const expected = `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
  const parse = (text: string): T => {
    const word = words.find((each) => each === text);
    if (word !== undefined) return word;
    throw mistake(`expected ${expected}, ${found(text)}${didYouMean(text, words)}`);
  };
  return { expected, parse, print: (word) => word };
}

/** Bytes. */
export const sizeType = (smallest: number): ValueType<number> =>
  type(
    `a size of at least ${formatSize(smallest)}, like 512MiB or 4GiB`,
    (text) => {
      const bytes = parseSize(text);
      return bytes === undefined || bytes < smallest ? undefined : bytes;
    },
    formatSize,
  );

export const spoolSizeType = sizeType(SPOOL_BYTES_MIN);

/** Milliseconds. */
export const syncIntervalType: ValueType<number> = type(
  `a time from 1ms to ${formatDuration(SPOOL_SYNC_INTERVAL_MAX_MS)}, like 50ms or 2s`,
  (text) => {
    const ms = parseDuration(text);
    return ms === undefined || ms < 1 || ms > SPOOL_SYNC_INTERVAL_MAX_MS ? undefined : ms;
  },
  formatDuration,
);

/** Days that something is kept; `never` where it is never dropped. */
export const retentionType: ValueType<number | 'never'> = type(
  `never, or days from 1d to ${RETENTION_DAYS_MAX}d, like 30d`,
  (text) => {
    if (text === 'never') return text;
    const days = Number(/^(\d+) ?d$/i.exec(text)?.[1] ?? Number.NaN);
    return days >= 1 && days <= RETENTION_DAYS_MAX ? days : undefined;
  },
  (days) => (days === 'never' ? days : `${days}d`),
);

/** Requests in a minute. */
export const rateType: ValueType<number | 'off'> = type(
  'off, or requests in a minute like 6000',
  (text) => {
    if (text === 'off') return text;
    const rate = Number(/^\d{1,9}$/.exec(text)?.[0] ?? Number.NaN);
    return rate > 0 ? rate : undefined;
  },
  String,
);

/** What may stand behind `Bearer` (RFC 6750), long enough not to be guessed. */
const TOKEN = /^[\w.~+/-]{16,}=*$/;

export const tokenType: ValueType<string> = {
  expected: 'a token of at least 16 letters, digits and -._~+/, with = at the end only',
  parse: (text) => {
    // A configuration that was printed can be read again; the mask is nobody's token.
    if (TOKEN.test(text) || text === MASK) return text;
    throw mistake(`expected ${tokenType.expected}, ${found(text, true)}`);
  },
  print: () => MASK,
  isSecret: true,
};

/** Topic prefixes. */
export const prefixesType: ValueType<readonly string[]> = type(
  "topic prefixes with | between them, like 'zeek/event/|site/'",
  (text) => {
    const prefixes = text.split('|').map((prefix) => prefix.trim());
    return prefixes.every((prefix) => prefix !== '') ? prefixes : undefined;
  },
  (prefixes) => prefixes.join('|'),
);
