import type { Value } from '../../src/codec/value.js';
import { STORE_TICK_MS } from '../../src/core/limits.js';
import { Clone } from '../../src/protocol/store/clone.js';
import {
  decodeStoreMessage,
  type EntityId,
  NOBODY,
  type StoreAction,
} from '../../src/protocol/store/commands.js';
import { StoreContent } from '../../src/protocol/store/content.js';
import { Master } from '../../src/protocol/store/master.js';
import { differences, type StoreEvent, type StoreOutput } from '../../src/protocol/store/outputs.js';
import type { StorePosition } from '../../src/protocol/store/position.js';
import { SnapshotReader, SnapshotWriter } from '../../src/protocol/store/snapshot.js';
import { printNotation } from '../../src/zeek/notation/print.js';

type Send = Extract<StoreOutput, { type: 'send' }>;

const endpointOf = (number: number): string =>
  `${String(number).padStart(8, '0')}-0000-4000-8000-000000000000`;

/** What both parties have: who does what its machine wants, at once. */
abstract class Party {
  readonly sent: Send[] = [];
  readonly events: StoreEvent[] = [];
  /** What became of the writes, by request: `done`, whether it was inserted, or the error's code. */
  readonly outcomes = new Map<bigint, string>();
  readonly notes: string[] = [];
  private requests = 0n;

  constructor(readonly endpoint: string) {}

  protected abstract readonly content: StoreContent;
  protected abstract act(action: StoreAction, request: bigint): void;

  /** The content as Zeek would print it, sorted. */
  get shown(): string[] {
    return this.content
      .all()
      .map(({ key, value }) => `${printNotation(key)} = ${printNotation(value)}`)
      .sort();
  }

  write(make: (who: EntityId, request: bigint) => StoreAction, request = ++this.requests): bigint {
    this.act(make({ endpoint: this.endpoint, object: 77n }, request), request);
    return request;
  }

  put(key: Value, value: Value, expiry?: bigint): bigint {
    return this.write(() => ({ type: 'put', key, value, expiry, publisher: NOBODY }));
  }

  putUnique(key: Value, value: Value): bigint {
    return this.write((who, request) => ({
      type: 'put_unique',
      key,
      value,
      who,
      request,
      publisher: NOBODY,
    }));
  }

  protected take(outputs: readonly StoreOutput[]): void {
    for (const output of outputs) this.takeOne(output);
  }

  protected takeOne(output: StoreOutput): void {
    if (output.type === 'send') this.sent.push(output);
    else if (output.type === 'event') this.events.push(output.event);
    else if (output.type === 'done') this.outcomes.set(output.request, String(output.inserted ?? 'done'));
    else if (output.type === 'failed') this.outcomes.set(output.request, output.error.code);
    else if (output.type === 'refused') this.notes.push(`refused ${output.error.code}`);
    else if (output.type === 'attached') {
      this.notes.push('attached');
      this.events.push(...differences(output.before, this.content, output.master));
    } else this.notes.push(`${output.type} ${'reason' in output ? output.reason : ''}`.trim());
  }
}

export class CloneParty extends Party {
  readonly clone: Clone;

  constructor(number: number, store = 'store', newId?: () => EntityId) {
    super(endpointOf(number));
    let object = 0n;
    this.clone = new Clone({
      store,
      newId: newId ?? (() => ({ endpoint: this.endpoint, object: ++object })),
    });
    this.take(this.clone.start());
  }

  protected get content(): StoreContent {
    return this.clone.content;
  }

  receive(payload: Buffer): void {
    this.take(this.clone.receive(decodeStoreMessage(payload)));
  }

  tick(): void {
    this.take(this.clone.tick());
  }

  protected act(action: StoreAction, request: bigint): void {
    this.take(this.clone.act(action, request));
  }

