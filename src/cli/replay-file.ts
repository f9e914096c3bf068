import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Bridge, type BridgeStatus } from '../bridge/bridge.js';
import { ZeekwayError } from '../core/errors.js';
import { API_QUERY_TIMEOUT_MS } from '../core/limits.js';
import type { Logger } from '../core/logger.js';
import { systemClock } from '../peer/system.js';
import { digestFile } from '../replay/file-source.js';
import type { Speed } from '../replay/pace.js';
import { openReplay } from '../replay/replay.js';
import type { Database } from '../storage/database.js';
import { describeLogs } from '../storage/queries/catalogue.js';
import { read } from '../storage/queries/query.js';
import { abandonReplay, beginReplay, finishReplay } from '../storage/replays.js';
import { type FieldType, parseFieldType } from '../zeek/field-type.js';

export interface ReplayFileOptions {
  readonly again: boolean;
  readonly speed: Speed;
  readonly logger: Logger;
  /** Stops in the middle: what was stored is removed when the file is replayed anew. */
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

export interface ReplayOutcome {
  /** When the same bytes were replayed before, and so nothing was done now. */
  readonly earlier?: Date;
  /** Rows of each log that were stored, now or earlier, and of events and the rest under their own names. */
  readonly rows: Readonly<Record<string, number>>;
  readonly warnings: readonly ZeekwayError[];
  /** Commands of data stores, which are counted and not stored. */
  readonly commands: number;
}

/** How often progress is told. */
const PROGRESS_MS = 100;

/** Replays one file into the database, once: the same bytes a second time are only replayed with `again`. */
export async function replayFile(
  db: Database,
  file: string,
  options: ReplayFileOptions,
): Promise<ReplayOutcome> {
  const digest = await digestFile(file);
  const start = await beginReplay(db, { digest, name: basename(file), again: options.again });
  if (start.status === 'done')
    return { earlier: start.finished, rows: start.items, warnings: [], commands: 0 };
  if (start.status === 'busy') {
    throw new ZeekwayError('replay_busy', `${file} is being replayed by another zeekway right now`, { file });
  }
  try {
    const outcome = await store(db, file, start.id, options);
    await finishReplay(db, start, outcome.rows);
    return outcome;
  } catch (error) {
    await abandonReplay(start);
    throw error;
  }
}

async function store(
  db: Database,
  file: string,
  replayId: number,
  { speed, logger, signal, onProgress }: ReplayFileOptions,
): Promise<ReplayOutcome> {
  const knownTypes = await knownFieldTypes(db);
  const wait = async (ms: number): Promise<void> => void (await sleep(ms, undefined, { signal }));
  const replay = await openReplay(file, { clock: systemClock, speed, sleep: wait, knownTypes });
  const bridge = new Bridge({ db, writerId: randomUUID(), replayId, logger, clock: systemClock });
  const stop = (): void => void bridge.abort(stopped());
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  const tell = (): void => onProgress(replay.progress().bytesRead, replay.progress().bytesTotal);
  const timer = setInterval(tell, PROGRESS_MS);
  try {
    await bridge.run(replay.items());
    await bridge.close();
    tell();
    const { report } = replay;
    if (report.lines > 0 && report.records === 0 && report.firstDeadLetter !== undefined) {
      const problem = `no line of it could be read; the first: ${report.firstDeadLetter}`;
      throw new ZeekwayError('log_file_invalid', `${file}: ${problem}`, { file });
    }
    const { warnings, commands } = report;
    return { rows: rowsOf(bridge.status), warnings, commands };
  } catch (error) {
    await bridge.abort(stopped());
    for (const warning of replay.report.warnings) logger.warn({ code: warning.code }, warning.message);
    throw signal.aborted ? stopped() : error;
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', stop);
  }
}

const stopped = (): ZeekwayError =>
  new ZeekwayError('replay_stopped', 'the replay was stopped in the middle: run it again, it begins anew');

function rowsOf({ written }: BridgeStatus): Record<string, number> {
  const deadLetters = Object.values(written.deadLetters).reduce((sum, rows) => sum + rows, 0);
  const others = {
    '(events)': written.events,
    '(identifiers)': written.identifiers,
    '(dead letters)': deadLetters,
  };
  return { ...written.logs, ...Object.fromEntries(Object.entries(others).filter(([, rows]) => rows > 0)) };
}

/** The types of the fields that have a column already: JSON logs do not tell theirs. */
async function knownFieldTypes(
  db: Database,
): Promise<(path: string) => ReadonlyMap<string, FieldType> | undefined> {
  const logs = await read(db.pool, { timeoutMs: API_QUERY_TIMEOUT_MS }, (query) => describeLogs(query));
  const types = new Map(
    logs.map(({ path, columns }) => [
      path,
      new Map(
        // Of a field with several columns the first is the one that was announced first.
        columns.toReversed().flatMap(({ field, zeekType }) => {
          const type = parseFieldType(zeekType);
          return type ? [[field, type] as const] : [];
        }),
      ),
    ]),
  );
  return (path) => types.get(path);
}
