import type { Database } from './database.js';
import { formsOf, type StoredForms } from './store-entries.js';
import { inTransaction } from './transaction.js';

/** What data stores held, and hold. */

export type HistoryEnd = 'updated' | 'erased' | 'expired' | 'unknown';

/** Times are texts of timestamptz. */
export interface HistoryVersion {
  readonly id: Buffer;
  readonly key: StoredForms;
  readonly value: StoredForms;
  readonly since: string;
  /** The one of now has none. */
  readonly end?: { readonly until: string; readonly why: HistoryEnd };
  readonly publisher?: string | undefined;
}

/** The end of the value that a key has in the history. */
export interface HistoryClose {
  readonly id: Buffer;
  readonly until: string;
  readonly why: HistoryEnd;
}

/** What is added to the history of one store. */
export interface HistoryChanges {
  readonly store: string;
  readonly closed: readonly HistoryClose[];
  readonly opened: readonly HistoryVersion[];
}

/** Who writes, and the number of what it writes: the same again is not written twice. */
export interface HistoryBatch {
  /** A UUID. */
  readonly writer: string;
  readonly number: number;
}

/** All of it or nothing. Throws as `toDatabaseError` says. */
export function writeHistory(
  db: Database,
  batch: HistoryBatch,
  all: readonly HistoryChanges[],
): Promise<void> {
  return inTransaction(db, 'write the history of stores', async (client) => {
    const { rowCount } = await client.query(
      `INSERT INTO zeekway.writers AS w (id, entry, item) VALUES ($1, $2, 0)
       ON CONFLICT (id) DO UPDATE SET entry = EXCLUDED.entry, updated = now() WHERE w.entry < EXCLUDED.entry`,
      [batch.writer, batch.number],
    );
    // An earlier try got no answer to its COMMIT.
    if (rowCount === 0) return;
    for (const { store, closed, opened } of all) {
      if (closed.length > 0) {
        await client.query(
          `UPDATE zeekway.store_history AS h SET until = greatest(h.since, c.until), ended = c.why
             FROM unnest($2::bytea[], $3::timestamptz[], $4::text[]) AS c (id, until, why)
            WHERE h.store = $1 AND h.key_id = c.id AND h.until = 'infinity'`,
          [store, closed.map(({ id }) => id), closed.map(({ until }) => until), closed.map(({ why }) => why)],
        );
      }
      if (opened.length === 0) continue;
      await client.query(
        `INSERT INTO zeekway.store_history
           (store, key_id, key_text, key, key_bytes, value_text, value, value_bytes, since, until, ended, publisher)
         SELECT $1, * FROM unnest($2::bytea[], $3::text[], $4::jsonb[], $5::bytea[], $6::text[], $7::jsonb[], $8::bytea[],
           $9::timestamptz[], $10::timestamptz[], $11::text[], $12::text[])`,
        [
          store,
          ...formsOf(opened),
          opened.map(({ since }) => since),
          opened.map(({ end }) => end?.until ?? 'infinity'),
          opened.map(({ end }) => end?.why),
          opened.map(({ publisher }) => publisher),
        ],
      );
    }
  });
}

/** Bytes of key and value that a store has by its history, by the key's ID in hex. Throws as `toDatabaseError` says. */
export function currentHistory(db: Database, store: string): Promise<Map<string, Buffer>> {
  return inTransaction(db, `read the history of the store ${store}`, async (client) => {
    const { rows } = await client.query(
      `SELECT key_id, value_bytes FROM zeekway.store_history WHERE store = $1 AND until = 'infinity'`,
      [store],
    );
    return new Map(rows.map(({ key_id, value_bytes }) => [key_id.toString('hex'), value_bytes]));
  });
}
