import { ZeekwayError } from '../../core/errors.js';
import {
  STORE_HEARTBEAT_TICKS,
  STORE_PARTIES,
  STORE_PENDING,
  STORE_TIMEOUT_HEARTBEATS,
} from '../../core/limits.js';
import {
  type EntityId,
  encodeStoreMessage,
  entityText,
  isAction,
  NOBODY,
  type StoreAction,
  type StoreCommand,
  type StoreMessage,
} from './commands.js';
import { Consumer } from './consumer.js';
import type { StoreChange, StoreContent } from './content.js';
import { doAction } from './deed.js';
import { Expiries } from './expiries.js';
import type { StoreOutput } from './outputs.js';
import type { StorePosition } from './position.js';
import { Producer } from './producer.js';
import type { Snapshot } from './snapshot.js';
import { cloneTopic } from './topics.js';

/** Who writes and is not heard for so long is forgotten. */
const SILENT_TICKS = STORE_HEARTBEAT_TICKS * STORE_TIMEOUT_HEARTBEATS;

/** One action that was done and is not durable yet. */
interface Pending {
  readonly changes: readonly StoreChange[];
  /** What is said when it is durable, behind the commands up to `sequence`. */
  readonly outputs: readonly StoreOutput[];
  readonly sequence: bigint;
  /** Whose action it was, and its number there. */
  readonly writer?: Writer | undefined;
  readonly writerSequence: bigint;
}

/** Who writes to the master from elsewhere. */
interface Writer {
  readonly id: EntityId;
  readonly consumer: Consumer<StoreAction>;
  /** The last action of it that is durable, which is what it is told; 0 while it is not attached durably. */
  durable: bigint;
  lastSeen: number;
}

/** What a clone waits for. */
interface Greeting {
  readonly offset: bigint;
  snapshot?: Snapshot;
}

export interface MasterOptions {
  readonly id: EntityId;
  readonly store: string;
  readonly content: StoreContent;
  /** What the content reached in an earlier life. */
  readonly position?: StorePosition | undefined;
}

/**
 * A store's master (libbroker/broker/internal/master_actor.cc), without I/O. It does the actions of its clones and its own in the
 * order they come, and tells all clones what became of the content: puts, erasures, expiries, clears and answers to put_unique.
 *
 * An action is done in memory at once and waits in `pending`; when the owner has made its changes durable, `committed` says what
 * to tell the clones and who wrote it. Confirmations, too, are about what is durable. Heartbeats go on meanwhile.
 */
export class Master {
  readonly id: EntityId;
  readonly content: StoreContent;
  private readonly topic: string;
  private readonly producer: Producer;
  private readonly writers = new Map<string, Writer>();
  private readonly greetings = new Map<string, Greeting>();
  private readonly expiries: Expiries;
  private waiting: Pending[] = [];
  private outputs: StoreOutput[] = [];
  /** Whether a clone may be out there that knows a sequence number of ours. */
  private wasHeard: boolean;
  private now = 0n;
  private ticks = 0;

  constructor({ id, store, content, position }: MasterOptions) {
    this.id = id;
    this.content = content;
    this.topic = cloneTopic(store);
    this.expiries = new Expiries(content);
    this.wasHeard = position !== undefined;
    this.producer = new Producer(
      {
        greet: (clone, offset) => this.wantSnapshot(clone, offset),
        broadcast: (payload) => this.outputs.push({ type: 'send', topic: this.topic, payload }),
        resend: (clone, payload) => this.sendBytes(clone, payload),
        retransmitFailed: (clone, lost) => this.send(clone, { type: 'retransmit_failed', sequence: lost }),
        heartbeat: (reached) => this.send(NOBODY, { type: 'keepalive', sequence: reached }),
        dropped: (entity, reason) => this.drop(entity, reason),
      },
      position?.sequence,
    );
    for (const { id: writer, sequence } of position?.writers ?? []) {
      this.addWriter(writer, sequence, STORE_HEARTBEAT_TICKS).durable = sequence;
    }
  }

  /** What is done and not durable: its changes are to be committed in this order. */
  get pending(): readonly { readonly changes: readonly StoreChange[] }[] {
    return this.waiting;
  }

  /** What is reached when the first `count` of `pending` are durable. */
  positionAfter(count: number): StorePosition {
    const done = this.waiting.slice(0, count);
    const attached = [...this.writers.values()].filter(({ durable }) => durable > 0n);
    const reached = new Map(attached.map((writer) => [writer, writer.durable]));
    for (const { writer, writerSequence } of done) if (writer) reached.set(writer, writerSequence);
    return {
      sequence: done.at(-1)?.sequence ?? this.producer.released,
      writers: Array.from(reached, ([{ id }, sequence]) => ({ id, sequence })),
    };
  }

