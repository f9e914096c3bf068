import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { ZeekwayError } from '../core/errors.js';

/** Bytes read from a file at once. */
const READ_BYTES = 256 * 1024;
/** Compressed bytes that are inflated at once: at most a thousandfold comes out. */
const INFLATE_BYTES = 16 * 1024;
const GZIP_MAGIC = Buffer.of(0x1f, 0x8b);

/** How far the reading of a file has come, in bytes as they are on disk. */
export interface Progress {
  readonly bytesRead: number;
  readonly bytesTotal: number;
}

/** A file's bytes, and how many of them were handed out. */
export interface FileSource {
  readonly bytes: AsyncIterable<Uint8Array>;
  progress(): Progress;
  close(): Promise<void>;
}

function unreadable(file: string, cause: unknown): ZeekwayError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ZeekwayError('file_unreadable', `${file} cannot be read: ${reason}`, { file }, { cause });
}

/** Opens a file. Throws `file_unreadable`, also while it is read. */
export async function openFile(file: string): Promise<FileSource> {
  try {
    const handle = await open(file);
    const bytesTotal = (await handle.stat()).size;
    let bytesRead = 0;
    const bytes = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          const { buffer, bytesRead: size } = await handle.read(
            Buffer.allocUnsafeSlow(READ_BYTES),
            0,
            READ_BYTES,
          );
          if (size === 0) return;
          bytesRead += size;
          yield buffer.subarray(0, size);
        }
      } catch (error) {
        throw unreadable(file, error);
      }
    };
    return {
      bytes: bytes(),
      progress: () => ({ bytesRead, bytesTotal: Math.max(bytesTotal, bytesRead) }),
      close: () => handle.close(),
    };
  } catch (error) {
    throw unreadable(file, error);
  }
}

/**
 * The bytes, decompressed where they are gzip (told by the content; members put behind each other are read
 * on). Throws `capture_truncated` where the compressed bytes end early or are damaged, after all that could
 * be read of them.
 */
export async function* decompressed(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { head, all } = await peek(bytes, GZIP_MAGIC.length);
  if (head.subarray(0, GZIP_MAGIC.length).equals(GZIP_MAGIC)) yield* gunzip(all);
  else yield* all;
}

async function* gunzip(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const inflate = createGunzip();
  // Collected as they come: chunks that wait in the stream itself are lost when it fails behind them.
  const ready: Uint8Array[] = [];
  let failure: Error | undefined;
  let wake = (): void => {};
  inflate.on('data', (chunk: Uint8Array) => ready.push(chunk));
  inflate.on('error', (error) => {
    failure = error;
    wake();
  });
  // Also before all was written, where zeros follow the last member (as on tapes): those are left.
  let isAtEnd = false;
  inflate.on('end', () => {
    isAtEnd = true;
    wake();
  });
  const step = (act: (done: () => void) => void): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
      act(resolve);
    });
  let offset = 0;
  try {
    for await (const chunk of bytes) {
      for (let at = 0; at < chunk.length; at += INFLATE_BYTES) {
        const part = chunk.subarray(at, at + INFLATE_BYTES);
        await step((done) => inflate.write(part, () => done()));
        yield* ready.splice(0);
        if (failure) throw brokenGzip(offset, failure);
        if (isAtEnd) return;
        offset += part.length;
      }
    }
    await step(() => inflate.end());
    yield* ready.splice(0);
    if (failure) throw brokenGzip(offset, failure);
  } finally {
    inflate.destroy();
  }
}

function brokenGzip(offset: number, cause: Error): ZeekwayError {
  const message = `the gzip data cannot be read on near byte ${offset}: ${cause.message}`;
  return new ZeekwayError('capture_truncated', message, { offset }, { cause });
}

/**
 * At least `size` first bytes where there are so many, and an iterable that still gives all of them. An error
 * behind the first bytes comes in its turn.
 */
export async function peek(
  bytes: AsyncIterable<Uint8Array>,
  size: number,
): Promise<{ head: Buffer; all: AsyncIterable<Uint8Array> }> {
  const iterator = bytes[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  let failure: { readonly error: unknown } | undefined;
  try {
    while (head.length < size) {
      const next = await iterator.next();
      if (next.done) break;
      head = Buffer.concat([head, next.value]);
    }
  } catch (error) {
    if (head.length === 0) throw error;
    failure = { error };
  }
  const all = async function* (): AsyncGenerator<Uint8Array> {
    try {
      if (head.length > 0) yield head;
      if (failure) throw failure.error;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  };
  return { head, all: all() };
}

/**
 * SHA-256 (hex) of a file's content, the same for a file and its gzipped copy. Of broken gzip it is that of
 * what can be read. Throws `file_unreadable`.
 */
export async function digestFile(file: string): Promise<string> {
  const source = await openFile(file);
  const hash = createHash('sha256');
  try {
    for await (const chunk of decompressed(source.bytes)) hash.update(chunk);
  } catch (error) {
    if (!isTruncation(error)) throw error;
  } finally {
    await source.close();
  }
  return hash.digest('hex');
}

/** Whether the bytes of a file ended early: what came before is good. */
export function isTruncation(error: unknown): error is ZeekwayError {
  return error instanceof ZeekwayError && error.code === 'capture_truncated';
}
