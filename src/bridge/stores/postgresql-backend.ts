import { decodeValue } from '../../codec/value-binary.js';
import type { Database } from '../../storage/database.js';
import { commitEntries, loadEntries } from '../../storage/store-entries.js';
import type { StoreBackend, StoreChange, StoreEntry } from '../../store/backend.js';
import { netChanges } from '../../store/backends/net-changes.js';
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
    const { isCleared, erased, puts } = netChanges(changes);
    await commitEntries(this.db, this.store, {
      clears: isCleared,
      erased: erased.map(keyId),
      put: puts.map(({ key, value, expires }) => {
        const forms = formsOf(key);
        return { id: keyId(forms.bytes), key: forms, value: formsOf(value), expires };
      }),
      position,
    });
  }

  /** The database is everybody's. */
  async close(): Promise<void> {}
}
