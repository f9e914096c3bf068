import type { SecureContextOptions } from 'node:tls';
import { WebSocket } from 'ws';
import { type ErrorCode, ZeekwayError } from '../core/errors.js';
import { CLOSE_LINGER_MS, CONNECT_TIMEOUT_MS, SHOWN_TEXT_CHARS } from '../core/limits.js';
import { hostPort } from './endpoint-url.js';
import { socketError } from './socket-error.js';
import { readPem } from './tls-options.js';
import type { WebsocketAddress } from './websocket-url.js';

/** What the owner of a WebSocket is told. */
export interface WebsocketHandlers {
  /** A whole frame, its own buffer. Its text need not be UTF-8. */
  frame(bytes: Buffer): void;
  /** A ping, which is answered already, or a pong. */
  alive(): void;
  /** Called once, at the end. @param error why, unless it was closed in order. */
  close(error?: ZeekwayError): void;
}

/** The value of the close frame of who has nothing to say: RFC 6455, 7.4.1. */
const IN_ORDER: readonly number[] = [1000, 1005];
/** How we appear in Zeek's cluster.log and metrics. */
const APPLICATION = 'zeekway';

/** A WebSocket that is open. */
export class WebsocketConnection {
  private error: ZeekwayError | undefined;
  private ending = false;

  constructor(
    private readonly socket: WebSocket,
    /** `host:port` of the other side. */
    readonly remote: string,
  ) {
    socket.pause();
    socket.on('error', (error) => {
      this.error = websocketError(error, remote, false);
    });
  }

  /** Bytes handed to `send` that the system has not taken yet. */
  get queuedBytes(): number {
    return this.socket.bufferedAmount;
  }

  /** Starts reading. */
  attach(handlers: WebsocketHandlers): void {
    const { socket } = this;
    socket.binaryType = 'nodebuffer';
    socket.on('message', (data: Buffer) => handlers.frame(data));
    socket.on('ping', () => handlers.alive());
    socket.on('pong', () => handlers.alive());
    socket.on('close', (code, reason) => handlers.close(this.error ?? this.closeError(code, reason)));
    socket.resume();
  }

  send(text: Uint8Array): void {
    this.ifOpen(() => this.socket.send(text, { binary: false }));
  }

  ping(): void {
    this.ifOpen(() => this.socket.ping());
  }

  /** A pong that answers no ping: a sign of life (RFC 6455, 5.5.3). */
  pong(): void {
    this.ifOpen(() => this.socket.pong());
  }

  /** Stops and restarts reading. Frames of what was read already still come. */
  pause(): void {
    if (!this.ending) this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Closes once everything that was sent is on its way. */
  end(): void {
    if (this.ending) return;
    this.ending = true;
    // The answer to the close frame stands behind what has not been read.
    this.socket.resume();
    this.socket.close(1000);
    const timer = setTimeout(() => this.socket.terminate(), CLOSE_LINGER_MS);
    this.socket.once('close', () => clearTimeout(timer));
  }

  private ifOpen(act: () => void): void {
    if (this.socket.readyState === WebSocket.OPEN) act();
  }

  private closeError(code: number, reason: Buffer): ZeekwayError | undefined {
    if (IN_ORDER.includes(code)) return undefined;
    const said =
      reason.length === 0 ? '' : ` (${JSON.stringify(reason.toString().slice(0, SHOWN_TEXT_CHARS))})`;
    const what = code === 1006 ? 'without a close frame' : `with code ${code}${said}`;
    return new ZeekwayError('peer_closed', `${this.remote} closed the WebSocket ${what}`);
  }
}

/**
 * Connects. Rejects with `peer_unreachable`, `peer_not_websocket`, `peer_certificate`, `peer_tls_mismatch`,
 * `peer_timeout`, `peer_closed` or `file_unreadable` (the CA).
 * @param path of the API. @param frameBytes the longest frame that is taken. @param signal gives up.
 */
export async function dialWebsocket(
  address: WebsocketAddress,
  path: string,
  frameBytes: number,
  signal: AbortSignal,
): Promise<WebsocketConnection> {
  const { host, port, tls } = address;
  const remote = hostPort(host, port);
  const secure: SecureContextOptions & { rejectUnauthorized?: boolean } = tls
    ? { rejectUnauthorized: tls.verify, ...(tls.ca === undefined ? {} : { ca: await readPem('ca', tls.ca) }) }
    : {};
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${tls ? 'wss' : 'ws'}://${remote}${path}`, {
      ...secure,
      headers: { 'X-Application-Name': APPLICATION },
      handshakeTimeout: CONNECT_TIMEOUT_MS,
      maxPayload: frameBytes,
      perMessageDeflate: false,
      // Zeek copies strings into the text as they are.
      skipUTF8Validation: true,
    });
    const fail = (error: ZeekwayError): void => {
      signal.removeEventListener('abort', onAbort);
      reject(error);
    };
    const onAbort = (): void => {
      fail(new ZeekwayError('peer_unreachable', `gave up connecting to ${remote}`));
      socket.terminate();
    };
    const onError = (error: Error): void => fail(websocketError(error, remote, tls !== undefined));
    socket.on('error', onError);
    socket.once('open', () => {
      signal.removeEventListener('abort', onAbort);
      const connection = new WebsocketConnection(socket, remote);
      socket.off('error', onError);
      resolve(connection);
    });
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

/** @param duringTls whether the connection was one with TLS that was not open yet. */
function websocketError(error: Error, remote: string, duringTls: boolean): ZeekwayError {
  const systemCode = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const known = codeOf(systemCode, error.message);
  if (known === undefined) return socketError(error, remote, duringTls ? 'anonymous' : 'off');
  const what = {
    peer_timeout: `${remote} did not open a WebSocket in ${CONNECT_TIMEOUT_MS} ms`,
    peer_protocol: `${remote} sent a frame that cannot be taken`,
    peer_not_websocket: `${remote} did not open a WebSocket`,
  }[known];
  return new ZeekwayError(known, `${what} (${error.message})`, {}, { cause: error });
}

/** The errors of the library have no codes in the opening handshake. */
function codeOf(
  systemCode: string,
  message: string,
): Extract<ErrorCode, 'peer_timeout' | 'peer_protocol' | 'peer_not_websocket'> | undefined {
  if (systemCode.startsWith('WS_ERR')) return 'peer_protocol';
  if (systemCode.startsWith('HPE_')) return 'peer_not_websocket';
  if (systemCode !== '') return undefined;
  return /timed out/.test(message) ? 'peer_timeout' : 'peer_not_websocket';
}
