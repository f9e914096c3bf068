import { createHash } from 'node:crypto';

/** PostgreSQL's NAMEDATALEN less the NUL. It would cut longer names silently. */
const NAME_BYTES = 63;
const DIGEST_DIGITS = 8;

/** Columns that every log table has besides Zeek's fields. */
const PROVENANCE_COLUMNS = ['_received', '_source'] as const;

/** PostgreSQL's own columns, whose names no other may have. */
const SYSTEM_COLUMNS = ['tableoid', 'cmin', 'cmax', 'xmin', 'xmax', 'ctid'];

const RESERVED = new Set<string>([...PROVENANCE_COLUMNS, ...SYSTEM_COLUMNS]);

const digest = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, DIGEST_DIGITS);

/** The name cut to what fits before the digest (and what else follows), not in the middle of a character. */
function withDigest(name: string, behind = 0): string {
  const room = NAME_BYTES - behind - 1 - DIGEST_DIGITS;
  const start = Buffer.from(name)
    .subarray(0, room)
    .toString('utf8')
    .replace(/\uFFFD$/, '');
  return `${start}~${digest(name)}`;
}

const fits = (name: string): boolean => name !== '' && Buffer.byteLength(name) <= NAME_BYTES;

/**
 * The first free of the names that a thing may have: its own, then the alternative, each as it is when it
 * fits and else cut and with a `~` and eight hex digits of its SHA-256; at last the alternative with a digest.
 * The same thing gets the same name in every database unless others were there before it.
 */
function freeName(name: string, alternative: string, isTaken: (name: string) => boolean): string {
  const candidates = [name, alternative].map((each) => (fits(each) ? each : withDigest(each)));
  candidates.push(withDigest(alternative));
  for (let count = 2; ; count++) {
    const free = candidates.find((candidate) => !isTaken(candidate));
    if (free !== undefined) return free;
    candidates.push(withDigest(`${alternative}#${count}`));
  }
}

/**
 * The column for a field: its own name, or `field:sqltype` where a column of another type, one of ours or
 * one of PostgreSQL's has that name.
 */
export function freeColumnName(field: string, sqlType: string, taken: ReadonlySet<string>): string {
  return freeName(field, `${field}:${sqlType}`, (name) => taken.has(name) || RESERVED.has(name));
}

/** The table for a path: its own name unless another relation (an index, say) has it. */
export function freeTableName(path: string, taken: ReadonlySet<string>): string {
  return freeName(path, `${path}:log`, (name) => taken.has(name));
}

/**
 * Names that the partition of a table may have, in the schema of its own that partitions have, the best first:
 * `conn_20261124`, `conn_default`. The part before the last `_` is the table's name, or where that is too long what
 * `withDigest` makes of it, so that partitions of different tables have different names. The further names are for
 * where that is taken all the same, by a partition that somebody detached, say.
 */
export function partitionNames(tableName: string, suffix: string): string[] {
  const whole = `${tableName}_${suffix}`;
  const cut = (name: string): string => `${withDigest(name, suffix.length + 1)}_${suffix}`;
  return [fits(whole) ? whole : cut(tableName), ...[2, 3, 4].map((count) => cut(`${tableName}#${count}`))];
}
