import {
  STORE_HEARTBEAT_TICKS,
  STORE_PARTIES,
  STORE_RETAINED_BYTES,
  STORE_SNAPSHOT_AGAIN_TICKS,
  STORE_TIMEOUT_HEARTBEATS,
  STORE_UNCONFIRMED_BYTES,
} from '../../core/limits.js';
import { type EntityId, entityText } from './commands.js';

/** Who listens to a producer. */
export interface ConsumerPath {
  readonly id: EntityId;
  /** The last command before the ones it gets. */
  readonly offset: bigint;
  /** The last command that it confirmed; 0 where it has not answered the handshake. */
  readonly confirmed: bigint;
}

interface Path {
  id: EntityId;
  offset: bigint;
  confirmed: bigint;
  lastSeen: number;
  /** The tick of the last handshake. */
  greeted: number;
}

export interface ProducerHost {
  /** Says which is the first command for this consumer: the one behind `offset`. */
  greet(consumer: EntityId, offset: bigint): void;
  /** To all consumers. */
  broadcast(command: Buffer): void;
  /** To one of them, again. */
  resend(consumer: EntityId, command: Buffer): void;
  retransmitFailed(consumer: EntityId, sequence: bigint): void;
  /** How far the producer is. */
  heartbeat(sequence: bigint): void;
  /** It was given up: `silent` for long, too far `behind`, or it asked for something that makes no sense. */
  dropped(consumer: EntityId, reason: 'silent' | 'behind' | 'invalid'): void;
}

/**
 * The sending half of Broker's channel (libbroker/broker/internal/channel.hh, `producer`): numbers commands, keeps them until
 * all consumers confirmed them, and sends again what somebody missed. Time goes by in ticks.
 *
 * A command is numbered and kept by `produce`, and sent by `release`: what lies between is not known to anybody, so that it
 * can be made durable first.
 */
export class Producer {
  private readonly paths = new Map<string, Path>();
  /** What was numbered and is kept, without gaps. */
  private kept: Buffer[] = [];
  /** The sequence number of `kept[0]`. */
  private first: bigint;
  private bytes = 0;
  private releasedTo: bigint;
  private lastSent = 0;
  private ticks = 0;

  /**
   * @param last the sequence number of the last command. The first one is 2 where nothing came before it: 0 means "none yet" in
   * many places of the protocol, and 1 is confirmed by who has the handshake.
   */
  constructor(
    private readonly host: ProducerHost,
    private last = 1n,
  ) {
    this.first = last + 1n;
    this.releasedTo = last;
  }

  get sequence(): bigint {
    return this.last;
  }

  get released(): bigint {
    return this.releasedTo;
  }

  get consumers(): ConsumerPath[] {
    return [...this.paths.values()];
  }

  /** Whether all consumers confirmed all. */
  get isIdle(): boolean {
    return [...this.paths.values()].every(({ confirmed }) => confirmed === this.last);
  }

  /** What all consumers confirmed: what they got, or nothing while one has not answered the handshake. */
  get confirmed(): bigint {
    let least = this.last;
    for (const { confirmed } of this.paths.values()) if (confirmed < least) least = confirmed;
    return least;
  }

  /** @param encode makes the bytes of the command with its sequence number. */
  produce(encode: (sequence: bigint) => Buffer): void {
    const command = encode(this.last + 1n);
    this.last += 1n;
    this.kept.push(command);
    this.bytes += command.length;
  }

  /** Sends the commands up to that one. */
  release(sequence: bigint): void {
    while (this.releasedTo < sequence) {
      this.releasedTo += 1n;
      this.lastSent = this.ticks;
      this.host.broadcast(this.at(this.releasedTo) as Buffer);
    }
    if (this.bytes > STORE_UNCONFIRMED_BYTES) this.dropThoseBehind();
    this.forget();
  }

  /** Adds a consumer, which is greeted, or begins anew with one. */
  add(id: EntityId): void {
    this.paths.set(entityText(id), {
      id,
      offset: this.last,
      confirmed: 0n,
      lastSeen: this.ticks,
      greeted: this.ticks,
    });
    this.host.greet(id, this.last);
  }

