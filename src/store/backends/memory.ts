import type { StoreBackend } from '../backend.js';

/** Keeps nothing: the content lives as long as its master. */
export class MemoryBackend implements StoreBackend {
  async load(): Promise<undefined> {
    return undefined;
  }

  async commit(): Promise<void> {}

  async close(): Promise<void> {}
}
