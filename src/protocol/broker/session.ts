import { DecodeError } from '../../codec/bytes.js';
import { FrameReader } from '../../codec/frame.js';
import type { MonotonicMs } from '../../core/clock.js';
import { type ErrorCode, ZeekwayError } from '../../core/errors.js';
import {
  type CodecLimits,
  DEFAULT_CODEC_LIMITS,
  DEFAULT_TTL,
  HANDSHAKE_FRAME_BYTES,
  HANDSHAKE_TIMEOUT_MS,
  LIVENESS_TIMEOUT_MS,
  PING_BYTES,
  STORE_SNAPSHOT_BYTES,
  UNPEER_GRACE_MS,
} from '../../core/limits.js';
import { isCloneTopic } from '../store/topics.js';
import { type EndpointId, EVERYBODY } from './endpoint-id.js';
import {
  decodeEnvelope,
  decodeRoutingUpdate,
  type Envelope,
  encodeEnvelope,
  frame,
  routingUpdate,
} from './envelope.js';
import { type Filter, FilterMatcher, RESERVED_TOPIC } from './filter.js';
import { describeFirstBytes } from './first-bytes.js';
import { Handshake } from './handshake.js';
import {
  DROP_CODE,
  decodeHandshake,
  encodeHandshake,
  type HandshakeMessage,
  WrongMagicError,
} from './messages.js';
import type { EndReason, SessionOptions, SessionOutput, SessionState } from './session-contract.js';

const BYE = Buffer.from('BYE');
/** "BYE" and a 64-bit number (libbroker/broker/internal/peering.cc). */
const BYE_TOKEN_BYTES = 11;
/** Enough of the first bytes to tell what the other side speaks. */
const FIRST_BYTES = 16;

/**
 * One connection of Broker's native protocol, version 1, without I/O: bytes and the time go in, outputs come
 * out, `deadline` says when `tick` is due.
 *
 * - The handshake's states come first, see `Handshake`. In `await_resolution` bytes wait unread; a peer has next
 *   to nothing to say before it is answered.
 * - `peered`: envelopes both ways. A frame that is none is reported and ignored.
 * - `await_bye`: we unpeer, a BYE ping is out; its pong, the end of the connection or the grace period ends it.
 *   Until then messages still come in.
 * - `ended`: everything is ignored.
 */
export class BrokerSession {
  private phase: 'idle' | 'handshake' | 'peered' | 'await_bye' | 'ended' = 'idle';
  private readonly limits: CodecLimits;
  private readonly frames: FrameReader;
  private readonly handshake: Handshake;
  private outputs: SessionOutput[] = [];
  private filter: Filter;
  /** Our filter as the peer knows it. */
  private saidFilter: Filter | undefined;
  private peerMatcher = new FilterMatcher([]);
  private currentDeadline: MonotonicMs | undefined;
  private held: Uint8Array[] = [];
  private heldBytes = 0;
  private firstBytes = Buffer.alloc(0);
  private byeToken: Buffer | undefined;
  private livenessToken: Buffer | undefined;
  private peerSaidBye = false;

  constructor(private readonly options: SessionOptions) {
    this.limits = options.limits ?? DEFAULT_CODEC_LIMITS;
    this.filter = options.filter;
    this.frames = new FrameReader(Math.min(HANDSHAKE_FRAME_BYTES, this.limits.frameBytes));
    const host = {
      id: options.id,
      filter: () => this.filter,
      say: (message: HandshakeMessage) => {
        if ('filter' in message) this.saidFilter = message.filter;
        this.send(encodeHandshake(message));
      },
      claim: options.claim,
      conflict: (peer: EndpointId) => void this.outputs.push({ type: 'conflict', peer }),
      end: (reason: EndReason, error?: ZeekwayError) => this.end(reason, error),
    };
    this.handshake = new Handshake(host, options.side);
  }

  get state(): SessionState {
    return this.phase === 'handshake' ? (this.handshake.state as SessionState) : this.phase;
  }

