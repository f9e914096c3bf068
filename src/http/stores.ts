/** What the API shows of a data store. */
interface StoreInfo {
  readonly name: string;
  readonly role: 'master' | 'clone';
  readonly state: string;
  readonly entries: number;
  /** Endpoint IDs: of a master those with clones, of a clone that of its master. */
  readonly peers: readonly string[];
  readonly pending: number;
  readonly lastError?: string;
}

/** Keys and values in Zeek's notation. */
export interface ShownEntry {
  readonly key: string;
  readonly value: string;
  /** Nanoseconds since the Unix epoch; where it is known that it expires. */
  readonly expires?: bigint | undefined;
}

/** A change, with keys and values in Zeek's notation, or how many were left out. */
export type ShownChange =
  | {
      readonly type: 'insert' | 'update' | 'erase' | 'expire';
      readonly key: string;
      readonly value?: string;
      readonly old?: string;
      /** The endpoint ID of who wrote. */
      readonly publisher: string;
    }
  | { readonly type: 'gap'; readonly missed: number };

/** What is done to what an entry holds: see `Store` for each. */
export const STORE_OPERATIONS = [
  'increment',
  'decrement',
  'append',
  'insert',
  'remove',
  'push',
  'pop',
] as const;

export interface StoreOperation {
  readonly operation: (typeof STORE_OPERATIONS)[number];
  /** In Zeek's notation; `pop` has none. */
  readonly value?: string | undefined;
  /** Of an `insert` into a table. */
  readonly index?: string | undefined;
  readonly expiry?: string | undefined;
}

/**
 * The data stores of the endpoint. All throw `not_found` where it has no such store, `notation_invalid` for what is no value in
 * Zeek's notation, and what reading and writing throws.
 */
export interface StoreAccess {
  list(): StoreInfo[];
  /** The entries in the order in which their keys came, behind that key. Throws `request_invalid` where it is gone. */
  entries(store: string, page: { after?: string | undefined; limit: number }): Promise<ShownEntry[]>;
  get(store: string, key: string): Promise<ShownEntry | undefined>;
  /** @param put `unique`: only where there is no entry. @returns whether it did. */
  put(
    store: string,
    key: string,
    put: { value: string; expiry?: string | undefined; unique: boolean },
  ): Promise<boolean>;
  change(store: string, key: string, operation: StoreOperation): Promise<void>;
  /** @returns whether there was an entry. */
  erase(store: string, key: string): Promise<boolean>;
  /** What stands for a key in the database: `zeekway.store_history.key_id`, in hex. */
  keyId(key: string): string;
  /** The changes from now on. `return` ends it. */
  watch(store: string): AsyncIterableIterator<ShownChange>;
}
