import { DecodeError } from '../../codec/bytes.js';
import type { Value } from '../../codec/value.js';
import type { MonotonicMs } from '../../core/clock.js';
import { ZeekwayError } from '../../core/errors.js';
import {
  type CodecLimits,
  DEFAULT_CODEC_LIMITS,
  LIVENESS_TIMEOUT_MS,
  SHOWN_TEXT_CHARS,
  WEBSOCKET_ACK_TIMEOUT_MS,
  WEBSOCKET_HEARTBEAT_MS,
  WEBSOCKET_SILENCE_MS,
} from '../../core/limits.js';
import type { Filter } from '../broker/filter.js';
import {
  type AckMessage,
  type DataFrame,
  type ErrorMessage,
  encodeDataMessage,
  encodeSubscriptions,
  readServerMessage,
} from './messages.js';

/** What a session wants done, in this order. */
export type WebsocketOutput =
  | { readonly type: 'send'; readonly text: Buffer }
  | { readonly type: 'ping' }
  /** A pong that answers no ping. */
  | { readonly type: 'pong' }
  | { readonly type: 'acknowledged'; readonly endpoint: string; readonly version: string }
  /** The frame is the payload: its value is read from it, see `DataFrame`. */
  | { readonly type: 'message'; readonly topic: string; readonly frame: Uint8Array }
  /** The server did not take something; the connection goes on. */
  | { readonly type: 'refused'; readonly error: ZeekwayError }
  /** A frame that cannot be read, or has no place here. */
  | { readonly type: 'ignored'; readonly error: ZeekwayError }
  /** Close the WebSocket in order. What is on its way still comes. */
  | { readonly type: 'close' }
  /** Nothing comes after it: close the transport. */
  | { readonly type: 'end'; readonly reason: WebsocketEnd; readonly error?: ZeekwayError };

/** `removed`: we closed it. `lost`: the server or the network did. `failed`: it was never acknowledged. */
export type WebsocketEnd = 'removed' | 'lost' | 'failed';

type WebsocketState = 'idle' | 'await_ack' | 'open' | 'await_close' | 'ended';

export interface WebsocketSessionOptions {
  /** The topics that we want. They stay: the API cannot change them. */
  readonly filter: Filter;
  readonly limits?: CodecLimits;
}

/**
 * A client's side of one connection of Zeek's WebSocket API, without I/O: frames and the time go in, outputs come
 * out, `deadline` says when `tick` is due.
 *
 * - `idle`: `start` sends the topics once the WebSocket is open.
 * - `await_ack`: nothing may be sent; anything else than the ack ends it, as does the deadline.
 * - `open`: messages both ways. What cannot be read is reported and ignored. After some silence the server is asked for
 *   a sign of life. While we do not read, we give such signs unasked, and expect none.
 * - `await_close`: we closed it. Messages that are on their way still come in; the end of the transport ends it.
 * - `ended`: everything is ignored.
 */
export class WebsocketSession {
  private phase: WebsocketState = 'idle';
  private readonly limits: CodecLimits;
  private outputs: WebsocketOutput[] = [];
  private currentDeadline: MonotonicMs | undefined;
  private reading = true;
  private pinged = false;

  constructor(private readonly options: WebsocketSessionOptions) {
    this.limits = options.limits ?? DEFAULT_CODEC_LIMITS;
  }

  get state(): WebsocketState {
    return this.phase;
  }

  /** When `tick` is due, if at all. */
  get deadline(): MonotonicMs | undefined {
    return this.currentDeadline;
  }

  /** Call once, when the WebSocket is open. */
  start(now: MonotonicMs): WebsocketOutput[] {
    this.phase = 'await_ack';
    this.currentDeadline = now + WEBSOCKET_ACK_TIMEOUT_MS;
    try {
      this.outputs.push({ type: 'send', text: encodeSubscriptions(this.options.filter) });
    } catch (error) {
      if (!(error instanceof ZeekwayError)) throw error;
      this.end('failed', error);
    }
    return this.take();
  }

  /** A frame from the server, text or binary. */
  receive(frame: Uint8Array, now: MonotonicMs): WebsocketOutput[] {
    if (this.phase === 'ended') return this.take();
    this.heard(now);
    try {
      const message = readServerMessage(frame, this.limits);
      if (this.phase === 'await_ack') this.handleFirst(message, now);
      else this.handle(message, frame);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      if (this.phase !== 'await_ack') this.outputs.push({ type: 'ignored', error });
      else this.end('failed', notTheApi(`its first frame cannot be read: ${error.message}`, error));
    }
    return this.take();
  }

