import { randomUUID } from 'node:crypto';
import { mkdir, statfs } from 'node:fs/promises';
import { Piscina } from 'piscina';
import { ZeekwayError } from '../core/errors.js';
import { SPOOL_THREAD_BYTES } from '../core/limits.js';
import type { Change, Content, GroupKey } from './store-worker.js';

/** What the map may be larger than the content: pages that are free but lie apart, and the tree. */
const MAP_FACTOR = 2;
const MAP_EXTRA_BYTES = 256 * 1024 * 1024;
/** So many bytes free and a failed write is not for want of room. */
const ROOM_BYTES = 16 * 1024 * 1024;

/**
 * The spool's file, worked on by a thread of its own. Calls are carried out one after the other. The thread is another
 * one from time to time (SPOOL_THREAD_BYTES).
 */
export class SpoolStore {
  private last: Promise<unknown> = Promise.resolve();
  private readBytes = 0;

  private constructor(
    private readonly folder: string,
    private readonly mapBytes: number,
    private readonly threadBytes: number,
    private thread: Piscina | undefined,
    /** What was in the file when it was opened. */
    readonly content: Content,
  ) {}

  /**
   * Opens or makes the file in a folder. Throws `spool_failed`.
   * @param threadBytes what is read before the thread is replaced.
   */
  static async open(
    folder: string,
    sizeBytes: number,
    threadBytes = SPOOL_THREAD_BYTES,
  ): Promise<SpoolStore> {
    const mapBytes = sizeBytes * MAP_FACTOR + MAP_EXTRA_BYTES;
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const { thread, content } = await startThread(folder, mapBytes);
      return new SpoolStore(folder, mapBytes, threadBytes, thread, content);
    } catch (error) {
      throw await failure('open the spool', folder, error);
    }
  }

  /** Gives the file another identity. Throws `spool_failed`. */
  async rename(id: string): Promise<void> {
    await this.call('rename', { id }, 'write the spool');
  }

  /**
   * Makes a change durable, as a whole or not at all. The content of a group should be in shared memory: of other
   * memory the whole buffer is copied. Throws `spool_failed`.
   */
  async apply(change: Change): Promise<void> {
    await this.call('apply', change, 'write the spool');
  }

  /**
   * Reads the content of a group into a buffer, which has room for it and should be of shared memory.
   * @returns how many bytes it has: none where it is not there. Throws `spool_failed`.
   */
  async read(group: GroupKey, into: Uint8Array): Promise<number> {
    this.readBytes += group.bytes;
    return (await this.call('read', { group, into }, 'read the spool')) as number;
  }

  async close(): Promise<void> {
    await this.last;
    await this.stop();
  }

  private async call(name: string, argument: object, doing: string): Promise<unknown> {
    const done = this.last.then(() => this.run(name, argument));
    this.last = done.catch(() => {
      // The caller of this one is told; the next one is carried out all the same.
    });
    try {
      return await done;
    } catch (error) {
      throw await failure(doing, this.folder, error);
    }
  }

  private async run(name: string, argument: object): Promise<unknown> {
    if (this.readBytes >= this.threadBytes) await this.stop();
    if (!this.thread) {
      const { thread } = await startThread(this.folder, this.mapBytes);
      this.thread = thread;
      this.readBytes = 0;
    }
    return this.thread.run(argument, { name });
  }

  private async stop(): Promise<void> {
    const { thread } = this;
    this.thread = undefined;
    await thread?.run({}, { name: 'close' });
    await thread?.destroy();
  }
}

/** Starts a thread and opens or makes the file there. Throws LMDB's error. */
async function startThread(
  path: string,
  mapBytes: number,
): Promise<{ readonly thread: Piscina; readonly content: Content }> {
  const thread = new Piscina({
    filename: new URL('./store-worker.js', import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
    execArgv: [],
  });
  try {
    const argument = { path, mapBytes, newId: randomUUID() };
    return { thread, content: await thread.run(argument, { name: 'open' }) };
  } catch (error) {
    await thread.destroy();
    throw error;
  }
}

/** LMDB's errors come as "Input/output error" also where the disk is full. */
async function failure(doing: string, folder: string, error: unknown): Promise<ZeekwayError> {
  const text = error instanceof Error ? error.message : String(error);
  const free = await statfs(folder).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => undefined,
  );
  const isFull = free !== undefined && free < ROOM_BYTES;
  const why = isFull ? `the disk is full, ${Math.floor(free / 1024)} KiB are free (${text})` : text;
  return new ZeekwayError('spool_failed', `cannot ${doing} in ${folder}: ${why}`, {}, { cause: error });
}
