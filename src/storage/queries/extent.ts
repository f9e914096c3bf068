import { type LogDescription, timeColumn } from './catalogue.js';
import { knownRows, type Piece, piecesOf } from './pieces.js';
import { planOf } from './plan.js';
import { type Query, textOrNull } from './query.js';

/**
 * Where the times of a log lie, without reading all of it. Rows are appended as they come, so the earliest and latest
 * times are at the ends of the first and last partition, unless an old capture was added in between; and at those of the
 * default partition.
 */

/** Smaller logs are read in whole: some ten thousand rows, a few milliseconds. */
const SMALL_BYTES = 8 * 1024 * 1024;
/** A log of more partitions is not read in whole: each is locked and planned. */
const SMALL_PIECES = 32;
/** Pages at each end of a larger piece that are looked at. */
const END_PAGES = 64;

/** How many rows a log has, and from when to when they are. */
export interface LogExtent {
  readonly rows: number;
  /** False where the figures are estimates. */
  readonly exact: boolean;
  /** PostgreSQL's text of a time, UTC; `null` where there is none. */
  readonly first: string | null;
  readonly last: string | null;
}

const bytesOf = (pieces: readonly Piece[]): number => pieces.reduce((sum, { bytes }) => sum + bytes, 0);

const atHead = `ctid < '(${END_PAGES},0)'`;
/** The last pages of a piece, all of a small one. */
const atTail = ({ pagesNow }: Piece): string => `ctid >= '(${Math.max(0, pagesNow - END_PAGES)},0)'`;

/**
 * The extent of a log: exact for a small one; for a large one its ends and the planner's estimate.
 * @param onlyFinite whether times that are infinite are left out of `first` and `last`.
 */
export async function logExtent(query: Query, log: LogDescription, onlyFinite = false): Promise<LogExtent> {
  const time = timeColumn(log).quoted;
  const pieces = await piecesOf(query, log);
  const exact = bytesOf(pieces) <= SMALL_BYTES && pieces.length <= SMALL_PIECES;
  const which = onlyFinite ? ` FILTER (WHERE isfinite(${time}))` : '';
  const figures = `SELECT count(*) AS rows, min(${time})${which} AS first, max(${time})${which} AS last`;
  const select = ({ table }: Piece, where: string): string => `${figures} FROM ONLY ${table} ${where}`;
  const bounded = pieces.filter(({ low }) => low !== null);
  const [oldest, newest] = [bounded[0], bounded.at(-1)];
  const selects = exact
    ? // Nothing stored, or a view that somebody made in its place.
      pieces.length === 0
      ? [`${figures} FROM ${log.table}`]
      : pieces.map((piece) => select(piece, ''))
    : [
        ...pieces
          .filter(({ low }) => low === null)
          .flatMap((piece) => [select(piece, `WHERE ${atHead}`), select(piece, `WHERE ${atTail(piece)}`)]),
        ...(oldest ? [select(oldest, `WHERE ${atHead}`)] : []),
        ...(newest ? [select(newest, `WHERE ${atTail(newest)}`)] : []),
      ];
  const [row] = await query(
    `SELECT sum(rows), min(first), max(last) FROM (${selects.join(' UNION ALL ')}) AS ends`,
  );
  const rows = exact ? Number(row?.[0]) : await plannedRows(query, pieces);
  return { rows, exact, first: textOrNull(row?.[1]), last: textOrNull(row?.[2]) };
}

/** Pieces without figures of their own that the planner is asked about; further ones count as the others. */
const ASKED_PIECES = 16;

/** Of all pieces. */
async function plannedRows(query: Query, pieces: readonly Piece[]): Promise<number> {
  let [rows, pages] = [0, 0];
  const unknown = [];
  for (const piece of pieces) {
    const known = knownRows(piece);
    if (known === undefined) {
      unknown.push(piece);
    } else {
      rows += known;
      pages += piece.pagesNow;
    }
  }
  for (const { table, pagesNow } of unknown.splice(0, ASKED_PIECES)) {
    rows += (await planOf(query, `SELECT 1 FROM ONLY ${table}`)).rows;
    pages += pagesNow;
  }
  const left = unknown.reduce((sum, { pagesNow }) => sum + pagesNow, 0);
  return Math.round(rows + (pages > 0 ? (rows / pages) * left : 0));
}

