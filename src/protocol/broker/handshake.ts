import { type ErrorCode, ZeekwayError } from '../../core/errors.js';
import type { EndpointId } from './endpoint-id.js';
import type { Filter } from './filter.js';
import { DROP_CODE, dropCodeName, type HandshakeMessage, PROTOCOL_VERSION } from './messages.js';

export type HandshakeState =
  | 'await_hello_or_version_select'
  | 'await_hello'
  | 'await_version_select'
  | 'await_originator_syn'
  | 'await_responder_syn_ack'
  | 'await_originator_ack'
  | 'await_resolution'
  | 'done'
  | 'failed';

/** What the handshake asks of the session around it. */
export interface HandshakeHost {
  readonly id: EndpointId;
  /** Our filter at this moment. */
  filter(): Filter;
  say(message: HandshakeMessage): void;
  /** Asks for the right to peer with that endpoint; false when another connection with it exists. */
  claim(peer: EndpointId): boolean;
  /** The claim was refused: `resolve` comes later. */
  conflict(peer: EndpointId): void;
  end(reason: 'redundant' | 'failed', error?: ZeekwayError): void;
}

type Message<T extends HandshakeMessage['type']> = Extract<HandshakeMessage, { type: T }>;

/**
 * Phases 1 and 2 of a connection (libbroker/broker/internal/connector.cc), without bytes and without time.
 *
 * Who connected says hello and is in `await_hello_or_version_select`; who accepted sends a probe, which needs
 * no answer, and is in `await_hello`. On the peer's hello the endpoint with the smaller ID is the originator:
 * it says version_select and syn, is in `await_responder_syn_ack`, and with its ack it is `done`. The other one
 * is the responder: hello, `await_version_select`, `await_originator_syn`, syn_ack, `await_originator_ack`,
 * `done`. `await_resolution` is entered where the peer seems to be connected already. A drop_conn may come in
 * any state; a message that has no place in the state fails the handshake.
 */
export class Handshake {
  private currentState: HandshakeState;
  private role: 'originator' | 'responder' | undefined;
  private peerId: EndpointId | undefined;
  private theirFilter: Filter = [];

  constructor(
    private readonly host: HandshakeHost,
    side: 'dialled' | 'accepted',
  ) {
    this.currentState = side === 'dialled' ? 'await_hello_or_version_select' : 'await_hello';
  }

  get state(): HandshakeState {
    return this.currentState;
  }

  get peer(): EndpointId | undefined {
    return this.peerId;
  }

  /** The topics that the peer wants, once it said so. */
  get peerFilter(): Filter {
    return this.theirFilter;
  }

  start(): void {
    if (this.currentState === 'await_hello') this.host.say({ type: 'probe' });
    else this.sayHello();
  }

  handle(message: HandshakeMessage): void {
    if (message.type === 'drop_conn') this.handleDrop(message);
    else if (message.type === 'probe' && this.role === undefined) return;
    else if (!this.handleExpected(message)) {
      this.refuse(
        'peer_protocol',
        `${message.type} came in state ${this.currentState}`,
        DROP_CODE.invalid_message,
      );
    }
  }

  /** The outcome of a conflict: `proceed` with this connection, or it is `redundant`. */
  resolve(outcome: 'proceed' | 'redundant'): void {
    if (outcome === 'proceed') {
      this.continueAsRole();
      return;
    }
    // Only the originator may call a connection redundant; a responder says what Broker's says, and the
    // peer tries again.
    if (this.role === 'originator') this.drop(DROP_CODE.redundant_connection, 'redundant connection');
    else this.drop(DROP_CODE.logic_error, 'detected redundant connection at the responder');
    this.currentState = 'failed';
    this.host.end('redundant');
  }

  /** Gives up from our side, saying why to the peer. */
  refuse(code: ErrorCode, what: string, dropCode: number, cause?: Error): void {
    this.drop(dropCode, what);
    this.currentState = 'failed';
    this.host.end('failed', this.error(code, what, cause));
  }

