import { DEAD_LETTER_KINDS } from '../../core/limits.js';
import { afterSql, type ByIdRequest, type Page, page, whereSql } from './by-id.js';
import type { Source } from './catalogue.js';
import { type Cell, type Query, textOf, textOrNull } from './query.js';

export interface StoredDeadLetter {
  readonly id: string;
  readonly code: string;
  readonly reason: string;
  readonly subject: string;
  readonly topic: string;
  readonly received: string;
  readonly sourceId: string;
  /** All bytes of the message that were kept, of which `raw` may hold the first only. */
  readonly size: number;
  readonly raw: Buffer;
  /** What the bytes are: a `PayloadFormat`. */
  readonly format: string;
}

/** Which dead letters are meant: all conditions must hold. */
export interface DeadLetterFilter {
  readonly ids?: readonly string[] | undefined;
  readonly code?: string | undefined;
  readonly subject?: string | undefined;
  /** Times of receipt, half-open, in PostgreSQL's notation. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

export interface DeadLettersRequest extends ByIdRequest, DeadLetterFilter {
  /** How many bytes of each message to give. */
  readonly rawBytes: number;
}

const DEAD_LETTER_COLUMNS = 'id, code, reason, subject, topic, received, source, octet_length(raw), format';

function deadLetter([
  id,
  code,
  reason,
  subject,
  topic,
  received,
  source,
  size,
  format,
  raw,
]: Cell[]): StoredDeadLetter {
  return {
    id: textOf(id),
    code: textOf(code),
    reason: textOf(reason),
    subject: textOf(subject),
    topic: textOf(topic),
    received: textOf(received),
    sourceId: textOf(source),
    size: Number(size),
    format: textOf(format),
    raw: Buffer.from(textOf(raw).replace(/^\\x/, ''), 'hex'),
  };
}

/** The conditions of a filter, for `whereSql`. */
export const conditions = ({ ids, code, subject, from, to }: DeadLetterFilter) =>
  [
    ['id = ANY(?::bigint[])', ids],
    ['code = ?', code],
    ['subject = ?', subject],
    ['received >= ?::timestamptz', from],
    ['received < ?::timestamptz', to],
  ] as const;

/** Dead letters in the order in which they were stored. A range applies to the time of receipt. */
export async function deadLetters(
  query: Query,
  request: DeadLettersRequest,
): Promise<Page<StoredDeadLetter>> {
  const where = whereSql([...conditions(request), [afterSql(request.order), request.after]]);
  const columns = `${DEAD_LETTER_COLUMNS}, substring(raw for ${request.rawBytes})`;
  const select = `SELECT ${columns} FROM zeekway.dead_letters ${where.sql}`;
  return page(query, select, where.values, request, deadLetter);
}

/** One dead letter with all its bytes. */
export async function deadLetterById(query: Query, id: string): Promise<StoredDeadLetter | undefined> {
  const [row] = await query(
    `SELECT ${DEAD_LETTER_COLUMNS}, raw FROM zeekway.dead_letters WHERE id = $1::bigint`,
    [id],
  );
  return row && deadLetter(row);
}

/** Dead letters of one kind: a code, about one stream or event, from one peer (or of one file). */
export interface StoredKind {
  readonly code: string;
  readonly subject: string;
  /** Of a peer that came from several addresses or is in several captures, `name` is one of them. */
  readonly source: Source;
  readonly count: number;
  /** PostgreSQL's text of the times of receipt. */
  readonly first: string;
  readonly last: string;
}

/** The kinds of dead letters, the most frequent first: DEAD_LETTER_KINDS at most. */
export async function deadLetterKinds(
  query: Query,
  filter: DeadLetterFilter,
): Promise<{ readonly kinds: readonly StoredKind[]; readonly hasMore: boolean; readonly total: number }> {
  const where = whereSql(conditions(filter));
  const rows = await query(
    `WITH letter AS (SELECT code, subject, received, source FROM zeekway.dead_letters ${where.sql})
     SELECT code, subject, coalesce(s.kind, ''), max(coalesce(s.name, '')), coalesce(s.peer, ''), max(s.node),
            count(*), min(received), max(received), sum(count(*)) OVER ()
       FROM letter LEFT JOIN zeekway.sources AS s ON s.id = letter.source
      GROUP BY code, subject, s.kind, s.peer, CASE WHEN s.peer = '' THEN s.name END
      ORDER BY count(*) DESC, code, subject, s.peer, max(s.name) LIMIT ${DEAD_LETTER_KINDS + 1}`,
    where.values,
  );
  return {
    kinds: rows.slice(0, DEAD_LETTER_KINDS).map(storedKind),
    hasMore: rows.length > DEAD_LETTER_KINDS,
    total: Number(rows[0]?.[9] ?? 0),
  };
}

function storedKind([code, subject, kind, name, peer, node, count, first, last]: Cell[]): StoredKind {
  return {
    code: textOf(code),
    subject: textOf(subject),
    source: { kind: textOf(kind), name: textOf(name), peer: textOf(peer), node: textOrNull(node) },
    count: Number(count),
    first: textOf(first),
    last: textOf(last),
  };
}
