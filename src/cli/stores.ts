import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { StoreMirror } from '../bridge/stores/mirror.js';
import { PostgresqlBackend } from '../bridge/stores/postgresql-backend.js';
import type { Clock } from '../core/clock.js';
import { errorLine } from '../core/errors.js';
import type { Endpoint } from '../peer/endpoint.js';
import type { Database } from '../storage/database.js';
import type { StoreBackend } from '../store/backend.js';
import { LevelBackend } from '../store/backends/level.js';
import { MemoryBackend } from '../store/backends/memory.js';
import { SqliteBackend } from '../store/backends/sqlite.js';
import { untilItWorks } from '../store/retry.js';
import type { Store } from '../store/store.js';
import type { Config } from './config/config.js';
import type { StoreBackendName } from './config/value-types.js';

interface StoreDeps {
  readonly endpoint: Endpoint;
  readonly db: Database;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The data stores of a gateway, as they are configured. */
export class ConfiguredStores {
  private readonly mirror: StoreMirror;
  private readonly stopping = new AbortController();
  private readonly opening: Promise<void>[] = [];

  constructor(private readonly deps: StoreDeps) {
    const { db, clock, logger } = deps;
    this.mirror = new StoreMirror({ db, logger, now: () => clock.wallNanos() });
  }

  /** Changes that wait to be written into the history. */
  get mirrorWaiting(): number {
    return this.mirror.waiting;
  }

  /** Attaches them. Those in the database come when that is there. Throws `store_backend_failed`, `store_exists`. */
  async start({ data, stores: { masters, clones, mirror } }: Pick<Config, 'data' | 'stores'>): Promise<void> {
    const { endpoint } = this.deps;
    const folder = join(data, 'stores');
    for (const [name, kind] of masters) {
      const isMirrored = mirror.includes(name);
      if (kind === 'postgresql') this.opening.push(this.openInDatabase(name, isMirrored));
      else this.follow(await endpoint.attachMaster(name, await backendOf(kind, folder, name)), isMirrored);
    }
    for (const name of clones) {
      this.follow(await endpoint.attachClone(name, { waitMs: 0 }), mirror.includes(name));
    }
  }

  /** What the stores did is in the history, but for a database that is away. To be called when they are closed. */
  async close(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.opening);
    await this.mirror.close();
  }

  /** Until it works: its tables are made when the database is there. */
  private async openInDatabase(name: string, isMirrored: boolean): Promise<void> {
    const { endpoint, db, logger } = this.deps;
    const opened = await untilItWorks(() => endpoint.attachMaster(name, new PostgresqlBackend(db, name)), {
      signal: this.stopping.signal,
      failed: (error, isFirst) => {
        if (isFirst) logger.warn({ store: name }, `the master of the store waits: ${errorLine(error)}`);
      },
    });
    if (opened) this.follow(opened.value, isMirrored);
  }

  private follow(store: Store, isMirrored: boolean): void {
    const { logger, clock } = this.deps;
    const { name } = store;
    const log = logger.child({ store: name });
    log.info({ role: store.role }, 'attached');
    store.on('problem', (error) => log.warn({ code: error.code }, error.message));
    store.on('attached', ({ master }) =>
      log.info({ master: master.endpoint }, 'the master sent its content'),
    );
    store.on('detached', (reason) => log.warn({}, `detached: ${reason}`));
    if (!isMirrored) return;
    const compare = (): void => this.mirror.reset(name, () => store.contentNow);
    store.on('attached', compare);
    if (store.role === 'master') compare();
    store.on('change', (event) =>
      this.mirror.change({
        store: name,
        type: event.type,
        key: event.key,
        ...('value' in event ? { value: event.value } : {}),
        publisher: event.publisher.endpoint,
        time: clock.wallNanos(),
      }),
    );
  }
}

async function backendOf(
  kind: Exclude<StoreBackendName, 'postgresql'>,
  folder: string,
  store: string,
): Promise<StoreBackend> {
  if (kind === 'memory') return new MemoryBackend();
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // Names of stores have colons and slashes.
  const path = join(folder, encodeURIComponent(store));
  return kind === 'sqlite' ? new SqliteBackend(`${path}.sqlite`) : new LevelBackend(`${path}.leveldb`);
}