  /** A ping or a pong came. */
  heard(now: MonotonicMs): void {
    if (this.phase === 'open') this.listen(now);
  }

  /** Back-pressure: whether frames are being read. */
  setReading(reading: boolean, now: MonotonicMs): void {
    if (this.reading === reading) return;
    this.reading = reading;
    if (this.phase === 'open') this.listen(now);
  }

  /** Call when `deadline` has passed. */
  tick(now: MonotonicMs): WebsocketOutput[] {
    if (this.currentDeadline === undefined || now < this.currentDeadline) return this.take();
    if (this.phase === 'await_ack') {
      const what = `the topics were not acknowledged in ${WEBSOCKET_ACK_TIMEOUT_MS} ms`;
      this.end('failed', new ZeekwayError('peer_timeout', what));
    } else if (!this.reading) {
      this.outputs.push({ type: 'pong' });
      this.listen(now);
    } else if (this.pinged) {
      const what = `the peer did not answer a ping in ${LIVENESS_TIMEOUT_MS} ms`;
      this.end('lost', new ZeekwayError('peer_timeout', what));
    } else {
      this.pinged = true;
      this.currentDeadline = now + LIVENESS_TIMEOUT_MS;
      this.outputs.push({ type: 'ping' });
    }
    return this.take();
  }

  /** Sends a message; nothing before the ack. Throws `encode_invalid`, see `encodeDataMessage`. */
  publish(topic: string, value: Value): WebsocketOutput[] {
    if (this.phase === 'open') this.outputs.push({ type: 'send', text: encodeDataMessage(topic, value) });
    return this.take();
  }

  /** The transport is gone. @param error why, where the transport knows. */
  closed(error?: ZeekwayError): WebsocketOutput[] {
    const why = error ?? new ZeekwayError('peer_closed', 'the peer closed the connection');
    if (this.phase === 'await_close') this.end('removed');
    else if (this.phase !== 'ended') this.end(this.phase === 'open' ? 'lost' : 'failed', why);
    return this.take();
  }

  /** We want no more of it. */
  close(): WebsocketOutput[] {
    if (this.phase === 'open') {
      this.phase = 'await_close';
      this.currentDeadline = undefined;
      this.outputs.push({ type: 'close' });
    } else if (this.phase !== 'await_close' && this.phase !== 'ended') this.end('removed');
    return this.take();
  }

  private take(): WebsocketOutput[] {
    const outputs = this.outputs;
    this.outputs = [];
    return outputs;
  }

  private handleFirst(message: AckMessage | ErrorMessage | DataFrame, now: MonotonicMs): void {
    if (message.type === 'ack') {
      const { endpoint, version } = message;
      this.phase = 'open';
      this.listen(now);
      this.outputs.push({ type: 'acknowledged', endpoint, version });
    } else if (message.type === 'error') this.end('failed', refusal(message));
    else this.end('failed', notTheApi('a message came before the ack'));
  }

  private handle(message: AckMessage | ErrorMessage | DataFrame, frame: Uint8Array): void {
    if (message.type === 'data-message') {
      this.outputs.push({ type: 'message', topic: message.topic, frame });
    } else if (message.type === 'error') this.outputs.push({ type: 'refused', error: refusal(message) });
    else {
      const error = new ZeekwayError('peer_protocol', 'a second ack came');
      this.outputs.push({ type: 'ignored', error });
    }
  }

  /** The time until the next sign of life that is asked for, or given, begins anew. */
  private listen(now: MonotonicMs): void {
    this.pinged = false;
    this.currentDeadline = now + (this.reading ? WEBSOCKET_SILENCE_MS : WEBSOCKET_HEARTBEAT_MS);
  }

  private end(reason: WebsocketEnd, error?: ZeekwayError): void {
    this.phase = 'ended';
    this.currentDeadline = undefined;
    this.outputs.push(error === undefined ? { type: 'end', reason } : { type: 'end', reason, error });
  }
}

const notTheApi = (what: string, cause?: Error): ZeekwayError =>
  new ZeekwayError('peer_not_websocket', `this is not Zeek's WebSocket API: ${what}`, {}, { cause });

const refusal = ({ code, context }: ErrorMessage): ZeekwayError =>
  new ZeekwayError(
    'websocket_refused',
    `Zeek says ${JSON.stringify(`${code}: ${context}`.slice(0, SHOWN_TEXT_CHARS))}`,
  );