  /** The clones, and how far they are. */
  get clones(): Producer['consumers'] {
    return this.producer.consumers;
  }

  /** Whether all is durable, and all clones have it. */
  get isIdle(): boolean {
    return (
      this.waiting.length === 0 &&
      this.producer.isIdle &&
      [...this.writers.values()].every(({ consumer }) => consumer.isIdle)
    );
  }

  /** @param now nanoseconds since the Unix epoch, here and below. */
  receive({ sender, sequence, command }: StoreMessage, now: bigint): StoreOutput[] {
    const writer = this.writers.get(entityText(sender));
    if (writer) writer.lastSeen = this.ticks;
    if (isAction(command)) {
      this.now = now;
      // What is not taken comes again: the channel sees to that.
      if (this.waiting.length < STORE_PENDING) writer?.consumer.receive(sequence, command);
    } else this.control(sender, writer, command);
    return this.take();
  }

  /** Does an action of this endpoint; `done` or `failed` comes with the request. */
  act(action: StoreAction, request: bigint, now: bigint): StoreOutput[] {
    this.now = now;
    if (this.waiting.length < STORE_PENDING) this.perform(action, { request });
    else {
      const error = new ZeekwayError('store_busy', `${STORE_PENDING} writes wait for the back end`);
      this.outputs.push({ type: 'failed', request, error });
    }
    return this.take();
  }

  /** The first `count` of `pending` are durable. */
  committed(count: number): StoreOutput[] {
    const done = this.waiting.splice(0, count);
    const writers = new Set<Writer>();
    for (const { outputs, sequence, writer, writerSequence } of done) {
      this.producer.release(sequence);
      this.outputs.push(...outputs);
      if (writer === undefined) continue;
      writer.durable = writerSequence;
      writers.add(writer);
    }
    // At once, and not with the next heartbeat as Broker does: who wrote may be waiting for it.
    for (const writer of writers) this.acknowledge(writer);
    this.greetThoseReady();
    return this.take();
  }

  /** The content that a clone wanted, of the time when it was wanted. */
  greetClone(clone: EntityId, offset: bigint, snapshot: Snapshot): StoreOutput[] {
    const greeting = this.greetings.get(entityText(clone));
    if (greeting?.offset === offset) greeting.snapshot = snapshot;
    this.greetThoseReady();
    return this.take();
  }

  /** To be called every `STORE_TICK_MS`. */
  tick(now: bigint): StoreOutput[] {
    this.now = now;
    for (const { key } of this.expiries.due(now)) {
      this.perform({ type: 'expire', key, publisher: this.id }, {});
    }
    this.ticks += 1;
    this.producer.tick();
    for (const { id, consumer, lastSeen } of [...this.writers.values()]) {
      if (this.ticks - lastSeen >= SILENT_TICKS) this.drop(id, 'silent');
      else consumer.tick();
    }
    return this.take();
  }

  private take(): StoreOutput[] {
    const outputs = this.outputs;
    this.outputs = [];
    return outputs;
  }

  private control(sender: EntityId, writer: Writer | undefined, command: StoreCommand): void {
    switch (command.type) {
      case 'attach_writer':
        // One more than there is room for may ask again.
        if (writer === undefined && this.writers.size < STORE_PARTIES) {
          this.attachWriter(sender, command.offset, command.heartbeatTicks);
        }
        break;
      case 'keepalive':
        writer?.consumer.heartbeat(command.sequence);
        break;
      case 'retransmit_failed':
        writer?.consumer.retransmitFailed(command.sequence);
        break;
      case 'cumulative_ack':
        this.wasHeard = true;
        if (!this.producer.has(sender)) this.meetAgain(sender, command.sequence);
        this.producer.handleAck(sender, command.sequence);
        if (command.sequence > 0n) this.greetings.delete(entityText(sender));
        break;
      case 'nack':
        this.wasHeard = true;
        if (!this.producer.has(sender) && command.sequences[0] !== 0n) {
          this.meetAgain(sender, (command.sequences[0] ?? 1n) - 1n);
        }
        this.producer.handleNack(sender, command.sequences);
        break;
      default:
        break;
    }
  }

  /**
   * A clone that confirms and that we do not know: we are a master that was restarted, or it was away for long. Where it can
   * be brought up to date it goes on as if nothing had been; else it learns that it is broken.
   */
  private meetAgain(clone: EntityId, confirmed: bigint): void {
    const canGoOn = this.producer.adopt(clone, confirmed);
    if (!canGoOn) this.send(clone, { type: 'retransmit_failed', sequence: confirmed + 1n });
  }

