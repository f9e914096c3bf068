import { ZeekwayError } from '../core/errors.js';
import { API_QUERY_TIMEOUT_MS, API_RAW_BYTES } from '../core/limits.js';
import { deadLetterFilter, deadLetterJson, kindJson } from '../http/dead-letters.js';
import { sourcesById } from '../storage/queries/catalogue.js';
import {
  deadLetterById,
  deadLetterKinds,
  deadLetters,
  type StoredDeadLetter,
} from '../storage/queries/dead-letters.js';
import { type Query, read } from '../storage/queries/query.js';
import { inspectPayload } from '../zeek/inspect.js';
import type { StoreConfig } from './config/config.js';
import { kindsTable, lettersTable, letterText } from './dead-letter-text.js';
import { printJson, type Terminal } from './logger.js';
import { withStore } from './store.js';

/** Which dead letters a command is about. */
export interface FilterOptions extends StoreConfig {
  readonly code?: string;
  readonly subject?: string;
  readonly from?: string;
  readonly to?: string;
}

export interface SummaryOptions extends FilterOptions {
  /** What the HTTP API answers, in place of a table. */
  readonly json: boolean;
}

export interface ListOptions extends SummaryOptions {
  readonly limit: number;
}

export interface ShowOptions extends StoreConfig {
  readonly json: boolean;
}

/** The commands of `zeekway dead-letters` that only look. Each returns the exit code. */

const readStore = <T>(
  options: StoreConfig,
  terminal: Terminal,
  work: (query: Query) => Promise<T>,
): Promise<T> =>
  withStore(options, terminal, (db) => read(db.pool, { timeoutMs: API_QUERY_TIMEOUT_MS }, work));

const NONE = 'there are no such dead letters';

/** `zeekway dead-letters`. */
export async function summaryCommand(options: SummaryOptions, terminal: Terminal): Promise<number> {
  const filter = deadLetterFilter(options, Date.now());
  const found = await readStore(options, terminal, (query) => deadLetterKinds(query, filter));
  const { total, hasMore } = found;
  const kinds = found.kinds.map(kindJson);
  if (options.json) printJson(terminal, { kinds, total, more: hasMore });
  else if (total === 0) terminal.err(NONE);
  else {
    terminal.out(kindsTable(kinds));
    terminal.out(`${total} in all${hasMore ? ', also of kinds that are not shown' : ''}`);
  }
  return 0;
}

async function lettersJson(query: Query, letters: readonly StoredDeadLetter[]) {
  const sources = await sourcesById(
    query,
    letters.map(({ sourceId }) => sourceId),
  );
  return letters.map((letter) => deadLetterJson(letter, sources.get(letter.sourceId), 'hex'));
}

/** `zeekway dead-letters list`. */
export async function listCommand(options: ListOptions, terminal: Terminal): Promise<number> {
  const filter = deadLetterFilter(options, Date.now());
  const letters = await readStore(options, terminal, async (query) => {
    const found: StoredDeadLetter[] = [];
    for (let after: string | undefined; found.length < options.limit; ) {
      const limit = options.limit - found.length;
      const wanted = {
        ...filter,
        order: 'desc',
        limit,
        after,
        rawBytes: options.json ? API_RAW_BYTES : 0,
      } as const;
      const page = await deadLetters(query, wanted);
      found.push(...page.rows);
      after = page.next;
      if (after === undefined) break;
    }
    return lettersJson(query, found);
  });
  if (options.json) printJson(terminal, { deadLetters: letters });
  else if (letters.length === 0) terminal.err(NONE);
  else terminal.out(lettersTable(letters));
  return 0;
}

/** `zeekway dead-letters show`. Throws `not_found`. */
export async function showCommand(id: string, options: ShowOptions, terminal: Terminal): Promise<number> {
  const { letter, raw } = await readStore(options, terminal, async (query) => {
    const found = await deadLetterById(query, id);
    if (!found) throw new ZeekwayError('not_found', `there is no dead letter ${id}`);
    const [json] = await lettersJson(query, [found]);
    return { letter: json, raw: found.raw };
  });
  if (!letter) throw new ZeekwayError('internal', `dead letter ${id} was read and is not there`);
  const decoded = inspectPayload(raw, letter.format);
  if (options.json) printJson(terminal, { ...letter, decoded });
  else terminal.out(letterText(letter, decoded));
  return 0;
}
