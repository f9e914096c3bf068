import { REPLAY_BATCH_ITEMS } from '../core/limits.js';
import type { Item } from '../zeek/item.js';
import { isTruncation } from './file-source.js';
import { type Line, LineReader } from './log-file/lines.js';
import type { LogFormat } from './log-file/log-file.js';
import type { ReplayReport } from './report.js';

/** Reads the records of a log file. A line that cannot be read becomes a dead letter. */
export async function* logFileItems(
  bytes: AsyncIterable<Uint8Array>,
  format: LogFormat,
  report: ReplayReport,
): AsyncGenerator<Item[]> {
  const lines = new LineReader();
  const read = (some: readonly Line[]): Item[] => {
    const items = format.read(some);
    report.lines += some.length;
    report.count(items);
    return items;
  };
  try {
    for await (const chunk of bytes) {
      const ended = [...lines.push(chunk)];
      for (let at = 0; at < ended.length; at += REPLAY_BATCH_ITEMS) {
        const items = read(ended.slice(at, at + REPLAY_BATCH_ITEMS));
        if (items.length > 0) yield items;
      }
    }
  } catch (error) {
    if (!isTruncation(error)) throw error;
    report.warn(error.code, '', error.message, error.where);
  }
  const rest = lines.rest();
  if (!rest) return;
  report.warn('log_file_invalid', '', `line ${rest.number} has no end; it was read as it is`);
  const items = read([rest]);
  if (items.length > 0) yield items;
}
