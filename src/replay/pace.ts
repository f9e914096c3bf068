import type { Clock } from '../core/clock.js';

/** `max`, or a multiple of the speed of the capture: 1 takes as long as the recording took. */
export type Speed = number | 'max';

export type Sleep = (milliseconds: number) => Promise<void>;

/** Tells how long to wait until something captured is due. */
export class Pace {
  private start: { readonly capture: bigint; readonly clock: number } | undefined;

  constructor(
    private readonly speed: Speed,
    private readonly clock: Pick<Clock, 'now'>,
    readonly sleep: Sleep,
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
}
