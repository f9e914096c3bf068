import type pg from 'pg';
import type { Database } from './database.js';
import { inTransaction } from './transaction.js';

/** The entries of data stores whose master is kept in PostgreSQL. */

/** Keys or values, each in all of its forms: as Zeek writes it, JSON, and bytes. */
export interface StoredForms {
  readonly text: string;
  readonly json: string;
  readonly bytes: Buffer;
}

export interface StoredEntry {
  /** What an index can hold of the key. */
  readonly id: Buffer;
  readonly key: StoredForms;
  readonly value: StoredForms;
  /** Nanoseconds since the Unix epoch. */
  readonly expires: bigint | undefined;
}

/** What becomes of a store in one transaction; of each key one thing. */
export interface EntryChanges {
  /** All that was there before goes. */
  readonly clears: boolean;
  readonly erased: readonly Buffer[];
  readonly put: readonly StoredEntry[];
  readonly position: Uint8Array;
}

/** Rows that are read at a time. */
const PAGE = 10_000;

/** Hands over bytes and expiry of each entry. @returns the position. Throws as `toDatabaseError` says. */
export async function loadEntries(
  db: Database,
  store: string,
  entry: (key: Buffer, value: Buffer, expires: bigint | undefined) => void,
): Promise<Buffer | undefined> {
  return inTransaction(db, `read the store ${store}`, async (client) => {
    // One moment for all pages.
    await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const { rows } = await client.query('SELECT position FROM zeekway.stores WHERE name = $1', [store]);
    let after: Buffer | undefined = Buffer.alloc(0);
    while (after !== undefined) {
      const page: pg.QueryResult = await client.query(
        `SELECT key_id, key_bytes, value_bytes, expires_nanos FROM zeekway.store_entries
          WHERE store = $1 AND key_id > $2 ORDER BY key_id LIMIT ${PAGE}`,
        [store, after],
      );
      for (const { key_bytes, value_bytes, expires_nanos } of page.rows) {
        entry(key_bytes, value_bytes, expires_nanos === null ? undefined : BigInt(expires_nanos));
      }
      after = page.rows.at(-1)?.key_id;
    }
    return rows[0]?.position;
  });
}

/** All of it or nothing; the same again changes nothing. Throws as `toDatabaseError` says. */
export function commitEntries(db: Database, store: string, changes: EntryChanges): Promise<void> {
  const { clears, erased, put, position } = changes;
  return inTransaction(db, `write the store ${store}`, async (client) => {
    if (clears) await client.query('DELETE FROM zeekway.store_entries WHERE store = $1', [store]);
    if (erased.length > 0) {
      await client.query('DELETE FROM zeekway.store_entries WHERE store = $1 AND key_id = ANY($2)', [
        store,
        erased,
      ]);
    }
    if (put.length > 0) {
      await client.query(
        `INSERT INTO zeekway.store_entries
           (store, key_id, key_text, key, key_bytes, value_text, value, value_bytes, expires_nanos)
         SELECT $1, * FROM unnest($2::bytea[], $3::text[], $4::jsonb[], $5::bytea[], $6::text[], $7::jsonb[], $8::bytea[], $9::bigint[])
         ON CONFLICT (store, key_id) DO UPDATE SET value_text = excluded.value_text, value = excluded.value,
           value_bytes = excluded.value_bytes, expires_nanos = excluded.expires_nanos, updated = now()`,
        [store, ...formsOf(put), put.map(({ expires }) => expires?.toString())],
      );
    }
    await client.query(
      `INSERT INTO zeekway.stores (name, position) VALUES ($1, $2)
       ON CONFLICT (name) DO UPDATE SET position = excluded.position, updated = now()`,
      [store, position],
    );
  });
}

/** As arrays: id, key in three forms, value in three forms. */
export const formsOf = (entries: readonly Omit<StoredEntry, 'expires'>[]): unknown[] => [
  entries.map(({ id }) => id),
  ...(['key', 'value'] as const).flatMap((part) =>
    (['text', 'json', 'bytes'] as const).map((form) => entries.map((entry) => entry[part][form])),
  ),
];
