import type { Clock } from '../core/clock.js';

/** `max`, or a multiple of the speed of the capture: 1 takes as long as the recording took. */
export type Speed = number | 'max';

export type Sleep = (milliseconds: number) => Promise<void>;

/** The longest time that a timer can wait (32 bits). */
const LONGEST_SLEEP_MS = 2 ** 31 - 1;

/** Tells how long to wait until something captured is due. */
export class Pace {
  private start: { readonly capture: bigint; readonly clock: number } | undefined;

  constructor(
    private readonly speed: Speed,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly sleep: Sleep,
  ) {}

  /**
   * Milliseconds until a packet is due, 0 or less for now.
   * @param captured when it was captured, nanoseconds since the Unix epoch.
   */
  waitFor(captured: bigint): number {
    if (this.speed === 'max') return 0;
    this.start ??= { capture: captured, clock: this.clock.now() };
    const due = this.start.clock + Number(captured - this.start.capture) / 1e6 / this.speed;
    return due - this.clock.now();
  }

  /** Waits until a packet is due, which may be in months. */
  async until(captured: bigint): Promise<void> {
    for (let wait = this.waitFor(captured); wait > 0; wait = this.waitFor(captured)) {
      await this.sleep(Math.min(wait, LONGEST_SLEEP_MS));
    }
  }
}
