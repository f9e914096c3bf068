import { DecodeError } from '../codec/bytes.js';
import { PAYLOAD_FORMATS } from '../codec/payload-format.js';
import { displayText, nameFromBytes, unescapeText } from '../codec/text.js';
import { DEAD_LETTER_BYTES, KNOWN_ANNOUNCEMENTS } from '../core/limits.js';
import type { Database } from '../storage/database.js';
import type { NewReason, RetryLetter } from '../storage/dead-letters.js';
import { ensureLogTable } from '../storage/log-tables.js';
import { Interpreter } from '../zeek/interpreter.js';
import type { DeadLetterItem, Item, Origin } from '../zeek/item.js';
import type { LogSchema } from '../zeek/log-schema.js';
import { readMessages } from '../zeek/message.js';
import { Batch, type RowSet } from './batch.js';
import { announcementKey, destinationOf, type LogDestination } from './destinations.js';
import type { SchemaFinder } from './retry-schema.js';
import {
  DEAD_LETTERS,
  deadLetter,
  EVENTS,
  IDENTIFIERS,
  writeDeadLetter,
  writeEvent,
  writeIdentifier,
} from './rows.js';

/** What can be done about a dead letter. */
export type RetryPlan = { readonly letter: RetryLetter } & (
  | { readonly sets: readonly RowSet[] }
  /** It is still one, for this reason. */
  | { readonly failed: NewReason }
  /** Why there is nothing to try. */
  | { readonly skipped: string }
);

/** Rows of a retry keep the source of their letter; items must have an origin all the same. */
const ORIGIN: Origin = { kind: 'replay', peer: '', name: '' };

const OUT_OF_RANGE =
  'a time is none that PostgreSQL can hold: the row has infinity, -infinity or NULL in its place';

/** The reason why an item is a dead letter, as texts of the database. */
export const reasonOf = (
  id: string,
  { code, reason, subject }: Pick<DeadLetterItem, 'code' | 'reason' | 'subject'>,
) => ({ id, code, reason: displayText(reason), subject: displayText(subject) }) satisfies NewReason;

function skipped({ code, raw }: RetryLetter): string | undefined {
  if (code === 'value_out_of_range') {
    return 'its row is stored already, with infinity, -infinity or NULL for the time that PostgreSQL cannot hold';
  }
  if (code === 'log_file_invalid') return 'it is a line of a log file: correct the file and replay it';
  return raw === null ? `only the first ${DEAD_LETTER_BYTES} bytes of it were kept` : undefined;
}

/** Makes rows of dead letters, all of a letter or none: a part of it that is written would be doubled later. */
export class RetryPlanner {
  private readonly destinations = new Map<string, LogDestination>();

  constructor(private readonly db: Database) {}

  /** Makes the tables that the rows need, and the rows. Throws the database's error. */
  async plan(letter: RetryLetter, schemas: SchemaFinder): Promise<RetryPlan> {
    const { id, raw } = letter;
    const why = skipped(letter);
    if (why !== undefined || raw === null) return { letter, skipped: why ?? '' };
    const batch = new Batch();
    for (const item of await this.items(letter, raw, schemas)) {
      const failed = await this.add(batch, item, letter.source);
      if (failed) return { letter, failed: reasonOf(id, failed) };
    }
    return { letter, sets: batch.rowSets() };
  }

  private async items(letter: RetryLetter, raw: Buffer, finder: SchemaFinder): Promise<Item[]> {
    const format = PAYLOAD_FORMATS.find((known) => known === letter.format);
    // The topic as it was before it became a text of the database.
    const topic = nameFromBytes(unescapeText(letter.topic));
    const items = new Interpreter(ORIGIN).interpret(topic, raw, letter.received, format);
    const lacking = items.filter((item) => item.kind === 'dead-letter' && item.code === 'log_without_schema');
    if (lacking.length === 0) return items;
    const interpreter = new Interpreter(ORIGIN);
    for (const item of lacking as DeadLetterItem[]) {
      const [message] = readMessages(item.raw);
      if (message?.type !== 'log-write') return items;
      const found = await finder.find(message, message.serial);
      if ('unknown' in found) return [{ ...item, reason: `${item.reason}; ${found.unknown}` }];
      interpreter.schemas.add(found.schema);
    }
    return interpreter.interpret(topic, raw, letter.received, format);
  }

  /** Adds the row of an item. Returns why there is none, where the item is a dead letter still. */
  private async add(batch: Batch, item: Item, source: number): Promise<DeadLetterItem | undefined> {
    switch (item.kind) {
      case 'dead-letter':
        return item;
      case 'event':
        batch.add(EVENTS, item, source, writeEvent);
        return undefined;
      case 'identifier':
        batch.add(IDENTIFIERS, item, source, writeIdentifier);
        return undefined;
    }
    const log = await this.destination(item.schema);
    if ('invalid' in log) return deadLetter(item, 'log_schema_invalid', log.invalid);
    if (item.kind === 'schema') return undefined;
    try {
      if (batch.add(log.target, item, source, log.write)) return undefined;
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return deadLetter(item, 'log_record_malformed', error.message);
    }
    // As when it arrives: the row is stored as far as it can be, and the record is kept.
    const letter = deadLetter(item, 'value_out_of_range', OUT_OF_RANGE);
    batch.add(DEAD_LETTERS, letter, source, writeDeadLetter);
    return undefined;
  }

  private async destination(schema: LogSchema): Promise<LogDestination> {
    const key = announcementKey(schema);
    const known = this.destinations.get(key);
    if (known) return known;
    const destination = await destinationOf(schema, (log, specs) => ensureLogTable(this.db, log, specs));
    if (this.destinations.size >= KNOWN_ANNOUNCEMENTS) this.destinations.clear();
    this.destinations.set(key, destination);
    return destination;
  }
}
