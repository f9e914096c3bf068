import { ZeekwayError } from '../core/errors.js';
import type { Steps } from '../storage/dead-letters.js';
import type { RowPosition } from '../storage/queries/rows.js';

/** Cursors: where a page ended, opaque to clients. */

const encode = (parts: readonly (string | null)[]): string =>
  Buffer.from(JSON.stringify(parts)).toString('base64url');

function invalid(): never {
  throw new ZeekwayError('request_invalid', '"cursor" is not one that this API gave');
}

function decode(cursor: string, patterns: readonly RegExp[]): (string | null)[] {
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    // What is no JSON is no cursor.
    return invalid();
  }
  if (!Array.isArray(parts) || parts.length !== patterns.length) return invalid();
  return patterns.map((pattern, index) => {
    const part: unknown = parts[index];
    return part === null || (typeof part === 'string' && pattern.test(part)) ? part : invalid();
  });
}

const SQL_TIME = /^(-?infinity|[\d-]{10,13} [\d:.]{8,15}\+00( BC)?)$/;
const CTID = /^\(\d{1,10},\d{1,5}\)$/;
const OID = /^\d{1,9}$|^[1-3]\d{9}$|^4[01]\d{8}$/;
/** Values are compared as values of the field's type, which the database checks. */
const ANY = /^/;
const NUMBER = /^\d{1,18}$/;

/** The cursor of a page of rows of a log. */
export function rowCursor({ time, partition, ctid, fileNode }: RowPosition): string {
  return encode([time, partition, ctid, fileNode]);
}

/** Throws `request_invalid`. */
export function parseRowCursor(cursor: string): RowPosition {
  const [time = null, partition, ctid, fileNode] = decode(cursor, [SQL_TIME, OID, CTID, NUMBER]);
  if (!partition || !ctid || !fileNode) return invalid();
  return { time, partition, ctid, fileNode };
}

/**
 * The cursor of a page of rows that are sorted by a field. It has the name of the sort: a place in one order is none in
 * another.
 */
export function sortedCursor(sort: string, { values = [], ...position }: RowPosition): string {
  const { time, partition, ctid, fileNode } = position;
  return encode([sort, time, partition, ctid, fileNode, ...values]);
}

/**
 * Throws `request_invalid`.
 * @param columns how many columns the field has.
 */
export function parseSortedCursor(cursor: string, sort: string, columns: number): RowPosition {
  const patterns = [ANY, SQL_TIME, OID, CTID, NUMBER, ...new Array<RegExp>(columns).fill(ANY)];
  const [name, time = null, partition, ctid, fileNode, ...values] = decode(cursor, patterns);
  if (name !== sort || !partition || !ctid || !fileNode) return invalid();
  return { time, partition, ctid, fileNode, values };
}

/** The cursor of a page of rows that are ordered by their `id`. */
export function idCursor(id: string): string {
  return encode([id]);
}

/** Throws `request_invalid`. */
export function parseIdCursor(cursor: string): string {
  return decode(cursor, [NUMBER])[0] ?? invalid();
}

/** The cursor of work that goes from one `id` to another. */
export function stepsCursor({ after, until }: Steps): string {
  return encode([after, until]);
}

/** Throws `request_invalid`. */
export function parseStepsCursor(cursor: string): Steps {
  const [after, until] = decode(cursor, [NUMBER, NUMBER]);
  if (!after || !until) return invalid();
  return { after, until };
}