  /**
   * Goes on with a consumer that has all up to that command; what it lacks is sent again. @returns whether that is possible: it
   * is not where too much is missing.
   */
  adopt(id: EntityId, confirmed: bigint): boolean {
    const isKnown = confirmed <= this.releasedTo && confirmed + 1n >= this.first;
    if (!isKnown || this.paths.size >= STORE_PARTIES) return false;
    const { ticks } = this;
    this.paths.set(entityText(id), { id, offset: confirmed, confirmed, lastSeen: ticks, greeted: ticks });
    for (let sequence = confirmed + 1n; sequence <= this.releasedTo; sequence++) {
      this.host.resend(id, this.at(sequence) as Buffer);
    }
    return true;
  }

  has(id: EntityId): boolean {
    return this.paths.has(entityText(id));
  }

  /** A consumer has all up to that command. */
  handleAck(id: EntityId, sequence: bigint): void {
    const path = this.paths.get(entityText(id));
    if (path === undefined || sequence > this.releasedTo || sequence < path.confirmed) return;
    path.lastSeen = this.ticks;
    path.confirmed = sequence;
    this.forget();
  }

  /** A consumer wants these again; [0] is how it asks for the handshake. */
  handleNack(id: EntityId, sequences: readonly bigint[]): void {
    const [first] = sequences;
    if (first === undefined) return;
    const path = this.paths.get(entityText(id));
    if (first === 0n) this.greetAgain(id, path);
    if (path === undefined || first === 0n) return;
    path.lastSeen = this.ticks;
    if (sequences.some((sequence, index) => index > 0 && sequence <= (sequences[index - 1] as bigint))) {
      this.drop(path, 'invalid');
      return;
    }
    this.handleAck(id, first - 1n);
    for (const sequence of sequences) {
      if (sequence > this.releasedTo) break;
      const command = this.at(sequence);
      if (command) this.host.resend(id, command);
      else this.host.retransmitFailed(id, sequence);
    }
  }

  tick(): void {
    this.ticks += 1;
    if (this.ticks - this.lastSent >= STORE_HEARTBEAT_TICKS) {
      this.lastSent = this.ticks;
      this.host.heartbeat(this.releasedTo);
    }
    const silent = STORE_HEARTBEAT_TICKS * STORE_TIMEOUT_HEARTBEATS;
    for (const path of [...this.paths.values()]) {
      if (this.ticks - path.lastSeen >= silent) this.drop(path, 'silent');
    }
    this.forget();
  }

  private greetAgain(id: EntityId, path: Path | undefined): void {
    if (path) path.lastSeen = this.ticks;
    if (path === undefined && this.paths.size >= STORE_PARTIES) return;
    const waits = path?.confirmed === 0n && this.ticks - path.greeted < STORE_SNAPSHOT_AGAIN_TICKS;
    if (!waits) this.add(id);
  }

  private drop(path: Path, reason: Parameters<ProducerHost['dropped']>[1]): void {
    this.paths.delete(entityText(path.id));
    this.host.dropped(path.id, reason);
  }

  private at(sequence: bigint): Buffer | undefined {
    return sequence < this.first ? undefined : this.kept[Number(sequence - this.first)];
  }

  /** Lets go of the oldest commands that all have: some are kept for those who were given up and come back. */
  private forget(): void {
    // Not for each command: what is behind the cut moves.
    if (this.bytes <= 2 * STORE_RETAINED_BYTES) return;
    const confirmed = this.confirmed < this.releasedTo ? this.confirmed : this.releasedTo;
    let count = 0;
    while (this.bytes > STORE_RETAINED_BYTES && this.first + BigInt(count) <= confirmed) {
      this.bytes -= (this.kept[count] as Buffer).length;
      count += 1;
    }
    this.kept.splice(0, count);
    this.first += BigInt(count);
  }

  private dropThoseBehind(): void {
    const { confirmed } = this;
    for (const path of [...this.paths.values()]) {
      if (path.confirmed === confirmed && confirmed < this.releasedTo) this.drop(path, 'behind');
    }
  }
}
