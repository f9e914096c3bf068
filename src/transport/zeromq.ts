import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Message, MessageLike, Observer } from 'zeromq';
import { errorLine, ZeekwayError } from '../core/errors.js';
import {
  KEEPALIVE_MS,
  REDIAL_FIRST_MS,
  REDIAL_LONGEST_MS,
  ZEROMQ_RETRY_MS,
  ZEROMQ_TURN_BYTES,
} from '../core/limits.js';
import type { CurveKeys } from './curve.js';

/** ZeroMQ is native code: it is loaded where it is used. Throws `zeromq_unavailable` where it cannot. */
export async function loadZeromq(): Promise<typeof import('zeromq')> {
  try {
    return await import('zeromq');
  } catch (error) {
    throw new ZeekwayError(
      'zeromq_unavailable',
      `ZeroMQ cannot be loaded: ${errorLine(error)}`,
      {},
      { cause: error },
    );
  }
}

/** What all sockets have: bounded queues, signs of life, growing waits between tries, and no waiting at the end. */
export const SOCKET_OPTIONS = {
  linger: 0,
  heartbeatInterval: KEEPALIVE_MS,
  heartbeatTimeout: KEEPALIVE_MS,
  reconnectInterval: REDIAL_FIRST_MS,
  reconnectMaxInterval: REDIAL_LONGEST_MS,
  ipv6: true,
} as const;

/** The options of a socket that connects to one with CURVE. */
export const connectingCurve = (keys: CurveKeys | undefined) =>
  keys === undefined
    ? {}
    : {
        curvePublicKey: keys.client.publicKey,
        curveSecretKey: keys.client.secretKey,
        curveServerKey: keys.server.publicKey,
      };

interface ReceivingSocket {
  readonly closed: boolean;
  receive(): Promise<Message[]>;
}

/** Hands on the messages of a socket one after the other, while that is wanted, until the socket is closed. */
export class ZeromqReader {
  private isReading = true;
  private wake: (() => void) | undefined;

  constructor(
    private readonly socket: ReceivingSocket,
    private readonly handle: (parts: Message[]) => void,
  ) {
    void this.run();
  }

  /** What is not read fills the queue of the socket, and then the other side's. */
  setReading(reading: boolean): void {
    this.isReading = reading;
    if (reading) this.wake?.();
  }

  private async run(): Promise<void> {
    let bytes = 0;
    for (;;) {
      if (!this.isReading) {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
      const parts = await this.next();
      if (!parts) return;
      bytes += parts.reduce((sum, { length }) => sum + length, 1);
      // Messages that are there come without a turn of the event loop, and others want one, too.
      if (bytes >= ZEROMQ_TURN_BYTES) {
        bytes = 0;
        await nextTurn();
      }
      this.handle(parts);
    }
  }

  private async next(): Promise<Message[] | undefined> {
    try {
      return await this.socket.receive();
    } catch (error) {
      // That is how a socket that was closed ends it.
      if (this.socket.closed) return undefined;
      throw error;
    }
  }
}

/** A socket that has no room for so long does not get any before the end. */
const DRAIN_TRIES = 100;

interface SendingSocket {
  readonly closed: boolean;
  send(parts: MessageLike[]): Promise<void>;
}

/**
 * Sends messages one after the other; those that the socket has no room for wait, up to `queueBytes`. The socket must
 * have `sendTimeout: 0`: an XPUB socket without room cannot be waited for, so it is tried again.
 */
export class ZeromqWriter {
  private queue: { readonly parts: Uint8Array[]; readonly bytes: number }[] = [];
  private bytes = 0;
  private isSending = false;

  constructor(
    private readonly socket: SendingSocket,
    private readonly queueBytes: number,
  ) {}

  /** Bytes that wait to be taken by the socket. */
  get queuedBytes(): number {
    return this.bytes;
  }

  /** @returns whether there was room. */
  send(parts: Uint8Array[]): boolean {
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    if (this.bytes > 0 && this.bytes + bytes > this.queueBytes) return false;
    this.queue.push({ parts, bytes });
    this.bytes += bytes;
    if (!this.isSending) void this.run();
    return true;
  }

  /** Resolves when all is handed to the socket, or was tried for a moment. */
  async drain(): Promise<void> {
    for (let tries = 0; this.queue.length > 0 && tries < DRAIN_TRIES; tries++) await sleep(ZEROMQ_RETRY_MS);
  }

  private async run(): Promise<void> {
    this.isSending = true;
    for (let next = this.queue[0]; next && !this.socket.closed; next = this.queue[0]) {
      try {
        await this.socket.send(next.parts);
      } catch (error) {
        if (this.socket.closed) break;
        if (!isBusy(error)) throw error;
        await sleep(ZEROMQ_RETRY_MS);
        continue;
      }
      this.queue.shift();
      this.bytes -= next.bytes;
    }
    this.isSending = false;
  }
}

/** Whether a socket had no room. */
const isBusy = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'EAGAIN';

/**
 * Closes a socket that is bound and not being read. Its port is free when this resolves; `close` alone leaves that to
 * a thread. (`unbindSync` of zeromq 6.8 binds instead.)
 */
export async function closeBound(socket: BoundSocket): Promise<void> {
  const { lastEndpoint } = socket;
  if (lastEndpoint !== null) {
    const freed = new Promise<void>((resolve) => {
      socket.events.on('close', () => resolve());
      socket.events.on('close:error', () => resolve());
    });
    await socket.unbind(lastEndpoint);
    await freed;
  }
  socket.close();
}

interface BoundSocket {
  readonly events: Observer;
  readonly lastEndpoint: string | null;
  unbind(address: string): Promise<void>;
  close(): void;
}

/** What becomes of the connections of a socket. */
export interface ConnectionWatcher {
  /** A connection is ready for messages. */
  up(address: string): void;
  /** One that was is no more. */
  down(address: string): void;
  /** One could not be made; it is tried again. */
  failed(error: ZeekwayError): void;
}

/** Tells a watcher what a socket's monitor tells. */
export function watch(events: Observer, watcher: ConnectionWatcher): void {
  const failed = (error: ZeekwayError) => watcher.failed(error);
  events.on('handshake', ({ address }) => watcher.up(address));
  events.on('disconnect', ({ address }) => watcher.down(address));
  events.on('connect:retry', ({ address }) =>
    failed(new ZeekwayError('peer_unreachable', `${address}: no connection`, { peer: address })),
  );
  events.on('handshake:error:auth', ({ address, error }) =>
    failed(new ZeekwayError('peer_curve_refused', `${address}: ${errorLine(error)}`, { peer: address })),
  );
  for (const type of ['handshake:error:protocol', 'handshake:error:other'] as const) {
    events.on(type, ({ address, error }) =>
      failed(new ZeekwayError('peer_not_zeromq', `${address}: ${errorLine(error)}`, { peer: address })),
    );
  }
}
