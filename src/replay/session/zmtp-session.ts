import { DecodeError } from '../../codec/bytes.js';
import { displayText, nameFromBytes } from '../../codec/text.js';
import { DEAD_LETTER_BYTES, REPLAY_WARNINGS } from '../../core/limits.js';
import { NODE_ID_PREFIX, readZeroMqMessage, type ZeroMqMessage } from '../../protocol/zeromq/messages.js';
import {
  isZmtpGreeting,
  ZMTP_GREETING_BYTES,
  ZmtpDecoder,
  type ZmtpItem,
} from '../../protocol/zeromq/zmtp.js';
import type { Direction } from '../tcp/connections.js';
import type { CaptureSession, SessionContext, Verdict } from './capture-session.js';
import { directionName, SessionStream, type StreamReader } from './session-stream.js';
import { ZmtpSearch } from './zmtp-search.js';

type MessageItem = Extract<ZmtpItem, { type: 'message' }>;
/** The mechanisms that do not encrypt. */
const READABLE: ReadonlySet<string> = new Set(['NULL', 'PLAIN']);

/**
 * A ZMTP connection in a capture. Others than Zeek speak it, too: until one of Zeek's messages has come, nothing is
 * counted, warned of or called malformed.
 */
export class ZmtpSession implements CaptureSession {
  verdict: Verdict = 'undecided';
  private readonly streams: readonly [SessionStream, SessionStream];
  private isZeek = false;
  /** What is to be told once this is known to be Zeek's. */
  private readonly untold: (() => void)[] = [];
  private uncounted = 0;
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
    const name = directionName(this.name, direction);
    const leg = {};
    const protocol = {
      isBeginning: (head: Buffer) => {
        const isGreeting = isZmtpGreeting(head);
        return isGreeting === true && head.length < ZMTP_GREETING_BYTES ? undefined : isGreeting;
      },
      reader: (from: 'beginning' | 'boundary', first: number) =>
        new ZmtpReader(
          new ZmtpDecoder(this.context.limits, from === 'beginning' ? undefined : 'NULL'),
          (item, time) => {
            this.context.watcher?.zmtp(item, { name, time, offset: first + item.offset });
            this.item(item, name, leg, time);
          },
        ),
      search: () => new ZmtpSearch(),
    };
    return new SessionStream(protocol, {
      recognized: () => this.recognized(),
      foreign: () => {
        if (this.verdict === 'undecided') this.verdict = 'foreign';
      },
      warn: (code, message) => this.tell(() => this.context.report.warn(code, name, `${name}: ${message}`)),
    });
  }

  private recognized(): void {
    if (this.verdict !== 'undecided') return;
    this.verdict = 'recognized';
    for (const stream of this.streams) stream.setRecognized();
  }

  private tell(warning: () => void): void {
    if (this.isZeek) warning();
    else if (this.untold.length < REPLAY_WARNINGS) this.untold.push(warning);
  }

  private becomeZeek(): void {
    if (this.isZeek) return;
    this.isZeek = true;
    this.context.report.sessions += 1;
    this.context.report.messages += this.uncounted;
    for (const warning of this.untold.splice(0)) warning();
  }

  private item(item: ZmtpItem, name: string, leg: object, time: bigint): void {
    if (this.verdict === 'unreadable') return;
    if (this.isZeek) this.context.report.messages += 1;
    else this.uncounted += 1;
    if (item.type === 'greeting') this.greeting(item.mechanism);
    else if (item.type === 'message') this.message(item, name, leg, time);
  }

  private greeting(mechanism: string): void {
    if (READABLE.has(mechanism)) return;
    this.verdict = 'unreadable';
    const what = `${this.name} is a ZeroMQ session with ${displayText(mechanism)}`;
    this.context.report.warn('capture_encrypted', this.name, what);
    for (const stream of this.streams) stream.stop();
  }

  private message(item: MessageItem, name: string, leg: object, time: bigint): void {
    let message: ZeroMqMessage;
    try {
      message = readZeroMqMessage(item.parts);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.malformed(item, `${name}: message at byte ${item.offset} of the stream: ${error.message}`, time);
      return;
    }
    if (!('payload' in message)) return;
    this.becomeZeek();
    const { report, zeroMq, emit } = this.context;
    if (zeroMq.isCopy(message, leg, time)) {
      report.copies += 1;
      return;
    }
    const { topic, sender, format, payload } = message;
    for (const one of zeroMq.interpreter(sender).interpret(topic, payload, time, format)) emit(one);
  }

  private malformed({ parts }: MessageItem, reason: string, time: bigint): void {
    if (parts[1] && isNodeId(parts[1])) this.becomeZeek();
    if (!this.isZeek) return;
    this.context.emit({
      kind: 'dead-letter',
      code: 'message_malformed',
      reason,
      subject: '',
      raw: Buffer.concat(parts).subarray(0, DEAD_LETTER_BYTES),
      origin: this.context.zeroMq.origin(''),
      topic: '',
      received: time,
    });
  }
}

const isNodeId = (part: Uint8Array): boolean =>
  nameFromBytes(part.subarray(0, NODE_ID_PREFIX.length)) === NODE_ID_PREFIX;

/** Hands on all that a decoder finds. */
class ZmtpReader implements StreamReader {
  constructor(
    private readonly decoder: ZmtpDecoder,
    private readonly onItem: (item: ZmtpItem, time: bigint) => void,
  ) {}

  get pendingBytes(): number {
    return this.decoder.pendingBytes;
  }

  takeRest(): Uint8Array {
    return this.decoder.takeRest();
  }

  read(bytes: Uint8Array, time: bigint): void {
    this.decoder.push(bytes);
    for (let item = this.decoder.next(); item; item = this.decoder.next()) this.onItem(item, time);
  }
}
