import { DEAD_LETTER_BYTES } from '../../core/limits.js';
import type { Envelope } from '../../protocol/broker/envelope.js';
import { Interpreter } from '../../zeek/interpreter.js';
import type { Origin } from '../../zeek/item.js';
import type { Direction } from '../tcp/connections.js';
import { brokerProtocol } from './broker-stream.js';
import type { CaptureSession, SessionContext, Verdict } from './capture-session.js';
import { directionName, SessionStream } from './session-stream.js';

/** A Broker peering in a capture: both directions of it, each with its own place in the protocol. */
export class BrokerSession implements CaptureSession {
  verdict: Verdict = 'undecided';
  private readonly streams: readonly [SessionStream, SessionStream];
  /** By sender: each peer has its own log schemas. */
  private readonly interpreters = new Map<string, Interpreter>();
  private time = 0n;

  constructor(
    private readonly name: string,
    private readonly context: SessionContext,
  ) {
    this.streams = [this.stream(0), this.stream(1)];
  }

  data(direction: Direction, bytes: Buffer, time: bigint, hasBeginning: boolean): void {
    this.time = time;
    this.streams[direction].data(bytes, time, hasBeginning);
  }

  gap(direction: Direction, bytes: number): void {
    this.streams[direction].gap(bytes, this.time);
  }

  end(): void {
    for (const stream of this.streams) stream.end(this.time);
  }

  private stream(direction: Direction): SessionStream {
    const { report, limits, watcher } = this.context;
    const name = directionName(this.name, direction);
    const protocol = brokerProtocol(
      {
        handshake: (message, frame, place) => {
          report.messages += 1;
          watcher?.handshake(message, frame, { name, ...place });
        },
        envelope: (envelope, frame, place) => {
          watcher?.envelope(envelope, frame, { name, ...place });
          this.envelope(envelope, place.time);
        },
        malformed: (frame, reason, place) => {
          watcher?.malformed(frame, reason, { name, ...place });
          this.malformed(frame, `${name}: ${reason}`, place.time);
        },
      },
      limits,
    );
    return new SessionStream(protocol, {
      recognized: () => this.recognized(),
      foreign: () => {
        if (this.verdict === 'undecided') this.verdict = 'foreign';
      },
      warn: (code, message) => report.warn(code, name, `${name}: ${message}`),
    });
  }

  private recognized(): void {
    if (this.verdict === 'recognized') return;
    this.verdict = 'recognized';
    this.context.report.sessions += 1;
    for (const stream of this.streams) stream.setRecognized();
  }

  private envelope({ type, sender, topic, payload }: Envelope, time: bigint): void {
    const { report, emit } = this.context;
    report.messages += 1;
    if (type === 'command') report.commands += 1;
    if (type !== 'data') return;
    for (const item of this.interpreter(sender).interpret(topic, payload, time)) emit(item);
  }

  private interpreter(sender: string): Interpreter {
    let found = this.interpreters.get(sender);
    if (!found) {
      found = new Interpreter(this.origin(sender), this.context.limits);
      this.interpreters.set(sender, found);
    }
    return found;
  }

  private origin(peer: string): Origin {
    return { kind: 'replay', peer, name: this.context.file };
  }

  private malformed(frame: Uint8Array, reason: string, time: bigint): void {
    this.context.report.messages += 1;
    this.context.emit({
      kind: 'dead-letter',
      code: 'message_malformed',
      reason,
      subject: '',
      raw: frame.subarray(0, DEAD_LETTER_BYTES),
      origin: this.origin(''),
      topic: '',
      received: time,
    });
  }
}
