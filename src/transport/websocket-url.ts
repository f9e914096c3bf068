import { hostPort, invalidUrl, readUrl } from './endpoint-url.js';

/** A server of Zeek's WebSocket API. */
export interface WebsocketAddress {
  readonly host: string;
  readonly port: number;
  /** Empty for the one that the API has. */
  readonly path: string;
  /** `undefined` without TLS. */
  readonly tls: WebsocketTls | undefined;
  /** The URL in its one spelling. */
  readonly url: string;
}

interface WebsocketTls {
  /** A PEM file with the CA that signed the server's certificate, instead of the system's CAs. */
  readonly ca: string | undefined;
  /** Whether the certificate must be signed by the CA, and be for the host. */
  readonly verify: boolean;
}

const FORM = 'ws://host:port or wss://host:port?ca=FILE&verify=yes|no';
/** The port that zeekctl gives to the manager (`UseWebSocket = 1`). */
const DEFAULT_PORT = '27759';

/**
 * Reads `ws://HOST:PORT[/PATH]` and `wss://HOST:PORT[/PATH]?ca=FILE&verify=yes|no`; the port is 27759 where it is left
 * out. Throws `endpoint_url_invalid`.
 */
export function parseWebsocketUrl(text: string): WebsocketAddress {
  const url = readUrl(text, FORM, ['ca', 'verify']);
  const { scheme, host, path } = url;
  const port = Number(url.port || portInText(text) || DEFAULT_PORT);
  if (port === 0) throw invalidUrl(text, 'port 0 cannot be dialled', FORM);
  const place = `${scheme}://${hostPort(host, port)}${path}`;
  if (scheme === 'ws') {
    const [needless] = url.parameters.keys();
    if (needless !== undefined) throw invalidUrl(text, `${needless}= has a meaning with wss:// only`, FORM);
    return { host, port, path, tls: undefined, url: place };
  }
  const verify = url.choice('verify', ['yes', 'no']) === 'yes';
  const ca = url.parameters.get('ca') || undefined;
  if (ca !== undefined && !verify) throw invalidUrl(text, 'with verify=no no ca= is looked at', FORM);
  const shown = new URLSearchParams({
    ...(ca === undefined ? {} : { ca }),
    ...(verify ? {} : { verify: 'no' }),
  });
  return { host, port, path, tls: { ca, verify }, url: shown.size === 0 ? place : `${place}?${shown}` };
}

/** The port as it was written: a URL forgets the ports 80 of ws: and 443 of wss:. */
const portInText = (text: string): string | undefined =>
  /^wss?:[/\\]*[^/\\?#]*:(\d+)(?:$|[/\\?#])/i.exec(text.trim())?.[1];
