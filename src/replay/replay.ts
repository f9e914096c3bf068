import { basename } from 'node:path';
import type { Clock } from '../core/clock.js';
import { ZeekwayError } from '../core/errors.js';
import { type CodecLimits, DEFAULT_CODEC_LIMITS } from '../core/limits.js';
import type { Item } from '../zeek/item.js';
import type { CaptureReader } from './capture/capture.js';
import { isPcap, PcapReader } from './capture/pcap.js';
import { isPcapng, PcapngReader } from './capture/pcapng.js';
import { CaptureReplay } from './capture-replay.js';
import { decompressed, type FileSource, isTruncation, openFile, type Progress, peek } from './file-source.js';
import { JsonFormat } from './log-file/json.js';
import { type KnownTypes, type LogFormat, LogItems } from './log-file/log-file.js';
import { pathFromFileName } from './log-file/name.js';
import { TsvFormat } from './log-file/tsv.js';
import { logFileItems } from './log-file-replay.js';
import { Pace, type Sleep, type Speed } from './pace.js';
import { ReplayReport } from './report.js';
import type { CaptureWatcher } from './session/capture-session.js';

export interface ReplayOptions {
  /** Gives log records the time at which they are read, and captures their pace. */
  readonly clock: Clock;
  /** Needed for any `speed` but `max`. */
  readonly sleep?: Sleep;
  /** For captures; log files are read as fast as it goes. */
  readonly speed?: Speed;
  readonly limits?: CodecLimits;
  /** The field types of logs that have a table already, for JSON logs, which tell none. */
  readonly knownTypes?: KnownTypes;
  /** Sees the messages in a capture. */
  readonly watcher?: CaptureWatcher;
}

/** A file that is being replayed. */
export interface Replay {
  /**
   * What the file holds, in batches, read only as fast as they are taken; to be asked for once. Captures end
   * with `capture_without_broker` where there was nothing to read. Throws `file_unreadable`.
   */
  items(): AsyncIterable<readonly Item[]>;
  /** Bytes of the file as it is on disk. */
  progress(): Progress;
  readonly report: ReplayReport;
}

/** What tells the kinds of files apart lies within these. */
const HEAD_BYTES = 16;

/**
 * Opens a capture (pcap, pcapng) or a log file of Zeek's (TSV, JSON), plain or gzipped; the content tells
 * which. Throws `file_unreadable`, `capture_truncated` where nothing of a gzip file can be read, and
 * `capture_invalid` for any other file.
 */
export async function openReplay(file: string, options: ReplayOptions): Promise<Replay> {
  const source = await openFile(file);
  try {
    const { items, report } = await replayBytes(file, source.bytes, options);
    return { items: () => closing(source, items), progress: source.progress, report };
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function* closing(source: FileSource, items: AsyncIterable<Item[]>): AsyncGenerator<readonly Item[]> {
  try {
    yield* items;
  } finally {
    await source.close();
  }
}

/** The same for bytes that come from elsewhere. @param file the name that they go by. */
export async function replayBytes(
  file: string,
  bytes: AsyncIterable<Uint8Array>,
  options: ReplayOptions,
): Promise<{ items: AsyncIterable<Item[]>; report: ReplayReport }> {
  const report = new ReplayReport(basename(file));
  const { head, all } = await peek(decompressed(bytes), HEAD_BYTES).catch((error: unknown) => {
    if (!isTruncation(error)) throw error;
    throw new ZeekwayError(
      error.code,
      `${file}: ${error.message}`,
      { ...error.where, file },
      { cause: error },
    );
  });
  const capture = captureReader(head);
  if (capture) {
    const { limits = DEFAULT_CODEC_LIMITS, watcher } = options;
    const context = { file: basename(file), report, limits, pace: paceOf(options), watcher };
    return { items: new CaptureReplay(capture, context).items(all), report };
  }
  const mark = head.indexOf(BYTE_ORDER_MARK) === 0 ? BYTE_ORDER_MARK.length : 0;
  const format = logFormat(file, head.subarray(mark), options);
  if (format) return { items: logFileItems(behind(mark, all), format, report), report };
  const found = head.length === 0 ? 'is empty' : 'is neither a capture (pcap, pcapng) nor a Zeek log';
  throw new ZeekwayError('capture_invalid', `${file} ${found}`, { file });
}

/** U+FEFF in UTF-8, which editors put before a text. */
const BYTE_ORDER_MARK = Buffer.from('\ufeff');

/** All but the first bytes; the first chunk has at least as many. */
async function* behind(size: number, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let skip = size;
  for await (const chunk of chunks) {
    yield chunk.subarray(skip);
    skip = 0;
  }
}

/** What reads a capture that begins so; `undefined` where it is none. */
export function captureReader(head: Buffer): CaptureReader | undefined {
  if (head.length < 4) return undefined;
  if (isPcap(head)) return new PcapReader();
  return isPcapng(head) ? new PcapngReader() : undefined;
}

/** An empty file counts as a log without records when its name says that it is a log: Zeek writes such. */
function logFormat(file: string, head: Buffer, options: ReplayOptions): LogFormat | undefined {
  const items = new LogItems(basename(file), pathFromFileName(file), options.clock.wallNanos());
  const text = head.toString('latin1').trimStart();
  const isEmptyLog = text === '' && /\.log(\.gz)?$/i.test(file);
  if (text.startsWith('{') || isEmptyLog)
    return new JsonFormat(items, options.knownTypes ?? (() => undefined));
  return text.startsWith('#separator') ? new TsvFormat(items) : undefined;
}

function paceOf({ speed = 'max', clock, sleep }: ReplayOptions): Pace {
  if (speed === 'max') return new Pace(speed, clock, async () => {});
  if (!(speed > 0)) throw new ZeekwayError('config_invalid', `the speed is max or above 0, not ${speed}`);
  if (!sleep) throw new ZeekwayError('config_invalid', `a replay at speed ${speed} needs a way to sleep`);
  return new Pace(speed, clock, sleep);
}
