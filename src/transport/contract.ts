import type { ZeekwayError } from '../core/errors.js';

/** What the owner of a connection is told. */
export interface ConnectionHandlers {
  /** The buffer is not used again by the transport: views of it may be kept. */
  data(chunk: Buffer): void;
  /** Called once, at the end. @param error why, unless one side closed it in order. */
  close(error?: ZeekwayError): void;
}

/** A connected stream of bytes. */
export interface Connection {
  /** The other side as `host:port`. */
  readonly remote: string;
  /** Bytes handed to `write` that the system has not taken yet. */
  readonly queuedBytes: number;
  /** Starts reading. */
  attach(handlers: ConnectionHandlers): void;
  write(bytes: Uint8Array): void;
  /** Stops and restarts reading: back-pressure for the peer. */
  pause(): void;
  resume(): void;
  /** Closes once everything that was written is sent. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

export interface ListenHandlers {
  connection(connection: Connection): void;
  /** A connection that failed before it was one: a TLS handshake, say. */
  failed(remote: string, error: ZeekwayError): void;
}

export interface Listener {
  readonly host: string;
  /** The port, also where 0 was asked for. */
  readonly port: number;
  /** Stops listening; connections that were accepted stay. */
  close(): Promise<void>;
}
