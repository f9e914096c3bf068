import { ZeekwayError } from '../../core/errors.js';
import {
  STORE_HEARTBEAT_TICKS,
  STORE_STALLED_TICKS,
  STORE_STALLED_WRITES,
  STORE_TIMEOUT_HEARTBEATS,
} from '../../core/limits.js';
import type { EndpointId } from '../broker/endpoint-id.js';
import {
  type EntityId,
  encodeStoreMessage,
  isAction,
  NOBODY,
  type StoreAction,
  type StoreCommand,
  type StoreMessage,
  sameEntity,
} from './commands.js';
import { Consumer, type ConsumerControl } from './consumer.js';
import { StoreContent } from './content.js';
import { changeTo, type StoreOutput } from './outputs.js';
import { Producer } from './producer.js';
import { masterTopic } from './topics.js';

/** A write that the master has not confirmed. */
interface Write {
  readonly request: bigint;
  /** Its number in the channel to the master. */
  readonly sequence: bigint;
}

/** A write that waits for a master. */
interface Stalled {
  readonly request: bigint;
  readonly action: StoreAction;
  readonly until: number;
}

export interface CloneOptions {
  readonly store: string;
  /** Makes an ID that nobody had: each time that the clone attaches it is somebody new to the master. */
  readonly newId: () => EntityId;
}

/**
 * A store's clone (libbroker/broker/internal/clone_actor.cc), without I/O.
 *
 * * `detached`: there is no master. It asks for one by `nack [0]`; writes wait, for two minutes; the content is what it was.
 * * `loading`: the master's snapshot came and is being read by the owner, who calls `attach`; other messages must wait meanwhile.
 * * `attached`: it follows the master, and its writes go there. They are done when the master confirmed them.
 *
 * It becomes detached when the master is not heard for 50 s, when another one speaks after this one fell silent, and when it
 * missed something that the master no longer has. Writes that were sent and not confirmed fail then: they may have been done.
 */
export class Clone {
  content = new StoreContent();
  private readonly topic: string;
  private readonly newId: () => EntityId;
  private id: EntityId;
  private mode: 'detached' | 'loading' | 'attached' = 'detached';
  private master: EntityId | undefined;
  private consumer: Consumer<StoreAction>;
  private producer: Producer | undefined;
  private sent: Write[] = [];
  /** Those put_unique that have no answer, and who gets it. */
  private readonly asked = new Map<bigint, EntityId>();
  private stalled: Stalled[] = [];
  private outputs: StoreOutput[] = [];
  private ticks = 0;
  private lastHeard = 0;

  constructor({ store, newId }: CloneOptions) {
    this.topic = masterTopic(store);
    this.newId = newId;
    this.id = newId();
    this.consumer = this.newConsumer();
  }

  get state(): 'detached' | 'loading' | 'attached' {
    return this.mode;
  }

  /** The master that it follows, or followed last. */
  get following(): EntityId | undefined {
    return this.master;
  }

  /** Ticks since the master was heard. */
  get silentTicks(): number {
    return this.ticks - this.lastHeard;
  }

  /** Whether all that is known of the master's is here, and the master has all of ours. */
  get isIdle(): boolean {
    return (
      this.mode === 'attached' &&
      this.consumer.isIdle &&
      this.sent.length === 0 &&
      this.stalled.length === 0 &&
      this.asked.size === 0
    );
  }

  /** Asks for a master; further calls are `tick`'s. */
  start(): StoreOutput[] {
    this.answer({ type: 'nack', sequences: [0n] });
    return this.take();
  }

  receive({ sender, receiver, sequence, command }: StoreMessage): StoreOutput[] {
    if (this.master !== undefined && this.mode !== 'detached' && !sameEntity(sender, this.master)) {
      this.meetOther(sender);
      return this.take();
    }
    const isOurs = sameEntity(receiver, this.id);
    if (this.mode === 'attached') this.lastHeard = this.ticks;
    if (isAction(command)) this.consumer.receive(sequence, command);
    // A keepalive is for all; Broker's own clones ignore it for that.
    else if (command.type === 'keepalive') this.consumer.heartbeat(command.sequence);
    else if (isOurs) this.control(sender, command);
    return this.take();
  }

