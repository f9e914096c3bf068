import { decodeValue } from '../../codec/value-binary.js';
import { STORE_LOAD_ROWS } from '../../core/limits.js';
import type { Database } from '../../storage/database.js';
import { commitStore, readStore, storePosition } from '../../storage/store-entries.js';
import type { StoreBackend, StoreChange, StoreEntry } from '../../store/backend.js';
import { netChanges } from '../../store/backends/net-changes.js';
import { printNotation } from '../../zeek/notation/print.js';
import { asBuffer, valueJson } from './columns.js';

const MICRO = 1_000n;

/** A time as microseconds; one between two of them as the later: nothing expires early. */
const microsUp = (nanos: bigint): bigint => nanos / MICRO + (nanos % MICRO > 0n ? 1n : 0n);

/** Keeps a store in PostgreSQL, where its entries can be queried. An expiry is kept to the microsecond. */
export class PostgresqlBackend implements StoreBackend {
  constructor(
    private readonly db: Database,
    private readonly store: string,
  ) {}

  /** Throws the catalogue's errors of databases. */
  async load(entry: (entry: StoreEntry) => void): Promise<Uint8Array | undefined> {
    const position = await storePosition(this.db, this.store);
    let after: Uint8Array = Buffer.alloc(0);
    for (;;) {
      const rows = await readStore(this.db, this.store, after, STORE_LOAD_ROWS);
      const last = rows.at(-1);
      if (last === undefined) return position;
      for (const { key, value, expires } of rows) {
        const read = { key: decodeValue(key), value: decodeValue(value) };
        entry(expires === undefined ? read : { ...read, expires: expires * MICRO });
      }
      after = last.key;
    }
  }

  /** Throws the catalogue's errors of databases. */
  async commit(changes: readonly StoreChange[], position: Uint8Array): Promise<void> {
    const { isCleared, erased, puts } = netChanges(changes);
    await commitStore(this.db, {
      store: this.store,
      isCleared,
      erased: erased.map(asBuffer),
      puts: {
        keys: puts.map(({ keyBytes }) => asBuffer(keyBytes)),
        values: puts.map(({ valueBytes }) => asBuffer(valueBytes)),
        keyTexts: puts.map(({ key }) => printNotation(key)),
        keyJsons: puts.map(({ key }) => valueJson(key)),
        valueJsons: puts.map(({ value }) => valueJson(value)),
        expires: puts.map(({ expires }) => (expires === undefined ? null : String(microsUp(expires)))),
      },
      position: asBuffer(position),
    });
  }

  /** The database is others', too. */
  async close(): Promise<void> {}
}