  /** Says so when it is durable: a writer that was told does not ask again. */
  private attachWriter(id: EntityId, offset: bigint, heartbeatTicks: number): void {
    const writer = this.addWriter(id, offset, heartbeatTicks === 0 ? STORE_HEARTBEAT_TICKS : heartbeatTicks);
    const { sequence } = this.producer;
    this.waiting.push({ changes: [], outputs: [], sequence, writer, writerSequence: offset });
  }

  private addWriter(id: EntityId, offset: bigint, heartbeatTicks: number): Writer {
    const consumer: Consumer<StoreAction> = new Consumer({
      consume: (action) => this.perform(action, { writer }),
      lost: () => {
        const what = `command ${consumer.consumed + 1n} of ${entityText(id)} is lost: it no longer has it`;
        this.outputs.push({ type: 'refused', writer: id, error: new ZeekwayError('store_write_lost', what) });
        return true;
      },
      send: (control) => {
        if (control.type === 'nack') this.send(id, control);
        else this.acknowledge(writer);
      },
    });
    const writer: Writer = { id, consumer, durable: 0n, lastSeen: this.ticks };
    this.writers.set(entityText(id), writer);
    consumer.handshake(offset, heartbeatTicks);
    return writer;
  }

  private acknowledge({ id, durable }: Writer): void {
    if (durable > 0n) this.send(id, { type: 'cumulative_ack', sequence: durable });
  }

  private drop(entity: EntityId, reason: string): void {
    this.greetings.delete(entityText(entity));
    this.writers.delete(entityText(entity));
    this.outputs.push({ type: 'dropped', entity, reason });
  }

  private wantSnapshot(clone: EntityId, offset: bigint): void {
    this.wasHeard = true;
    this.greetings.set(entityText(clone), { offset });
    this.outputs.push({ type: 'snapshot_wanted', clone, offset });
  }

  /** A snapshot has what was done up to its offset: it goes out when that is durable. */
  private greetThoseReady(): void {
    for (const { id } of this.producer.consumers) {
      const greeting = this.greetings.get(entityText(id));
      if (greeting?.snapshot === undefined || greeting.offset > this.producer.released) continue;
      const { offset, snapshot } = greeting;
      this.greetings.delete(entityText(id));
      const command = { type: 'ack_clone', offset, heartbeatTicks: STORE_HEARTBEAT_TICKS, snapshot } as const;
      this.send(id, command, offset);
    }
  }

  private send(receiver: EntityId, command: StoreCommand, sequence = 0n): void {
    this.sendBytes(receiver, encodeStoreMessage({ sequence, sender: this.id, receiver, command }));
  }

  private sendBytes(receiver: EntityId, payload: Buffer): void {
    const to = receiver === NOBODY ? undefined : receiver.endpoint;
    this.outputs.push({ type: 'send', topic: this.topic, receiver: to, payload });
  }

  private perform(action: StoreAction, by: { readonly request?: bigint; readonly writer?: Writer }): void {
    const before = this.producer.sequence;
    const outputs: StoreOutput[] = [];
    let changes: readonly StoreChange[] = [];
    let inserted: boolean | undefined;
    try {
      const deed = doAction(this.content, action, { now: this.now, master: this.id });
      changes = deed.changes;
      inserted = deed.inserted;
      for (const change of changes) if (change.type === 'put') this.expiries.add(change);
      for (const event of deed.events) outputs.push({ type: 'event', event });
      for (const command of deed.commands) this.produce(command);
      if (by.request !== undefined) {
        outputs.push({ type: 'done', request: by.request, ...(inserted === undefined ? {} : { inserted }) });
      }
    } catch (error) {
      if (!(error instanceof ZeekwayError)) throw error;
      if (by.request !== undefined) outputs.push({ type: 'failed', request: by.request, error });
      else if (by.writer) outputs.push({ type: 'refused', writer: by.writer.id, error });
    }
    const { sequence } = this.producer;
    const writerSequence = by.writer === undefined ? 0n : by.writer.consumer.consumed + 1n;
    if (changes.length === 0 && sequence === before && outputs.length === 0 && by.writer === undefined)
      return;
    this.waiting.push({ changes, outputs, sequence, writer: by.writer, writerSequence });
  }

  private produce(command: StoreAction): void {
    if (!this.wasHeard) return;
    this.producer.produce((sequence) =>
      encodeStoreMessage({ sequence, sender: this.id, receiver: NOBODY, command }),
    );
  }
}
