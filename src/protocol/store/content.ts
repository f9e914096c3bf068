import type { Value } from '../../codec/value.js';
import { encodeValue } from '../../codec/value-binary.js';

/** One entry of a store. */
export interface StoreEntry {
  readonly key: Value;
  readonly value: Value;
  /** When it expires: nanoseconds since the Unix epoch; never where it is left out. */
  readonly expires?: bigint | undefined;
}

/** What a master did to its content, as a back end is told. */
export type StoreChange =
  | ({ readonly type: 'put' } & StoreEntry)
  | { readonly type: 'erase'; readonly key: Value }
  | { readonly type: 'clear' };

/** Keys are the same where their bytes are: sets and tables are written in order. */
const identity = (key: Value): string => encodeValue(key).toString('latin1');

/** The entries of a store by their keys, in the order they came. */
export class StoreContent {
  private readonly entries = new Map<string, StoreEntry>();

  get size(): number {
    return this.entries.size;
  }

  get(key: Value): StoreEntry | undefined {
    return this.entries.get(identity(key));
  }

  set(entry: StoreEntry): void {
    this.entries.set(identity(entry.key), entry);
  }

  /** @returns the entry that was there. */
  delete(key: Value): StoreEntry | undefined {
    const id = identity(key);
    const entry = this.entries.get(id);
    this.entries.delete(id);
    return entry;
  }

  /** @returns the entries that were there. */
  clear(): StoreEntry[] {
    const entries = this.all();
    this.entries.clear();
    return entries;
  }

  /** Those of now, whatever happens to the store later. */
  all(): StoreEntry[] {
    return [...this.entries.values()];
  }
}
