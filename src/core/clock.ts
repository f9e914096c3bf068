/** Time and chance come in by these, so that sessions and tests can run on a virtual clock. */

/** Milliseconds on a clock that only goes forward; its zero is arbitrary. */
export type MonotonicMs = number;

export interface Clock {
  /** Monotonic time in milliseconds, for deadlines. */
  now(): MonotonicMs;
  /** Wall-clock time in nanoseconds since the Unix epoch, for what is stored. */
  wallNanos(): bigint;
}

/** A source of random bytes. */
export type RandomBytes = (size: number) => Uint8Array;
