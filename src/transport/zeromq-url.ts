import { type EndpointUrl, hostPort, invalidUrl, readUrl } from './endpoint-url.js';

/** Whether connections are encrypted: `auto` where Zeek's variables have the keys (`curveKeys`). */
export type CurveMode = 'auto' | 'on' | 'off';

/** A ZeroMQ cluster's proxy. */
export interface ZeromqAddress {
  /** What our XSUB socket connects to: the proxy's XPUB socket. */
  readonly xpub: string;
  /** What our XPUB socket connects to: the proxy's XSUB socket. */
  readonly xsub: string;
  readonly curve: CurveMode;
  /** Stay out of the cluster's hello, also with a node name: no `Cluster::node_up` is raised for us. */
  readonly quiet: boolean;
  /** What our events are written in. */
  readonly format: 'broker-bin-v1' | 'broker-json-v1';
  /** The URL in its one spelling. */
  readonly url: string;
}

/** Where a logger of a ZeroMQ cluster listens. */
export interface ZeromqLogAddress {
  readonly host: string;
  readonly port: number;
  readonly curve: CurveMode;
  readonly url: string;
}

const PEER_FORM = 'zeromq://host?xpub=5555&xsub=5556';
const LOG_FORM = 'zeromq-log://host:port';

/** The ports of `Cluster::Backend::ZeroMQ::listen_xpub_endpoint` and `listen_xsub_endpoint`. */
const XPUB_PORT = '5555';
const XSUB_PORT = '5556';

/**
 * Reads `zeromq://HOST?xpub=PORT&xsub=PORT&curve=auto|on|off&hello=yes|no&format=broker-bin-v1|broker-json-v1`, all of
 * whose parameters may be left out. Throws `endpoint_url_invalid`.
 */
export function parseZeromqUrl(text: string): ZeromqAddress {
  const url = readUrl(text, PEER_FORM, ['xpub', 'xsub', 'curve', 'hello', 'format']);
  if (url.port !== '') throw invalidUrl(text, 'the ports are xpub= and xsub=', PEER_FORM);
  expectNoPath(text, url, PEER_FORM);
  const endpoint = (name: 'xpub' | 'xsub', fallback: string): string => {
    const port = url.parameters.get(name) ?? fallback;
    if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65_535) {
      throw invalidUrl(text, `${name}=${port} is no port`, PEER_FORM);
    }
    return hostPort(url.host, Number(port));
  };
  const xpub = endpoint('xpub', XPUB_PORT);
  const xsub = endpoint('xsub', XSUB_PORT);
  const curve = url.choice('curve', ['auto', 'on', 'off']);
  const hello = url.choice('hello', ['yes', 'no']);
  const format = url.choice('format', ['broker-bin-v1', 'broker-json-v1']);
  const shown = new URL(`zeromq://${hostPort(url.host, 1).replace(/:1$/, '')}`);
  shown.searchParams.set('xpub', portOf(xpub));
  shown.searchParams.set('xsub', portOf(xsub));
  for (const [name, value] of Object.entries({ curve, hello, format })) {
    if (url.parameters.has(name)) shown.searchParams.set(name, value);
  }
  return {
    xpub: `tcp://${xpub}`,
    xsub: `tcp://${xsub}`,
    curve,
    quiet: hello === 'no',
    format,
    url: shown.href,
  };
}

const portOf = (endpoint: string): string => endpoint.slice(endpoint.lastIndexOf(':') + 1);

function expectNoPath(text: string, { path }: EndpointUrl, form: string): void {
  if (path !== '') throw invalidUrl(text, 'it has a path', form);
}

/** Reads `zeromq-log://HOST:PORT?curve=auto|on|off`; port 0 takes a free one. Throws `endpoint_url_invalid`. */
export function parseZeromqLogUrl(text: string): ZeromqLogAddress {
  const url = readUrl(text, LOG_FORM, ['curve']);
  if (url.port === '') throw invalidUrl(text, 'the port is missing', LOG_FORM);
  expectNoPath(text, url, LOG_FORM);
  const curve = url.choice('curve', ['auto', 'on', 'off']);
  const port = Number(url.port);
  const query = url.parameters.has('curve') ? `?curve=${curve}` : '';
  return { host: url.host, port, curve, url: `zeromq-log://${hostPort(url.host, port)}${query}` };
}