  /** The peer's endpoint ID, once it was said. */
  get peer(): EndpointId | undefined {
    return this.handshake.peer;
  }

  /** The topics that the peer wants. */
  get peerFilter(): Filter {
    return this.peerMatcher.filter;
  }

  /** When `tick` is due, if at all. */
  get deadline(): MonotonicMs | undefined {
    return this.currentDeadline;
  }

  /** Call once, when the transport is connected. */
  start(now: MonotonicMs): SessionOutput[] {
    this.currentDeadline = now + HANDSHAKE_TIMEOUT_MS;
    this.phase = 'handshake';
    this.handshake.start();
    return this.take();
  }

  /** Bytes from the peer. */
  receive(chunk: Uint8Array): SessionOutput[] {
    if (this.state === 'await_resolution') this.hold(chunk);
    else this.read(chunk);
    return this.take();
  }

  /** Reading goes on after a pause, in which an answer may have waited: it gets its time anew. */
  resumed(now: MonotonicMs): void {
    if (this.phase === 'peered' && this.livenessToken) this.currentDeadline = now + LIVENESS_TIMEOUT_MS;
  }

  /** The transport is gone. @param error why, where the transport knows. */
  closed(error?: ZeekwayError): SessionOutput[] {
    if (this.phase === 'await_bye') this.end('removed');
    else if (this.phase === 'peered') this.end('lost', error ?? this.closedWhilePeered());
    else if (this.phase !== 'ended') this.end('failed', error ?? this.closedInHandshake());
    return this.take();
  }

  /** Call when `deadline` has passed. */
  tick(now: MonotonicMs): SessionOutput[] {
    if (this.currentDeadline === undefined || now < this.currentDeadline) return this.take();
    this.currentDeadline = undefined;
    if (this.phase === 'await_bye') {
      this.end(
        'removed',
        this.error('peer_timeout', `the peer did not answer the BYE in ${UNPEER_GRACE_MS} ms`),
      );
    } else if (this.phase === 'peered') {
      this.end(
        'lost',
        this.error('peer_timeout', `the peer did not answer a ping in ${LIVENESS_TIMEOUT_MS} ms`),
      );
    } else if (this.phase === 'handshake') {
      const what = `the peer did not finish the handshake in ${HANDSHAKE_TIMEOUT_MS} ms (${this.state})`;
      this.end('failed', this.error('peer_timeout', what));
    }
    return this.take();
  }

  /** Whether the peer subscribed to the topic. */
  wants(topic: string): boolean {
    return this.peerMatcher.matches(topic) && !topic.startsWith(RESERVED_TOPIC);
  }

  /**
   * Sends an envelope, of data or of a store's command, when the peer's filter matches; nothing otherwise.
   * @param payload the bytes of the value or the command. @param receiver addresses that endpoint past its filter.
   */
  publish(
    topic: string,
    payload: Uint8Array,
    receiver?: EndpointId,
    type: 'data' | 'command' = 'data',
  ): SessionOutput[] {
    if (this.phase === 'peered' && (receiver !== undefined || this.wants(topic))) {
      this.sendEnvelope(type, receiver ?? EVERYBODY, topic, payload);
    }
    return this.take();
  }

  /** Replaces our filter; a peered endpoint is told. */
  setFilter(filter: Filter): SessionOutput[] {
    this.filter = filter;
    if (this.phase === 'peered') {
      this.frames.maximumBytes = this.longestFrame;
      this.tellFilter();
    }
    return this.take();
  }

  /** Asks the peer for a sign of life; ends the session when none comes in time. */
  probeAlive(now: MonotonicMs): SessionOutput[] {
    if (this.phase === 'peered' && this.livenessToken === undefined) {
      this.livenessToken = Buffer.from(this.options.random(8));
      this.currentDeadline = now + LIVENESS_TIMEOUT_MS;
      this.sendEnvelope('ping', this.peer ?? EVERYBODY, RESERVED_TOPIC, this.livenessToken);
    }
    return this.take();
  }

