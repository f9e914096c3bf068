import type { Database } from './database.js';
import { toDatabaseError } from './database-error.js';

/** Where rows come from. */
export interface Source {
  readonly kind: 'live' | 'replay' | 'backfill';
  /** The address of a live peer, or the file's name. */
  readonly name: string;
  /** The endpoint ID of the peer; empty for a log file. */
  readonly peer: string;
  /** The peer's name in the Zeek cluster, once it is known. */
  readonly node?: string;
  /** The run of `zeekway replay`. */
  readonly replay?: number;
}

/**
 * The number of a source in `zeekway.sources`, entered when it is new. The node's name is written when it
 * becomes known, and kept when it is not given.
 */
export async function sourceId(db: Database, source: Source): Promise<number> {
  const { kind, name, peer, node = null, replay = null } = source;
  const values = [kind, name, peer, node, replay];
  try {
    // Looked up first: an upsert would use up a number of the sequence each time.
    const found = await db.pool.query<{ id: number }>(
      `SELECT id FROM zeekway.sources
        WHERE kind = $1 AND name = $2 AND peer = $3 AND coalesce(replay, 0) = coalesce($5::int, 0)
          AND ($4::text IS NULL OR node = $4)`,
      values,
    );
    const upsert = `INSERT INTO zeekway.sources AS s (kind, name, peer, node, replay) VALUES ($1, $2, $3, $4, $5)
      ON CONFLICT (kind, name, peer, coalesce(replay, 0)) DO UPDATE SET node = coalesce(EXCLUDED.node, s.node)
      RETURNING id`;
    const { rows } = found.rows.length > 0 ? found : await db.pool.query<{ id: number }>(upsert, values);
    const [row] = rows;
    if (row === undefined) throw new Error('the server returned no row');
    return row.id;
  } catch (error) {
    throw toDatabaseError(error, 'register a source');
  }
}
