import { decodeValue, encodeValue } from '../../codec/value-binary.js';
import type { Database } from '../../storage/database.js';
import { commitEntries, loadEntries, type StoredEntry } from '../../storage/store-entries.js';
import type { StoreBackend, StoreChange, StoreEntry } from '../../store/backend.js';
import { formsOf, keyId } from './forms.js';

/** Keeps a store in `zeekway.store_entries`, where it can be queried and joined with the logs. */
export class PostgresqlBackend implements StoreBackend {
  constructor(
    private readonly db: Database,
    private readonly store: string,
  ) {}

  load(entry: (entry: StoreEntry) => void): Promise<Uint8Array | undefined> {
    return loadEntries(this.db, this.store, (key, value, expires) =>
      entry({
        key: decodeValue(key),
        value: decodeValue(value),
        ...(expires === undefined ? {} : { expires }),
      }),
    );
  }

  async commit(changes: readonly StoreChange[], position: Uint8Array): Promise<void> {
    const start = changes.findLastIndex(({ type }) => type === 'clear') + 1;
    // Of each key what was done last.
    const last = new Map<string, StoredEntry | Buffer>();
    for (const change of changes.slice(start)) {
      if (change.type === 'clear') continue;
      const id = keyId(encodeValue(change.key));
      last.set(id.toString('latin1'), change.type === 'put' ? storedEntry(change, id) : id);
    }
    const net = [...last.values()];
    await commitEntries(this.db, this.store, {
      clears: start > 0,
      erased: net.flatMap((one) => (Buffer.isBuffer(one) ? [one] : [])),
      put: net.flatMap((one) => (Buffer.isBuffer(one) ? [] : [one])),
      position,
    });
  }

  /** The database is everybody's. */
  async close(): Promise<void> {}
}

const storedEntry = ({ key, value, expires }: StoreEntry, id: Buffer): StoredEntry => ({
  id,
  key: formsOf(key),
  value: formsOf(value),
  expires,
});