/** Each window is as much longer than the one before that trying them all costs little. */
const WINDOW_SECONDS = [1, 16, 256, 4_096, 65_536, 1_048_576, 16_777_216];

export interface WindowRequest {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly order: 'asc' | 'desc';
  /** The time at which the page before ended. */
  readonly after?: string | undefined;
}

/**
 * Ever longer windows at the end of a large log (or of the range, or where the page before ended) where the first
 * rows of the order should be. A BRIN index finds the rows of a window, and partitions outside of it are left out, but
 * neither gives a whole table in order: without windows, the newest hundred rows cost reading them all (3 million
 * rows: 1 s instead of 20 ms). Whatever the windows are, one that has enough rows has the right ones. None for a small
 * log; none that would be all of it.
 */
export async function timeWindows(
  query: Query,
  log: LogDescription,
  request: WindowRequest,
): Promise<{ from?: string; to?: string }[]> {
  const pieces = await piecesOf(query, log);
  if (bytesOf(pieces) <= SMALL_BYTES) return [];
  const time = timeColumn(log).quoted;
  const isDesc = request.order === 'desc';
  const ends = await windowEnds(query, pieces, request);
  const [near, far] = isDesc ? [request.to, request.from] : [request.from, request.to];
  const [nearer, farther] = isDesc ? ['least', 'greatest'] : ['greatest', 'least'];
  const [head, foot] = isDesc ? ['max', 'min'] : ['min', 'max'];
  const at = (piece: Piece, end: 'near' | 'far'): string =>
    (end === 'near') === isDesc ? atTail(piece) : atHead;
  const farEnd =
    typeof ends.far === 'string'
      ? `'${ends.far}'::timestamptz`
      : `(SELECT ${foot}(${time}) FROM ONLY ${ends.far.table} WHERE ${at(ends.far, 'far')})`;
  const rows = await query(
    `SELECT bound FROM (
       SELECT ${nearer}((SELECT ${head}(${time}) FROM ONLY ${ends.near.table} WHERE ${at(ends.near, 'near')}),
                     nullif($1, '')::timestamptz, nullif($2, '')::timestamptz) AS near,
              ${farther}(${farEnd}, nullif($3, '')::timestamptz) AS far) AS ends,
       unnest(ARRAY[${WINDOW_SECONDS.join(', ')}]) AS seconds,
       LATERAL (SELECT near ${isDesc ? '-' : '+'} seconds * interval '1 s' AS bound) AS bounds
      WHERE isfinite(near) AND bound ${isDesc ? '>' : '<'} far
      ORDER BY seconds`,
    [near ?? '', request.after ?? '', far ?? ''],
  );
  return rows.map(([bound]) => (isDesc ? { from: String(bound) } : { to: String(bound) }));
}

/**
 * The piece at whose end the first rows of the order should be, and the other end of the log: a time, or the piece
 * that tells it. Pieces are not empty.
 */
async function windowEnds(
  query: Query,
  pieces: readonly Piece[],
  { from, to, order, after }: WindowRequest,
): Promise<{ near: Piece; far: Piece | string }> {
  const bounded = pieces.filter(({ low }) => low !== null);
  const isDesc = order === 'desc';
  const lows = bounded.map(({ low }) => low ?? '');
  const highs = bounded.map(({ high }) => high ?? '');
  const [counts] = await query(
    isDesc
      ? `SELECT count(*) FROM unnest($1::timestamptz[]) AS low
          WHERE low <= coalesce(least(nullif($2, '')::timestamptz, nullif($3, '')::timestamptz), 'infinity')`
      : `SELECT count(*) FROM unnest($1::timestamptz[]) AS high
          WHERE high < coalesce(greatest(nullif($2, '')::timestamptz, nullif($3, '')::timestamptz), '-infinity')`,
    [isDesc ? lows : highs, (isDesc ? to : from) ?? '', after ?? ''],
  );
  const count = Number(counts?.[0]);
  const near = isDesc ? bounded[count - 1] : bounded[count];
  const rest = pieces.find(({ low }) => low === null);
  const far = isDesc ? lows[0] : highs.at(-1);
  if (near !== undefined && far !== undefined) return { near, far };
  const only = rest ?? (pieces[0] as Piece);
  return { near: only, far: only };
}
