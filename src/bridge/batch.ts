import type { BufferPool } from '../core/buffer-pool.js';
import type { CopyPart } from '../storage/batch.js';
import type { Item } from '../zeek/item.js';
import { CopyBuffer } from './copy-buffer.js';
import { RowItems } from './row-items.js';
import type { RowTarget, RowWriter } from './rows.js';

/** Rows for one table, complete, with the item that each row came from. No row spans two chunks. */
export interface RowSet extends CopyPart {
  readonly target: RowTarget;
  readonly items: RowItems;
  /** The UTC days (since the Unix epoch) that the partitions of these rows are for; rows without one add none. */
  readonly days: ReadonlySet<number>;
}

class FillingSet {
  readonly items = new RowItems();
  readonly buffer: CopyBuffer;

  constructor(
    readonly target: RowTarget,
    chunks?: BufferPool,
  ) {
    this.buffer = new CopyBuffer(chunks);
  }
}

/** Rows that will be written in one transaction, being collected. */
export class Batch {
  private readonly sets = new Map<RowTarget, FillingSet>();
  private size = 0;

  /** @param chunks where the memory of many rows comes from; who has written them may give it back. */
  constructor(private readonly chunks?: BufferPool) {}

  /** Bytes of all rows. */
  get bytes(): number {
    return this.size;
  }

  get rows(): number {
    let rows = 0;
    for (const { items } of this.sets.values()) rows += items.length;
    return rows;
  }

  get isEmpty(): boolean {
    return this.size === 0;
  }

  /** Adds the row that `write` writes for an item. When `write` throws, there is no row. Returns its result. */
  add<I extends Item, T>(target: RowTarget, item: I, source: number, write: RowWriter<I, T>): T {
    let set = this.sets.get(target);
    if (set === undefined) {
      set = new FillingSet(target, this.chunks);
      this.sets.set(target, set);
    }
    const before = set.buffer.bytes;
    try {
      const result = write(set.buffer, item, source);
      set.items.push(item);
      this.size += set.buffer.bytes - before;
      return result;
    } catch (error) {
      set.buffer.undoRow();
      throw error;
    }
  }

  /** The rows, of a batch that gets no more of them. */
  rowSets(): RowSet[] {
    return [...this.sets.values()]
      .filter(({ items }) => items.length > 0)
      .map(({ target, items, buffer }) => ({
        target,
        items,
        rows: items.length,
        chunks: buffer.chunks(),
        days: buffer.days,
      }));
  }
}

export const countRows = (sets: readonly RowSet[]): number => sets.reduce((sum, { rows }) => sum + rows, 0);

export const countBytes = (sets: readonly RowSet[]): number =>
  sets.reduce((sum, { chunks }) => sum + chunks.reduce((bytes, chunk) => bytes + chunk.length, 0), 0);

/** Cuts rows, two at least, into two halves, in order. Both keep the days of the whole: too many do no harm. */
export function halve({ target, items, rows, chunks, days }: RowSet): [RowSet, RowSet] {
  const half = Math.ceil(rows / 2);
  let left = half;
  for (const [index, chunk] of chunks.entries()) {
    let at = 0;
    while (at < chunk.length && left > 0) {
      at = rowEnd(chunk, at);
      left -= 1;
    }
    if (left === 0) {
      const head = [...chunks.slice(0, index), chunk.subarray(0, at)];
      const tail = [chunk.subarray(at), ...chunks.slice(index + 1)];
      return [
        { target, items: items.slice(0, half), rows: half, chunks: head, days },
        { target, items: items.slice(half), rows: rows - half, chunks: tail, days },
      ];
    }
  }
  throw new RangeError(`a set of ${rows} rows has fewer than ${half} in its chunks`);
}

/** Where the row that begins at `at` ends. */
function rowEnd(chunk: Buffer, at: number): number {
  const columns = chunk.readInt16BE(at);
  let end = at + 2;
  for (let index = 0; index < columns; index++) end += 4 + Math.max(0, chunk.readInt32BE(end));
  return end;
}
