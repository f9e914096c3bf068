import { ZeekwayError } from '../core/errors.js';
import { maskSecrets } from '../core/secrets.js';

/** `Broker::default_port`. */
const DEFAULT_PORT = 9999;

export type TlsSettings =
  /** `Broker::disable_ssl = T`. */
  | { readonly mode: 'off' }
  /** Zeek's default: encrypted, nobody proves who they are. */
  | { readonly mode: 'anonymous' }
  /** Both sides show a certificate that the CA signed. */
  | {
      readonly mode: 'mutual';
      /** PEM files. */
      readonly cert: string;
      readonly key: string;
      readonly ca: string;
      readonly passphrase?: string;
      /** Whether the certificate must be for the host that was dialled; Zeek does not check that. */
      readonly verifyHost: boolean;
    };

/** Where an endpoint is and how to talk to it. */
export interface EndpointAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsSettings;
  /**
   * The URL in its one spelling, with port and mode, as it may be shown: without the passphrase. Two addresses are
   * the same when their URLs are.
   */
  readonly url: string;
}

const PARAMETERS = ['tls', 'cert', 'key', 'ca', 'passphrase', 'verify-host'];
const FORM = 'broker://host:port?tls=anonymous|mutual|off';

/** @param form what is expected. */
export function invalidUrl(text: string, what: string, form: string): ZeekwayError {
  return new ZeekwayError(
    'endpoint_url_invalid',
    `endpoint URL "${maskSecrets(text)}": ${what}; expected ${form}`,
  );
}

const invalid = (text: string, what: string): ZeekwayError => invalidUrl(text, what, FORM);

/** The scheme of an endpoint URL; empty where the text is none. */
export const schemeOf = (text: string): string =>
  /^([a-z][a-z-]*):\/\//i.exec(text)?.[1]?.toLowerCase() ?? '';

/** The parts that the endpoint URLs of all transports have. */
export interface EndpointUrl {
  readonly scheme: string;
  /** IPv6 without brackets. */
  readonly host: string;
  /** Empty where it is left out. */
  readonly port: string;
  readonly path: string;
  readonly parameters: URLSearchParams;
  /** A parameter that has one of some values, the first where it is left out. Throws `endpoint_url_invalid`. */
  choice<T extends string>(name: string, values: readonly [T, ...T[]]): T;
}

/**
 * Reads what all endpoint URLs have in common. Throws `endpoint_url_invalid`.
 * @param form what is expected, with the scheme.
 * @param known the parameters that there are.
 */
export function readUrl(text: string, form: string, known: readonly string[]): EndpointUrl {
  const fail = (what: string): ZeekwayError => invalidUrl(text, what, form);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url) throw fail('it is not a URL, or its port is above 65535');
  const scheme = url.protocol.slice(0, -1);
  if (url.hostname === '') throw fail('the host is missing');
  if (url.username !== '' || url.password !== '') throw fail('Zeek knows no user and password');
  if (url.hash !== '') throw fail('it has a fragment ("#" is written %23)');
  const { searchParams } = url;
  const unknown = [...searchParams.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw fail(`there is no parameter "${unknown}" (known: ${known.join(', ')})`);
  }
  return {
    scheme,
    host: url.hostname.replace(/^\[|\]$/g, '').toLowerCase(),
    port: url.port,
    path: url.pathname === '/' ? '' : url.pathname,
    parameters: searchParams,
    choice: (name, values) => {
      const found = searchParams.get(name) ?? values[0];
      const value = values.find((one) => one === found);
      if (value === undefined) throw fail(`${name}=${found} is none of ${values.join(', ')}`);
      return value;
    },
  };
}

/**
 * Reads `broker://host:port?tls=off|anonymous|mutual&cert=FILE&key=FILE&ca=FILE&passphrase=...&verify-host=yes|no`.
 * The port is 9999 and tls anonymous where they are left out. Throws `endpoint_url_invalid`.
 */
export function parseEndpointUrl(text: string): EndpointAddress {
  const { scheme, host, port: given, path, parameters } = readUrl(text, FORM, PARAMETERS);
  if (scheme !== 'broker') throw invalid(text, `the scheme is ${scheme}`);
  if (path !== '') throw invalid(text, 'it has a path');
  const port = given === '' ? DEFAULT_PORT : Number(given);
  const tls = tlsSettings(text, parameters);
  return { host, port, tls, url: shownUrl(host, port, tls) };
}

/** `parseEndpointUrl` for an address that is dialled: its port is not 0. */
export function parseDialledUrl(text: string): EndpointAddress {
  const address = parseEndpointUrl(text);
  if (address.port === 0) throw invalid(text, 'port 0 cannot be dialled');
  return address;
}

function shownUrl(host: string, port: number, tls: TlsSettings): string {
  const url = new URL(`broker://${hostPort(host, port)}`);
  url.searchParams.set('tls', tls.mode);
  if (tls.mode === 'mutual') {
    for (const name of ['cert', 'key', 'ca'] as const) url.searchParams.set(name, tls[name]);
    if (tls.passphrase !== undefined) url.searchParams.set('passphrase', '***');
    if (tls.verifyHost) url.searchParams.set('verify-host', 'yes');
  }
  return url.href;
}

function tlsSettings(text: string, parameters: URLSearchParams): TlsSettings {
  const mode = parameters.get('tls') ?? (parameters.has('cert') ? 'mutual' : 'anonymous');
  if (mode === 'off' || mode === 'anonymous') {
    const needless = [...parameters.keys()].find((name) => name !== 'tls');
    if (needless !== undefined) throw invalid(text, `${needless}= has a meaning with tls=mutual only`);
    return { mode };
  }
  if (mode !== 'mutual') throw invalid(text, `tls=${mode} is unknown`);
  const [cert, key, ca] = ['cert', 'key', 'ca'].map((name) => {
    const file = parameters.get(name);
    if (!file) throw invalid(text, `tls=mutual needs ${name}=FILE`);
    return file;
  }) as [string, string, string];
  const passphrase = parameters.get('passphrase');
  const verifyHost = parameters.get('verify-host') ?? 'no';
  if (verifyHost !== 'yes' && verifyHost !== 'no')
    throw invalid(text, `verify-host=${verifyHost} is neither yes nor no`);
  const base = { mode, cert, key, ca, verifyHost: verifyHost === 'yes' } as const;
  return passphrase === null ? base : { ...base, passphrase };
}

/** `host:port`, IPv6 in brackets. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The host in `host:port`: who dials us comes from another port each time. */
export const hostOf = (address: string): string => address.replace(/:\d+$/, '');
