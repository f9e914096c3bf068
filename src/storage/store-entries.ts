import type { Database } from './database.js';
import { toDatabaseError } from './database-error.js';
import { inTransaction } from './transaction.js';

/** The content of stores whose masters keep it here. */

export interface StoredEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** Microseconds since the Unix epoch. */
  readonly expires: bigint | undefined;
}

/** The columns of entries to write, one array each. */
export interface EntryColumns {
  readonly keys: readonly Uint8Array[];
  readonly values: readonly Uint8Array[];
  readonly keyTexts: readonly string[];
  readonly keyJsons: readonly string[];
  readonly valueJsons: readonly string[];
  /** Microseconds since the Unix epoch; null: never. */
  readonly expires: readonly (string | null)[];
}

/** What a store comes to; none of its keys is in two of these. */
export interface StoreCommit {
  readonly store: string;
  /** Whether all that was there before goes first. */
  readonly isCleared: boolean;
  readonly erased: readonly Uint8Array[];
  readonly puts: EntryColumns;
  readonly position: Uint8Array;
}

const EPOCH = `timestamptz 'epoch'`;

const PUT = `
  INSERT INTO zeekway.store_entries (store, key, value, key_text, key_json, value_json, expires)
  SELECT $1, key, value, key_text, key_json::jsonb, value_json::jsonb,
         ${EPOCH} + make_interval(secs => micros / 1000000) + micros % 1000000 * interval '1 microsecond'
    FROM unnest($2::bytea[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::bigint[])
      AS put (key, value, key_text, key_json, value_json, micros)
  ON CONFLICT (store, key) DO UPDATE SET value = excluded.value, value_json = excluded.value_json,
    expires = excluded.expires, updated = now()`;

const SET_POSITION = `
  INSERT INTO zeekway.stores (name, position) VALUES ($1, $2)
  ON CONFLICT (name) DO UPDATE SET position = excluded.position, updated = now()`;

/** Makes changes durable together with the position, in one transaction. Throws the catalogue's errors of databases. */
export async function commitStore(db: Database, commit: StoreCommit): Promise<void> {
  const { store, isCleared, erased, puts, position } = commit;
  await inTransaction(db, `write the store ${store}`, async (client) => {
    await client.query(SET_POSITION, [store, position]);
    if (isCleared) await client.query('DELETE FROM zeekway.store_entries WHERE store = $1', [store]);
    else if (erased.length > 0) {
      const text = 'DELETE FROM zeekway.store_entries WHERE store = $1 AND key = ANY ($2::bytea[])';
      await client.query(text, [store, erased]);
    }
    if (puts.keys.length > 0) {
      const { keys, values, keyTexts, keyJsons, valueJsons, expires } = puts;
      await client.query(PUT, [store, keys, values, keyTexts, keyJsons, valueJsons, expires]);
    }
  });
}

/** @returns the position of a store; undefined where none was ever committed. Throws the catalogue's errors of databases. */
export async function storePosition(db: Database, store: string): Promise<Uint8Array | undefined> {
  try {
    const text = 'SELECT position FROM zeekway.stores WHERE name = $1';
    return (await db.pool.query<{ position: Buffer }>(text, [store])).rows[0]?.position;
  } catch (error) {
    throw toDatabaseError(error, `read the store ${store}`);
  }
}

/** @returns the entries behind a key, in the order of the keys. Throws the catalogue's errors of databases. */
export async function readStore(
  db: Database,
  store: string,
  after: Uint8Array,
  rows: number,
): Promise<StoredEntry[]> {
  try {
    const result = await db.pool.query<{ key: Buffer; value: Buffer; expires: string | null }>(
      `SELECT key, value, (extract(epoch FROM expires) * 1000000)::bigint AS expires
         FROM zeekway.store_entries WHERE store = $1 AND key > $2 ORDER BY key LIMIT $3`,
      [store, after, rows],
    );
    return result.rows.map(({ key, value, expires }) => ({
      key,
      value,
      expires: expires === null ? undefined : BigInt(expires),
    }));
  } catch (error) {
    throw toDatabaseError(error, `read the store ${store}`);
  }
}
