import { resolve } from 'node:path';
import { Piscina } from 'piscina';
import { decodeValue } from '../../codec/value-binary.js';
import { hold } from '../../files/hold.js';
import type { StoreBackend, StoreChange, StoreEntry } from '../backend.js';
import { backendClosed, backendFailure, backendInUse } from './failure.js';
import { netChanges } from './net-changes.js';
import type { SqliteCommit, SqliteRow } from './sqlite-worker.js';

/** Another thread gets the whole memory that bytes lie in: these get one of their own. */
const own = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

/**
 * Keeps a store in a SQLite file. Other programs may read it while no master has it open: SQLite in WebAssembly knows nothing
 * of their locks, nor they of its. Between masters `FILE.guard` decides.
 */
export class SqliteBackend implements StoreBackend {
  private readonly file: string;
  private thread: Piscina | undefined;
  private release: (() => void) | undefined;

  /** @param file is made where there is none; its folder has to be there. */
  constructor(file: string) {
    this.file = resolve(file);
  }

  /** Throws `store_backend_failed`. */
  async load(entry: (entry: StoreEntry) => void): Promise<Uint8Array | undefined> {
    const position = await this.open();
    try {
      let after: Uint8Array = new Uint8Array(0);
      for (;;) {
        const rows: SqliteRow[] = await this.call('read', { after });
        const last = rows.at(-1);
        if (last === undefined) return position;
        for (const { key, value, expires } of rows) {
          entry({
            key: decodeValue(key),
            value: decodeValue(value),
            ...(expires === undefined ? {} : { expires }),
          });
        }
        after = last.key;
      }
    } catch (error) {
      await this.close();
      throw backendFailure('read', this.file, error);
    }
  }

  /** Throws `store_backend_failed`. */
  async commit(changes: readonly StoreChange[], position: Uint8Array): Promise<void> {
    if (!this.thread) throw backendClosed(this.file);
    const { isCleared, erased, puts } = netChanges(changes);
    const commit: SqliteCommit = {
      isCleared,
      erased: erased.map(own),
      puts: puts.map(({ keyBytes, valueBytes, expires }) => ({
        key: own(keyBytes),
        value: own(valueBytes),
        expires,
      })),
      position: own(position),
    };
    try {
      await this.call('commit', commit);
    } catch (error) {
      throw backendFailure('write', this.file, error);
    }
  }

  async close(): Promise<void> {
    const { thread, release } = this;
    this.thread = undefined;
    this.release = undefined;
    try {
      await thread?.run({}, { name: 'close' });
    } finally {
      await thread?.destroy();
      release?.();
    }
  }

  private async open(): Promise<Uint8Array | undefined> {
    try {
      this.release = await hold(`${this.file}.guard`);
    } catch (error) {
      throw backendFailure('open', this.file, error);
    }
    if (!this.release) throw backendInUse(this.file);
    const filename = new URL('./sqlite-worker.js', import.meta.url).href;
    this.thread = new Piscina({ filename, minThreads: 1, maxThreads: 1, execArgv: [] });
    try {
      return await this.call('open', { file: this.file });
    } catch (error) {
      await this.close();
      throw backendFailure('open', this.file, error);
    }
  }

  private async call<T>(name: string, argument: object): Promise<T> {
    return (await this.thread?.run(argument, { name })) as T;
  }
}
