import { STORE_NACK_TICKS, STORE_NACKS, STORE_REORDERED } from '../../core/limits.js';
import type { StoreControl } from './commands.js';

/** What a consumer says to its producer. */
export type ConsumerControl = Extract<StoreControl, { type: 'cumulative_ack' | 'nack' }>;

export interface ConsumerHost<T> {
  /** The next command, in order, each once. */
  consume(command: T): void;
  /** The next command is lost for good. @returns whether to go on without it; else the consumer is not to be used again. */
  lost(): boolean;
  send(control: ConsumerControl): void;
}

/**
 * The receiving half of Broker's channel (libbroker/broker/internal/channel.hh, `consumer`): puts what one producer sent into
 * order, confirms it, and asks for what is missing. Time goes by in ticks.
 *
 * It waits for a handshake, and asks for it by `nack [0]`; from then on the next command is the one behind the offset.
 */
export class Consumer<T> {
  /** The next sequence number; 0 before the handshake. */
  private next = 0n;
  /** One more than the highest that is known to exist. */
  private end = 0n;
  /** What came too early; undefined for what is lost for good. */
  private readonly early = new Map<bigint, T | undefined>();
  private heartbeatTicks = 0;
  private ticks = 0;
  private idleTicks = 0;
  private nextAtTick = 0n;
  private isClosed = false;

  constructor(private readonly host: ConsumerHost<T>) {}

  get isReady(): boolean {
    return this.next !== 0n;
  }

  /** The last command that was consumed. */
  get consumed(): bigint {
    return this.next - 1n;
  }

  /** Whether nothing is known to be missing. */
  get isIdle(): boolean {
    return this.isReady && this.next === this.end;
  }

  /** @returns false for one that is repeated, which changes nothing. */
  handshake(offset: bigint, heartbeatTicks: number): boolean {
    if (this.isReady) return false;
    this.next = offset + 1n;
    this.end = this.next;
    this.heartbeatTicks = heartbeatTicks;
    for (const sequence of this.early.keys()) {
      if (sequence <= offset) this.early.delete(sequence);
      else this.learn(sequence);
    }
    this.consumeEarly();
    this.acknowledge();
    return true;
  }

  /** The producer says how far it is. */
  heartbeat(sequence: bigint): void {
    if (this.isReady && sequence > 0n) this.learn(sequence);
  }

  receive(sequence: bigint, command: T): void {
    if (sequence === this.next && this.isReady) {
      this.host.consume(command);
      this.advance();
      this.consumeEarly();
    } else this.keep(sequence, command);
  }

  /** The producer cannot send it again. */
  retransmitFailed(sequence: bigint): void {
    if (!this.isReady) return;
    if (sequence === this.next) {
      if (!this.skip()) return;
      this.consumeEarly();
    } else if (!this.early.has(sequence)) this.keep(sequence, undefined);
  }

  tick(): void {
    if (this.isClosed) return;
    this.ticks += 1;
    if (!this.isReady) {
      if (this.isDue()) this.host.send({ type: 'nack', sequences: [0n] });
      return;
    }
    const hasProgressed = this.next > this.nextAtTick;
    this.nextAtTick = this.next;
    if (hasProgressed) this.idleTicks = 0;
    else if (this.isDue(this.next < this.end)) {
      this.host.send({ type: 'nack', sequences: this.missing() });
      return;
    }
    if (this.heartbeatTicks > 0 && this.ticks % this.heartbeatTicks === 0) this.acknowledge();
  }

  acknowledge(): void {
    this.host.send({ type: 'cumulative_ack', sequence: this.consumed });
  }

  private isDue(something = true): boolean {
    this.idleTicks += 1;
    if (!something || this.idleTicks < STORE_NACK_TICKS) return false;
    this.idleTicks = 0;
    return true;
  }

  private keep(sequence: bigint, command: T | undefined): void {
    if (sequence < this.next || this.early.size >= STORE_REORDERED) return;
    if (this.early.get(sequence) === undefined) this.early.set(sequence, command);
    this.learn(sequence - 1n);
  }

  private learn(sequence: bigint): void {
    if (sequence + 1n > this.end) this.end = sequence + 1n;
  }

  private advance(): void {
    this.next += 1n;
    if (this.next > this.end) this.end = this.next;
  }

  private skip(): boolean {
    if (!this.host.lost()) {
      this.isClosed = true;
      return false;
    }
    this.advance();
    return true;
  }

  private consumeEarly(): void {
    while (this.early.size > 0 && this.early.has(this.next)) {
      const command = this.early.get(this.next);
      this.early.delete(this.next);
      if (command === undefined) {
        if (!this.skip()) return;
      } else {
        this.host.consume(command);
        this.advance();
      }
    }
  }

  /** In order, as the producer wants them. */
  private missing(): bigint[] {
    const sequences: bigint[] = [];
    for (let sequence = this.next; sequence < this.end && sequences.length < STORE_NACKS; sequence++) {
      if (!this.early.has(sequence)) sequences.push(sequence);
    }
    return sequences;
  }
}