  /** Ends the peering as Broker does: BYE, its answer, close; at once where there is no peering yet. */
  unpeer(now: MonotonicMs): SessionOutput[] {
    if (this.phase === 'peered') {
      this.byeToken = Buffer.concat([BYE, this.options.random(BYE_TOKEN_BYTES - BYE.length)]);
      this.phase = 'await_bye';
      this.currentDeadline = now + UNPEER_GRACE_MS;
      this.sendEnvelope('ping', this.peer ?? EVERYBODY, RESERVED_TOPIC, this.byeToken);
    } else if (this.phase === 'idle' || this.phase === 'handshake') {
      const description = 'shutting down';
      const code = DROP_CODE.shutting_down;
      this.send(encodeHandshake({ type: 'drop_conn', sender: this.options.id, code, description }));
      this.end('removed');
    }
    return this.take();
  }

  /** The outcome of a conflict: `proceed` with this connection, or it is `redundant`. */
  resolve(outcome: 'proceed' | 'redundant'): SessionOutput[] {
    if (this.state === 'await_resolution') {
      this.handshake.resolve(outcome);
      for (const chunk of this.held.splice(0)) this.read(chunk);
    }
    return this.take();
  }

  private hold(chunk: Uint8Array): void {
    this.held.push(Uint8Array.from(chunk));
    this.heldBytes += chunk.length;
    if (this.heldBytes <= HANDSHAKE_FRAME_BYTES) return;
    const what = `${this.heldBytes} bytes came before the handshake went on`;
    this.handshake.refuse('peer_protocol', what, DROP_CODE.invalid_message);
  }

  private take(): SessionOutput[] {
    const outputs = this.outputs;
    this.outputs = [];
    return outputs;
  }

  private read(chunk: Uint8Array): void {
    if (this.phase === 'ended') return;
    if (this.firstBytes.length < FIRST_BYTES) {
      this.firstBytes = Buffer.concat([
        this.firstBytes,
        chunk.subarray(0, FIRST_BYTES - this.firstBytes.length),
      ]);
    }
    try {
      this.frames.push(chunk);
      for (let content = this.frames.next(); content !== undefined; content = this.frames.next()) {
        this.handleFrame(content);
        if (this.state === 'ended') return;
        if (this.state === 'await_resolution') {
          this.hold(this.frames.takeRest());
          return;
        }
      }
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.refuse(error);
    }
  }

  /** The snapshot of a store comes in one frame, where we have a clone. */
  private get longestFrame(): number {
    const { frameBytes } = this.limits;
    return this.filter.some(isCloneTopic) ? Math.max(frameBytes, STORE_SNAPSHOT_BYTES) : frameBytes;
  }

  private handleFrame(content: Uint8Array): void {
    if (this.phase !== 'handshake') {
      this.handleEnvelope(content);
      return;
    }
    this.handshake.handle(decodeHandshake(content, this.limits));
    if (this.handshake.state === 'done') {
      this.phase = 'peered';
      this.currentDeadline = undefined;
      this.frames.maximumBytes = this.longestFrame;
      this.peerMatcher = new FilterMatcher(this.handshake.peerFilter);
      this.outputs.push({ type: 'peered', peer: this.peer ?? EVERYBODY, filter: this.peerFilter });
      // It may have changed behind our syn or syn_ack.
      if (this.saidFilter !== this.filter) this.tellFilter();
    }
  }

  private handleEnvelope(content: Uint8Array): void {
    try {
      const envelope = decodeEnvelope(content, this.limits);
      this.expectForUs(envelope);
      if (envelope.type === 'routing_update') this.handleRoutingUpdate(envelope);
      else if (envelope.type === 'ping') this.handlePing(envelope);
      else if (envelope.type === 'pong') this.handlePong(envelope.payload);
      else this.outputs.push({ type: 'message', envelope });
    } catch (error) {
      if (!(error instanceof ZeekwayError)) throw error;
      this.outputs.push({ type: 'ignored', error, frame: content });
    }
  }

