import net from 'node:net';
import tls from 'node:tls';
import { ZeekwayError } from '../core/errors.js';
import { CLOSE_LINGER_MS, CONNECT_TIMEOUT_MS, INBOUND_CONNECTIONS, KEEPALIVE_MS } from '../core/limits.js';
import type { Connection, ConnectionHandlers, Listener, ListenHandlers } from './contract.js';
import { type EndpointAddress, hostPort } from './endpoint-url.js';
import { socketError } from './socket-error.js';
import { type SharedTlsOptions, tlsOptions } from './tls-options.js';

/** What of the other side is known: nothing where the system has closed the socket already. */
const remoteOf = ({ remoteAddress, remotePort }: net.Socket): string =>
  remoteAddress === undefined ? 'a peer that was gone at once' : hostPort(remoteAddress, remotePort ?? 0);

/** A TCP or TLS socket that is connected. */
class SocketConnection implements Connection {
  private error: ZeekwayError | undefined;

  constructor(
    private readonly socket: net.Socket,
    readonly remote: string,
  ) {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEPALIVE_MS);
    socket.pause();
    socket.on('error', (error) => {
      this.error = socketError(error, remote, 'off');
    });
  }

  get queuedBytes(): number {
    return this.socket.writableLength;
  }

  attach(handlers: ConnectionHandlers): void {
    this.socket.on('data', (chunk: Buffer) => handlers.data(chunk));
    this.socket.on('close', () => handlers.close(this.error));
    // It was closed before anybody listened: the event will not come again.
    if (this.socket.destroyed) queueMicrotask(() => handlers.close(this.error));
    else this.socket.resume();
  }

  write(bytes: Uint8Array): void {
    if (this.socket.writable) this.socket.write(bytes);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(): void {
    this.socket.end();
    // The other side may never close its half: what it sends now is of no use any more.
    this.socket.resume();
    this.socket.setTimeout(CLOSE_LINGER_MS, () => this.socket.destroy());
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/**
 * Connects. Rejects with `peer_unreachable`, `peer_tls_mismatch`, `peer_certificate`, `peer_timeout` or
 * `file_unreadable` (certificates).
 * @param signal gives up.
 */
export async function dial(address: EndpointAddress, signal?: AbortSignal): Promise<Connection> {
  const secure = await tlsOptions(address.tls);
  const remote = hostPort(address.host, address.port);
  const { host, port } = address;
  const verifyHost = address.tls.mode === 'mutual' && address.tls.verifyHost;
  const identity = verifyHost ? {} : { checkServerIdentity: () => undefined };
  const serverName = net.isIP(host) ? {} : { servername: host };
  const socket = secure
    ? tls.connect({
        host,
        port,
        ...secure.context,
        rejectUnauthorized: secure.mutual,
        ...identity,
        ...serverName,
      })
    : net.connect({ host, port });
  return new Promise((resolve, reject) => {
    const fail = (error: ZeekwayError): void => {
      signal?.removeEventListener('abort', onAbort);
      socket.destroy();
      reject(error);
    };
    let connected = false;
    socket.once('connect', () => {
      connected = true;
    });
    const onAbort = (): void => fail(new ZeekwayError('peer_unreachable', `gave up connecting to ${remote}`));
    const onError = (error: Error): void =>
      fail(socketError(error, remote, connected ? address.tls.mode : 'off'));
    const onTimeout = (): void => {
      const what = connected ? 'the TLS handshake' : 'the connection';
      fail(
        new ZeekwayError('peer_timeout', `${what} to ${remote} took longer than ${CONNECT_TIMEOUT_MS} ms`),
      );
    };
    socket.once('error', onError);
    socket.setTimeout(CONNECT_TIMEOUT_MS, onTimeout);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      socket.setTimeout(0, onTimeout).off('error', onError);
      signal?.removeEventListener('abort', onAbort);
      resolve(new SocketConnection(socket, remote));
    });
  });
}

/** Listens. Rejects with `listen_failed` or `file_unreadable` (certificates). */
export async function listen(address: EndpointAddress, handlers: ListenHandlers): Promise<Listener> {
  const secure = await tlsOptions(address.tls);
  const accept = (socket: net.Socket): void =>
    handlers.connection(new SocketConnection(socket, remoteOf(socket)));
  const server = secure ? createTlsServer(secure, accept, handlers) : net.createServer(accept);
  server.maxConnections = INBOUND_CONNECTIONS;
  server.on('drop', (dropped) => {
    const remote = hostPort(dropped?.remoteAddress ?? '?', dropped?.remotePort ?? 0);
    const what = `refused ${remote}: ${INBOUND_CONNECTIONS} peers are connected already`;
    handlers.failed(remote, new ZeekwayError('too_many_peers', what));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      const where = hostPort(address.host, address.port);
      const what = `cannot listen on ${where}: ${error.message}`;
      reject(new ZeekwayError('listen_failed', what, {}, { cause: error }));
    });
    server.listen({ host: address.host, port: address.port }, resolve);
  });
  const bound = server.address() as net.AddressInfo;
  return {
    host: address.host,
    port: bound.port,
    close: async () => void server.close(),
  };
}

function createTlsServer(
  { context, mutual }: SharedTlsOptions,
  accept: (socket: tls.TLSSocket) => void,
  handlers: ListenHandlers,
): tls.Server {
  // Node would reject an unfit certificate without telling from where it came: the check is made here.
  const checks = { requestCert: mutual, rejectUnauthorized: false, handshakeTimeout: CONNECT_TIMEOUT_MS };
  const server = tls.createServer({ ...context, ...checks }, (socket) => {
    if (!mutual || socket.authorized) {
      accept(socket);
      return;
    }
    const remote = remoteOf(socket);
    const reason = String(socket.authorizationError);
    const what = `the certificate of ${remote} is missing or not signed by the CA (${reason})`;
    handlers.failed(remote, new ZeekwayError('peer_certificate', what));
    socket.destroy();
  });
  server.on('tlsClientError', (error: Error, socket: tls.TLSSocket) => {
    const remote = remoteOf(socket);
    handlers.failed(remote, socketError(error, remote, mutual ? 'mutual' : 'anonymous'));
    socket.destroy();
  });
  return server;
}
