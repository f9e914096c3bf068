import { encodeError } from '../protocol/websocket/messages.js';

/** What happens to messages for a client whose queue is full. */
export const OVERFLOW_POLICIES = ['drop_oldest', 'drop_newest', 'disconnect'] as const;
export type OverflowPolicy = (typeof OVERFLOW_POLICIES)[number];

/** What a client is sent. One object for all clients that get it. */
export interface Frame {
  readonly bytes: Buffer;
  /** A message, which is counted; else an answer to the client. */
  readonly isMessage: boolean;
}

/** How much may wait. One frame alone may be larger. */
export interface ClientQueueLimits {
  readonly messages: number;
  readonly bytes: number;
}

/**
 * The frames that wait for one client. Where there is no room, frames are dropped, or `offer` says so; an error frame
 * in the place of the gap tells the client how many messages it has lost.
 */
export class ClientQueue {
  /** Messages that were dropped so far. */
  dropped = 0;
  private frames: Frame[] = [];
  private bytes = 0;
  /** Messages that were dropped and not told: before the first frame, or behind the last one with `drop_newest`. */
  private untold = 0;

  constructor(
    private readonly limits: ClientQueueLimits,
    private readonly policy: OverflowPolicy,
  ) {}

  get size(): number {
    return this.frames.length;
  }

  /** Whether `take` has something. */
  get isEmpty(): boolean {
    return this.size === 0 && this.untold === 0;
  }

  hasRoomFor({ bytes }: Frame): boolean {
    if (this.size === 0) return true;
    return this.size < this.limits.messages && this.bytes + bytes.length <= this.limits.bytes;
  }

  /** @returns false where there is no room and nothing is to be dropped. */
  offer(frame: Frame): boolean {
    if (!this.hasRoomFor(frame)) {
      if (this.policy === 'disconnect') return false;
      if (this.policy === 'drop_newest') {
        this.lose(frame);
        return true;
      }
      while (!this.hasRoomFor(frame)) this.lose(this.shift() as Frame);
    }
    if (this.policy === 'drop_newest' && this.untold > 0) this.push(this.notice());
    this.push(frame);
    return true;
  }

  /** The next frame to send; `undefined` where there is none. */
  take(): Frame | undefined {
    const gapIsFirst = this.policy === 'drop_oldest' || this.size === 0;
    return this.untold > 0 && gapIsFirst ? this.notice() : this.shift();
  }

  clear(): void {
    this.frames = [];
    this.bytes = 0;
    this.untold = 0;
  }

  private push(frame: Frame): void {
    this.frames.push(frame);
    this.bytes += frame.bytes.length;
  }

  private shift(): Frame | undefined {
    const frame = this.frames.shift();
    this.bytes -= frame?.bytes.length ?? 0;
    return frame;
  }

  private lose({ isMessage }: Frame): void {
    if (!isMessage) return;
    this.dropped += 1;
    this.untold += 1;
  }

  private notice(): Frame {
    const context = `${this.untold} messages dropped (${this.policy}): the client reads more slowly than they come`;
    this.untold = 0;
    return { bytes: encodeError('overflow', context), isMessage: false };
  }
}
