import { INGEST_STREAMS } from '../core/limits.js';
import type { RowSet } from './batch.js';

/** What came of one log from one peer and was stored. */
export interface IngestCount {
  /** The peer's endpoint ID. */
  readonly peer: string;
  /** Its name in the Zeek cluster, once it said hello. */
  readonly node?: string;
  /** Its address. */
  readonly name: string;
  readonly stream: string;
  readonly path: string;
  readonly records: number;
  /** Bytes of the records as they came. */
  readonly bytes: number;
  /** When the last one arrived: nanoseconds since the Unix epoch. */
  readonly last: bigint;
}

/** Counts the records that were stored, by peer and stream. */
export class IngestCounter {
  private readonly counts = new Map<string, IngestCount>();

  /** @param most peers and streams that are kept: peers that restart have new IDs. */
  constructor(private readonly most = INGEST_STREAMS) {}

  committed(sets: readonly RowSet[]): void {
    for (const { items } of sets) {
      for (const { item, count, bytes } of items.runs()) {
        if (item.kind !== 'log') continue;
        const { peer, node, name } = item.origin;
        const { stream, path } = item.schema;
        const key = JSON.stringify([peer, name, stream, path]);
        const before = this.counts.get(key);
        // At the end again: the first one is then the one that was seen longest ago.
        this.counts.delete(key);
        this.counts.set(key, {
          peer,
          ...(node === undefined ? {} : { node }),
          name,
          stream,
          path,
          records: (before?.records ?? 0) + count,
          bytes: (before?.bytes ?? 0) + bytes,
          last: before && before.last > item.received ? before.last : item.received,
        });
        const [oldest] = this.counts.keys();
        if (this.counts.size > this.most && oldest !== undefined) this.counts.delete(oldest);
      }
    }
  }

  snapshot(): IngestCount[] {
    return [...this.counts.values()];
  }
}
