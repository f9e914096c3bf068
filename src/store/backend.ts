import type { StoreChange, StoreEntry } from '../protocol/store/content.js';

export type { StoreChange, StoreEntry } from '../protocol/store/content.js';

/**
 * Where a master keeps its content beyond its own life. The master has all of it in memory and reads it once; a back end is told
 * the changes, in order.
 */
export interface StoreBackend {
  /**
   * Hands over each entry, in any order; called once, before anything else. Those that have expired meanwhile come, too.
   * @returns the position of the last commit; undefined where there was none yet.
   */
  load(entry: (entry: StoreEntry) => void): Promise<Uint8Array | undefined>;
  /**
   * Makes changes durable, all or none of them, together with the position that they reach, whose bytes are the master's own
   * affair: after it resolved they survive `kill -9`. The master waits for one call before the next. Rejects where it could not: the master tries again, with the same
   * changes first.
   */
  commit(changes: readonly StoreChange[], position: Uint8Array): Promise<void>;
  /** Lets go of the file or the connection. */
  close(): Promise<void>;
}