  /** The master's content, of a `snapshot`; what it was before comes with the output. */
  attach(
    { master, offset, heartbeatTicks }: Omit<Extract<StoreOutput, { type: 'snapshot' }>, 'type' | 'snapshot'>,
    content: StoreContent,
  ): StoreOutput[] {
    this.mode = 'attached';
    this.lastHeard = this.ticks;
    const before = this.content;
    this.content = content;
    this.outputs.push({ type: 'attached', master, before });
    this.consumer.handshake(offset, heartbeatTicks);
    if (this.mode === 'attached') this.startWriting(master);
    return this.take();
  }

  /** Gives the snapshot up that is being read, since it cannot be. */
  refuseSnapshot(reason: string): StoreOutput[] {
    this.detach(reason);
    return this.take();
  }

  /** Writes; `done` or `failed` comes with the request, a number of its own: that of the action where it is a put_unique. */
  act(action: StoreAction, request: bigint): StoreOutput[] {
    if (action.type === 'put_unique') this.asked.set(request, action.who);
    if (this.producer) this.write(this.producer, action, request);
    else if (this.stalled.length < STORE_STALLED_WRITES) {
      this.stalled.push({ request, action, until: this.ticks + STORE_STALLED_TICKS });
    } else {
      this.fail(
        request,
        new ZeekwayError('store_no_master', `${STORE_STALLED_WRITES} writes wait for a master`),
      );
    }
    return this.take();
  }

  /** To be called every `STORE_TICK_MS`. */
  tick(): StoreOutput[] {
    this.ticks += 1;
    if (this.mode !== 'loading') this.consumer.tick();
    this.producer?.tick();
    const silent = STORE_HEARTBEAT_TICKS * STORE_TIMEOUT_HEARTBEATS;
    if (this.mode === 'attached' && this.silentTicks >= silent) this.detach('the master is silent');
    while (this.stalled[0] && this.stalled[0].until <= this.ticks) {
      const { request } = this.stalled.shift() as Stalled;
      this.fail(request, new ZeekwayError('store_no_master', 'there was no master to write to'));
    }
    return this.take();
  }

  private take(): StoreOutput[] {
    const outputs = this.outputs;
    this.outputs = [];
    return outputs;
  }

  private newConsumer(): Consumer<StoreAction> {
    return new Consumer({
      consume: (action) => this.consume(action),
      lost: () => {
        this.detach('it missed commands that the master no longer has');
        return false;
      },
      send: (control) => this.answer(control),
    });
  }

  /** Somebody else is the master, or says so. */
  private meetOther(sender: EntityId): void {
    const hasFallenSilent = this.silentTicks >= 4 * STORE_HEARTBEAT_TICKS;
    if (hasFallenSilent) this.detach(`there is another master, of ${sender.endpoint}`);
  }

  private control(sender: EntityId, command: StoreCommand): void {
    switch (command.type) {
      case 'ack_clone':
        if (this.mode !== 'detached') break;
        this.mode = 'loading';
        this.master = sender;
        this.outputs.push({ ...command, type: 'snapshot', master: sender });
        break;
      case 'retransmit_failed':
        this.consumer.retransmitFailed(command.sequence);
        break;
      case 'cumulative_ack':
        this.producer?.handleAck(sender, command.sequence);
        this.confirm(command.sequence);
        break;
      case 'nack':
        this.producer?.handleNack(sender, command.sequences);
        break;
      default:
        break;
    }
  }

  private put({ key, value, publisher }: Extract<StoreAction, { type: 'put' }>): void {
    const old = this.content.get(key)?.value;
    this.content.set({ key, value });
    this.outputs.push({ type: 'event', event: changeTo(key, value, old, publisher) });
  }

  private consume(action: StoreAction): void {
    const { publisher } = action;
    switch (action.type) {
      case 'put':
        this.put(action);
        break;
      case 'erase':
      case 'expire': {
        const old = this.content.delete(action.key);
        if (old === undefined) break;
        const event = { type: action.type, key: action.key, old: old.value, publisher };
        this.outputs.push({ type: 'event', event });
        break;
      }
      case 'clear':
        for (const { key, value } of this.content.clear()) {
          this.outputs.push({ type: 'event', event: { type: 'erase', key, old: value, publisher } });
        }
        break;
      case 'put_unique_result':
        this.answered(action);
        break;
      default:
        // A master makes puts of them.
        break;
    }
  }

