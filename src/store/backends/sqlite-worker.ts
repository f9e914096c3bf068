import { closeSync, fsyncSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import sqlite from 'node-sqlite3-wasm';
import { STORE_LOAD_BYTES, STORE_LOAD_ROWS } from '../../core/limits.js';

/** The SQLite file of a store, in a thread of its own: a slow disk keeps nobody else waiting. */

export interface SqliteRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly expires: bigint | undefined;
}

export interface SqliteCommit {
  readonly isCleared: boolean;
  readonly erased: readonly Uint8Array[];
  readonly puts: readonly SqliteRow[];
  readonly position: Uint8Array;
}

interface Opened {
  readonly db: sqlite.Database;
  readonly erase: sqlite.Statement;
  readonly put: sqlite.Statement;
  readonly setPosition: sqlite.Statement;
}

let opened: Opened | undefined;

function current(): Opened {
  if (!opened) throw new Error('the file is not open');
  return opened;
}

/** Opens or makes the file, which this process alone has to hold. @returns the position. */
export function open({ file }: { file: string }): Uint8Array | undefined {
  // What the library locks with is a folder, which a process that was killed leaves behind.
  rmSync(`${file}.lock`, { recursive: true, force: true });
  const db = new sqlite.Database(file);
  try {
    // With a rollback journal what a killed process left half-done would stay: to this library its own lock is somebody's who
    // still writes. A write-ahead log has no such doubt, and without others no memory has to be shared.
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    db.exec(`
      BEGIN IMMEDIATE;
      CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, value BLOB NOT NULL, expires INTEGER) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS position (id INTEGER PRIMARY KEY CHECK (id = 0), bytes BLOB NOT NULL);
      COMMIT;
    `);
    syncFolder(dirname(file));
    opened = {
      db,
      erase: db.prepare('DELETE FROM entries WHERE key = ?'),
      put: db.prepare('INSERT OR REPLACE INTO entries (key, value, expires) VALUES (?, ?, ?)'),
      setPosition: db.prepare('INSERT OR REPLACE INTO position (id, bytes) VALUES (0, ?)'),
    };
    return db.get('SELECT bytes FROM position')?.['bytes'] as Uint8Array | undefined;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** File and journal are found again after a power cut. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** @returns the next entries in the order of their keys; none where there are no more. */
export function read({ after }: { after: Uint8Array }): SqliteRow[] {
  const query = `SELECT key, value, expires FROM entries WHERE key > ? ORDER BY key LIMIT ${STORE_LOAD_ROWS}`;
  const select = current().db.prepare(query);
  const rows: SqliteRow[] = [];
  let bytes = 0;
  try {
    for (const row of select.iterate([after])) {
      const { key, value, expires } = row as Record<'key' | 'value', Uint8Array> & {
        expires: number | bigint | null;
      };
      rows.push({ key, value, expires: expires === null ? undefined : BigInt(expires) });
      bytes += key.length + value.length;
      if (bytes > STORE_LOAD_BYTES) break;
    }
  } finally {
    select.finalize();
  }
  return rows;
}

/** Makes changes durable, all or none of them. */
export function commit({ isCleared, erased, puts, position }: SqliteCommit): void {
  const { db, erase, put, setPosition } = current();
  db.exec('BEGIN');
  try {
    if (isCleared) db.exec('DELETE FROM entries');
    for (const key of erased) erase.run([key]);
    for (const { key, value, expires } of puts) put.run([key, value, expires ?? null]);
    setPosition.run([position]);
    db.exec('COMMIT');
  } catch (error) {
    // SQLite has rolled back some errors on its own: a full disk, an unreadable file.
    if (db.inTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

export function close(): void {
  opened?.db.close();
  opened = undefined;
}
