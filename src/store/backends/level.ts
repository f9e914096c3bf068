import { resolve } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { ByteReader } from '../../codec/bytes.js';
import { none, timestamp } from '../../codec/value.js';
import { decodeValue, encodeValue, readValue } from '../../codec/value-binary.js';
import { hold } from '../../files/hold.js';
import type { StoreBackend, StoreChange, StoreEntry } from '../backend.js';
import { backendClosed, backendFailure, backendInUse } from './failure.js';
import { type NetPut, netChanges } from './net-changes.js';

/*
 * Our own format: an entry is under `e` and the bytes of its key, as its expiry (a timestamp, or none) and its value; the
 * position is under `p`.
 */
const ENTRY = Buffer.from('e');
const ENTRIES = { gte: ENTRY, lt: Buffer.from('f') };
const POSITION = Buffer.from('p');

const keyOf = (keyBytes: Uint8Array): Uint8Array => Buffer.concat([ENTRY, keyBytes]);

const contentOf = ({ expires, valueBytes }: NetPut): Uint8Array =>
  Buffer.concat([encodeValue(expires === undefined ? none : timestamp(expires)), valueBytes]);

/** Throws `DecodeError`. */
function readEntry(key: Uint8Array, content: Uint8Array): StoreEntry {
  const reader = new ByteReader(content);
  const expires = readValue(reader);
  const value = readValue(reader);
  reader.expectEnd('the entry');
  const entry = { key: decodeValue(key.subarray(ENTRY.length)), value };
  return expires.type === 'timestamp' ? { ...entry, expires: expires.value } : entry;
}

/**
 * Keeps a store in the folder of a LevelDB, a log-structured merge tree: the cheapest commits of many changes. Who has it is
 * decided by `FOLDER.guard`: LevelDB's own lock is lost when its process tries to open the folder a second time.
 */
export class LevelBackend implements StoreBackend {
  private readonly folder: string;
  private db: ClassicLevel<Uint8Array, Uint8Array> | undefined;
  private release: (() => void) | undefined;

  /** @param folder is made where there is none; the one that it is in has to be there. */
  constructor(folder: string) {
    this.folder = resolve(folder);
  }

  /** Throws `store_backend_failed`. */
  async load(entry: (entry: StoreEntry) => void): Promise<Uint8Array | undefined> {
    const db = await this.open();
    try {
      for await (const [key, content] of db.iterator(ENTRIES)) entry(readEntry(key, content));
      return await db.get(POSITION);
    } catch (error) {
      await this.close();
      throw backendFailure('read', this.folder, error);
    }
  }

  /** Throws `store_backend_failed`. */
  async commit(changes: readonly StoreChange[], position: Uint8Array): Promise<void> {
    const { db } = this;
    if (!db) throw backendClosed(this.folder);
    const { isCleared, erased, puts } = netChanges(changes);
    try {
      const gone = isCleared ? await db.keys(ENTRIES).all() : erased.map(keyOf);
      const batch = db.batch();
      for (const key of gone) batch.del(key);
      for (const put of puts) batch.put(keyOf(put.keyBytes), contentOf(put));
      batch.put(POSITION, position);
      await batch.write({ sync: true });
    } catch (error) {
      throw backendFailure('write', this.folder, error);
    }
  }

  async close(): Promise<void> {
    const { db, release } = this;
    this.db = undefined;
    this.release = undefined;
    try {
      await db?.close();
    } finally {
      release?.();
    }
  }

  private async open(): Promise<ClassicLevel<Uint8Array, Uint8Array>> {
    const encoding = { keyEncoding: 'view', valueEncoding: 'view' } as const;
    try {
      this.release = await hold(`${this.folder}.guard`);
    } catch (error) {
      throw backendFailure('open', this.folder, error);
    }
    if (!this.release) throw backendInUse(this.folder);
    const db = new ClassicLevel<Uint8Array, Uint8Array>(this.folder, encoding);
    try {
      await db.open();
      this.db = db;
      return db;
    } catch (error) {
      // The database is closed: its own `close` would wait for ever.
      await this.close();
      throw backendFailure('open', this.folder, error);
    }
  }
}