  /** Throws where an envelope is addressed to another endpoint, or has a topic that never leaves one. */
  private expectForUs({ type, receiver, topic }: Envelope): void {
    if (receiver !== EVERYBODY && receiver !== this.options.id) {
      throw this.error('peer_protocol', `a ${type} came for another endpoint, ${receiver}`);
    }
    if (type === 'data' && topic.startsWith(RESERVED_TOPIC)) {
      throw this.error('peer_protocol', `data came with the reserved topic ${topic}`);
    }
  }

  private handleRoutingUpdate(envelope: Envelope): void {
    this.peerMatcher = new FilterMatcher(decodeRoutingUpdate(envelope, this.limits));
    this.outputs.push({ type: 'filter', filter: this.peerFilter });
  }

  private handlePing({ sender, topic, payload }: Envelope): void {
    if (payload.length > PING_BYTES) {
      throw this.error(
        'peer_protocol',
        `a ping of ${payload.length} bytes came; at most ${PING_BYTES} are answered`,
      );
    }
    if (payload.length === BYE_TOKEN_BYTES && BYE.equals(payload.subarray(0, BYE.length)))
      this.peerSaidBye = true;
    this.sendEnvelope('pong', sender, topic, payload);
  }

  private handlePong(payload: Uint8Array): void {
    if (this.byeToken?.equals(payload)) {
      this.end('removed');
    } else if (this.livenessToken?.equals(payload)) {
      this.livenessToken = undefined;
      if (this.phase === 'peered') this.currentDeadline = undefined;
      this.outputs.push({ type: 'alive' });
    }
  }

  private tellFilter(): void {
    this.saidFilter = this.filter;
    this.send(encodeEnvelope(routingUpdate(this.options.id, this.peer ?? EVERYBODY, this.filter)));
  }

  private sendEnvelope(
    type: Envelope['type'],
    receiver: EndpointId,
    topic: string,
    payload: Uint8Array,
  ): void {
    this.send(encodeEnvelope({ type, sender: this.options.id, receiver, ttl: DEFAULT_TTL, topic, payload }));
  }

  private send(content: Buffer): void {
    this.outputs.push({ type: 'send', bytes: frame(content) });
  }

  /** Bytes that are no frame, or no handshake message. */
  private refuse(error: DecodeError): void {
    if (this.phase === 'peered' || this.phase === 'await_bye') {
      // The frame lengths are lost: there is no way to find the next message.
      this.end('lost', this.error('peer_protocol', `a frame cannot be read: ${error.message}`, error));
      return;
    }
    const stranger = this.peer === undefined ? describeFirstBytes(this.firstBytes) : undefined;
    if (stranger) this.end('failed', this.error(stranger.code, stranger.message, error));
    else if (error instanceof WrongMagicError) {
      this.handshake.refuse('peer_not_broker', error.message, DROP_CODE.wrong_magic_number, error);
    } else {
      this.handshake.refuse('peer_protocol', error.message, DROP_CODE.invalid_message, error);
    }
  }

  private closedWhilePeered(): ZeekwayError {
    return this.error(
      'peer_closed',
      this.peerSaidBye ? 'the peer unpeered' : 'the peer closed the connection',
    );
  }

  private closedInHandshake(): ZeekwayError {
    const silent = this.firstBytes.length === 0;
    const hint = silent
      ? ' without a word: is its port a Broker port, with the same tls= mode, and (tls=mutual) does it take our certificate?'
      : '';
    return this.error(
      'peer_closed',
      `the peer closed the connection in the handshake (${this.state})${hint}`,
    );
  }

  private end(reason: EndReason, error?: ZeekwayError): void {
    this.phase = 'ended';
    this.currentDeadline = undefined;
    this.held = [];
    this.outputs.push(error === undefined ? { type: 'end', reason } : { type: 'end', reason, error });
  }

  private error(code: ErrorCode, what: string, cause?: Error): ZeekwayError {
    const where = this.peer === undefined ? {} : { peer: this.peer };
    return new ZeekwayError(code, what, where, cause === undefined ? undefined : { cause });
  }
}
