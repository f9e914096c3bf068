import { setTimeout as pause } from 'node:timers/promises';
import { STORE_RETRY_FIRST_MS, STORE_RETRY_LONGEST_MS } from '../core/limits.js';

interface Retrying {
  /** Gives up, at the next pause. */
  readonly signal: AbortSignal;
  /** Called for each try that fails. */
  readonly failed: (error: unknown, isFirst: boolean) => void;
}

/** Does `work` until it works, with growing pauses. @returns undefined where it was given up. */
export async function untilItWorks<T>(
  work: () => Promise<T>,
  { signal, failed }: Retrying,
): Promise<{ readonly value: T } | undefined> {
  for (let wait = STORE_RETRY_FIRST_MS; ; wait = Math.min(2 * wait, STORE_RETRY_LONGEST_MS)) {
    try {
      return { value: await work() };
    } catch (error) {
      failed(error, wait === STORE_RETRY_FIRST_MS);
    }
    try {
      await pause(wait, undefined, { signal });
    } catch {
      return undefined;
    }
  }
}