  protected override takeOne(output: StoreOutput): void {
    if (output.type !== 'snapshot') super.takeOne(output);
    else {
      const content = new StoreContent();
      const reader = new SnapshotReader(output.snapshot);
      for (const [key, value] of reader.read(output.snapshot.size)) content.set({ key, value });
      this.take(this.clone.attach(output, content));
    }
  }
}

/** What a master leaves behind when it is killed. */
export interface Estate {
  readonly content: StoreContent;
  readonly position: StorePosition;
}

export class MasterParty extends Party {
  readonly master: Master;
  /** What is durable. */
  readonly durable = new StoreContent();
  position: StorePosition = { sequence: 1n, writers: [] };
  now = 0n;
  /** Whether what is done waits to be durable until `commit`. */
  isSlow = false;

  constructor(number: number, store = 'store', id?: EntityId, estate?: Estate) {
    super(endpointOf(number));
    const content = new StoreContent();
    for (const entry of estate?.content.all() ?? []) {
      content.set(entry);
      this.durable.set(entry);
    }
    if (estate) this.position = estate.position;
    this.master = new Master({
      id: id ?? { endpoint: this.endpoint, object: 1n },
      store,
      content,
      position: estate?.position,
    });
  }

  protected get content(): StoreContent {
    return this.master.content;
  }

  receive(payload: Buffer): void {
    this.take(this.master.receive(decodeStoreMessage(payload), this.now));
    this.settle();
  }

  tick(): void {
    this.now += BigInt(STORE_TICK_MS) * 1_000_000n;
    this.take(this.master.tick(this.now));
    this.settle();
  }

  commit(): void {
    const { pending } = this.master;
    if (pending.length === 0) return;
    this.position = this.master.positionAfter(pending.length);
    for (const change of pending.flatMap(({ changes }) => changes)) {
      if (change.type === 'put') this.durable.set(change);
      else if (change.type === 'erase') this.durable.delete(change.key);
      else this.durable.clear();
    }
    this.take(this.master.committed(pending.length));
  }

  protected act(action: StoreAction, request: bigint): void {
    this.take(this.master.act(action, request, this.now));
    this.settle();
  }

  private settle(): void {
    if (!this.isSlow) this.commit();
  }

  protected override takeOne(output: StoreOutput): void {
    if (output.type !== 'snapshot_wanted') super.takeOne(output);
    else {
      const writer = new SnapshotWriter();
      writer.write(this.content.all().map(({ key, value }) => [key, value] as const));
      this.take(this.master.greetClone(output.clone, output.offset, writer.finish()));
    }
  }
}

/** A master and its clones, joined; what becomes of each message is handed in. */
export class Site {
  constructor(
    public master: MasterParty,
    readonly clones: readonly CloneParty[],
  ) {}

  /** One tick of 100 ms, after everything on the way has had its fate. */
  tick(fate: () => 'arrives' | 'lost' | 'twice' | 'late' = () => 'arrives'): void {
    this.deliver(fate);
    this.master.tick();
    for (const clone of this.clones) clone.tick();
  }

  ticks(count: number): void {
    for (let tick = 0; tick < count; tick++) this.tick();
  }

  private deliver(fate: () => 'arrives' | 'lost' | 'twice' | 'late'): void {
    const down = this.master.sent.splice(0);
    const up = this.clones.flatMap((clone) => clone.sent.splice(0).map((send) => ({ clone, send })));
    for (const send of down) {
      for (const clone of this.clones) {
        if (send.receiver !== undefined && send.receiver !== clone.endpoint) continue;
        const what = fate();
        if (what === 'late') this.master.sent.push({ ...send, receiver: clone.endpoint });
        if (what === 'arrives' || what === 'twice') clone.receive(send.payload);
        if (what === 'twice') clone.receive(send.payload);
      }
    }
    for (const { clone, send } of up) {
      const what = fate();
      if (what === 'late') clone.sent.push(send);
      if (what === 'arrives' || what === 'twice') this.master.receive(send.payload);
      if (what === 'twice') this.master.receive(send.payload);
    }
  }
}