  /** The transitions; false when the message has no place in this state. */
  private handleExpected(message: HandshakeMessage): boolean {
    switch (message.type) {
      case 'hello':
        if (this.currentState !== 'await_hello' && this.currentState !== 'await_hello_or_version_select')
          return false;
        this.handleHello(message);
        return true;
      case 'version_select':
        if (
          this.currentState !== 'await_version_select' &&
          this.currentState !== 'await_hello_or_version_select'
        ) {
          return false;
        }
        this.handleVersionSelect(message);
        return true;
      case 'originator_syn':
        if (this.currentState !== 'await_originator_syn') return false;
        this.theirFilter = message.filter;
        this.host.say({ type: 'responder_syn_ack', filter: this.host.filter() });
        this.currentState = 'await_originator_ack';
        return true;
      case 'responder_syn_ack':
        if (this.currentState !== 'await_responder_syn_ack') return false;
        this.theirFilter = message.filter;
        this.host.say({ type: 'originator_ack' });
        this.currentState = 'done';
        return true;
      case 'originator_ack':
        if (this.currentState !== 'await_originator_ack') return false;
        this.currentState = 'done';
        return true;
      default:
        return false;
    }
  }

  private handleHello({ sender, minVersion, maxVersion }: Message<'hello'>): void {
    if (minVersion > PROTOCOL_VERSION || maxVersion < PROTOCOL_VERSION) {
      const what = `the peer speaks versions ${minVersion} to ${maxVersion}, zeekway ${PROTOCOL_VERSION}`;
      this.refuse('peer_incompatible', what, DROP_CODE.peer_incompatible);
    } else if (sender === this.host.id) {
      this.refuse('peer_protocol', 'the peer has our own endpoint ID', DROP_CODE.logic_error);
    } else if (this.host.id < sender) {
      this.beginAs('originator', sender);
    } else {
      this.peerId = sender;
      this.sayHello();
      this.currentState = 'await_version_select';
    }
  }

  private handleVersionSelect({ sender, version }: Message<'version_select'>): void {
    if (version !== PROTOCOL_VERSION) {
      const what = `the peer chose version ${version}, zeekway speaks ${PROTOCOL_VERSION}`;
      this.refuse('peer_incompatible', what, DROP_CODE.peer_incompatible);
    } else if (this.peerId !== undefined && this.peerId !== sender) {
      const what = `the peer changed its ID from ${this.peerId} to ${sender}`;
      this.refuse('peer_protocol', what, DROP_CODE.invalid_message);
    } else if (sender >= this.host.id) {
      const what = `the peer ${sender} took the originator's part, which is ours`;
      this.refuse('peer_protocol', what, DROP_CODE.logic_error);
    } else {
      this.beginAs('responder', sender);
    }
  }

  private beginAs(role: 'originator' | 'responder', peer: EndpointId): void {
    this.role = role;
    this.peerId = peer;
    if (this.host.claim(peer)) {
      this.continueAsRole();
    } else {
      this.currentState = 'await_resolution';
      this.host.conflict(peer);
    }
  }

  private continueAsRole(): void {
    if (this.role === 'originator') {
      this.host.say({ type: 'version_select', sender: this.host.id, version: PROTOCOL_VERSION });
      this.host.say({ type: 'originator_syn', filter: this.host.filter() });
      this.currentState = 'await_responder_syn_ack';
    } else {
      this.currentState = 'await_originator_syn';
    }
  }

  private handleDrop({ sender, code, description }: Message<'drop_conn'>): void {
    this.peerId ??= sender;
    this.currentState = 'failed';
    if (code === DROP_CODE.redundant_connection) {
      this.host.end('redundant');
      return;
    }
    const errorCode: ErrorCode = code === DROP_CODE.peer_incompatible ? 'peer_incompatible' : 'peer_dropped';
    this.host.end(
      'failed',
      this.error(errorCode, `the peer refused: ${dropCodeName(code)} (${description})`),
    );
  }

  private sayHello(): void {
    const version = { minVersion: PROTOCOL_VERSION, maxVersion: PROTOCOL_VERSION };
    this.host.say({ type: 'hello', sender: this.host.id, ...version });
  }

  private drop(code: number, description: string): void {
    this.host.say({ type: 'drop_conn', sender: this.host.id, code, description });
  }

  private error(code: ErrorCode, what: string, cause?: Error): ZeekwayError {
    const where = this.peerId === undefined ? {} : { peer: this.peerId };
    return new ZeekwayError(code, what, where, cause === undefined ? undefined : { cause });
  }
}