  private answered({ who, request, inserted }: Extract<StoreAction, { type: 'put_unique_result' }>): void {
    const asker = this.asked.get(request);
    if (asker === undefined || !sameEntity(asker, who)) return;
    this.asked.delete(request);
    this.outputs.push({ type: 'done', request, inserted });
  }

  private startWriting(master: EntityId): void {
    const producer = new Producer({
      greet: (_, offset) =>
        this.send({ type: 'attach_writer', offset, heartbeatTicks: STORE_HEARTBEAT_TICKS }),
      broadcast: (payload) => this.sendBytes(payload),
      resend: (_, payload) => this.sendBytes(payload),
      retransmitFailed: (_, sequence) => this.send({ type: 'retransmit_failed', sequence }),
      heartbeat: (sequence) => {
        // A writer that the master does not know yet opens the channel again, not the master.
        const offset = producer.consumers.find(({ confirmed }) => confirmed === 0n)?.offset;
        if (offset !== undefined) {
          this.send({ type: 'attach_writer', offset, heartbeatTicks: STORE_HEARTBEAT_TICKS });
        }
        this.send({ type: 'keepalive', sequence }, NOBODY);
      },
      dropped: (_, reason) => this.detach(`the master does not confirm what we write (${reason})`),
    });
    this.producer = producer;
    producer.add(master);
    const stalled = this.stalled;
    this.stalled = [];
    for (const { action, request } of stalled) this.write(producer, action, request);
  }

  private write(producer: Producer, action: StoreAction, request: bigint): void {
    const receiver = this.master ?? NOBODY;
    const command = { ...action, publisher: this.id };
    producer.produce((sequence) => encodeStoreMessage({ sequence, sender: this.id, receiver, command }));
    if (action.type !== 'put_unique') this.sent.push({ request, sequence: producer.sequence });
    producer.release(producer.sequence);
  }

  private confirm(sequence: bigint): void {
    const count = this.sent.findIndex((write) => write.sequence > sequence);
    for (const { request } of this.sent.splice(0, count < 0 ? this.sent.length : count)) {
      this.outputs.push({ type: 'done', request });
    }
  }

  private fail(request: bigint, error: ZeekwayError): void {
    this.asked.delete(request);
    this.outputs.push({ type: 'failed', request, error });
  }

  private detach(reason: string): void {
    this.mode = 'detached';
    this.producer = undefined;
    this.id = this.newId();
    this.consumer = this.newConsumer();
    const stalled = new Set(this.stalled.map(({ request }) => request));
    const unconfirmed = [...this.sent.map(({ request }) => request), ...this.asked.keys()].filter(
      (request) => !stalled.has(request),
    );
    this.sent = [];
    for (const request of unconfirmed) {
      this.fail(
        request,
        new ZeekwayError('store_write_unconfirmed', `the write may have been done: ${reason}`),
      );
    }
    this.outputs.push({ type: 'detached', reason });
  }

  /** To the master; to whoever it is where there is none. */
  private answer(command: ConsumerControl): void {
    const receiver = this.mode === 'detached' ? NOBODY : (this.master ?? NOBODY);
    const to = receiver === NOBODY ? undefined : receiver.endpoint;
    this.sendBytes(this.encode(command, receiver), to);
  }

  private send(command: StoreCommand, receiver = this.master ?? NOBODY): void {
    this.sendBytes(this.encode(command, receiver));
  }

  private encode(command: StoreCommand, receiver: EntityId): Buffer {
    return encodeStoreMessage({ sequence: 0n, sender: this.id, receiver, command });
  }

  /** What a consumer says is for its master alone, which who wants one does not know yet; the rest goes by the topic. */
  private sendBytes(payload: Buffer, receiver?: EndpointId): void {
    this.outputs.push({ type: 'send', topic: this.topic, receiver, payload });
  }
}
