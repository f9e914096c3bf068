import type { Item } from '../zeek/item.js';

/** Items that follow each other: one, or log records that lie in the same memory and differ by their place only. */
interface Run {
  readonly first: number;
  readonly item: Item;
}

const FIRST_PLACES = 64;

/**
 * The items that rows came from, asked for seldom. An object for each record of a batch would live until the commit,
 * which costs the garbage collector as much time as making the rows takes; so records are kept as their places in the
 * message that brought them.
 */
export class RowItems {
  private readonly starts: Run[] = [];
  /** Of each item that is a record: where its bytes begin in that memory, and how many they are. */
  private places = new Uint32Array(2 * FIRST_PLACES);
  private size = 0;

  /** The items in order. */
  static of(items: Iterable<Item>): RowItems {
    const result = new RowItems();
    for (const item of items) result.push(item);
    return result;
  }

  get length(): number {
    return this.size;
  }

  push(item: Item): void {
    const last = this.starts.at(-1);
    if (last === undefined || !isOneRun(last.item, item)) this.starts.push({ first: this.size, item });
    if (item.kind === 'log') this.keepPlace(item.serial);
    this.size += 1;
  }

  at(index: number): Item | undefined {
    const run = this.starts.findLast(({ first }) => first <= index);
    if (run === undefined || index >= this.size) return undefined;
    const { item } = run;
    if (item.kind !== 'log') return item;
    const [at, length] = this.places.subarray(2 * index);
    return { ...item, serial: new Uint8Array(item.serial.buffer, at, length) };
  }

  slice(begin: number, end = this.length): RowItems {
    const result = new RowItems();
    for (let index = begin; index < end; index++) result.push(this.at(index) as Item);
    return result;
  }

  /** Items of one origin that follow each other: the first of them, how many they are, and the bytes of records. */
  *runs(): Generator<{ item: Item; count: number; bytes: number }, void> {
    for (const [number, { first, item }] of this.starts.entries()) {
      const end = this.starts[number + 1]?.first ?? this.size;
      let bytes = 0;
      if (item.kind === 'log')
        for (let index = first; index < end; index++) bytes += this.places[2 * index + 1] ?? 0;
      yield { item, count: end - first, bytes };
    }
  }

  private keepPlace({ byteOffset, length }: Uint8Array): void {
    const at = 2 * this.size;
    if (at + 2 > this.places.length) {
      const grown = new Uint32Array(Math.max(2 * this.places.length, at + 2));
      grown.set(this.places);
      this.places = grown;
    }
    this.places[at] = byteOffset;
    this.places[at + 1] = length;
  }
}

const isOneRun = (first: Item, item: Item): boolean =>
  first.kind === 'log' &&
  item.kind === 'log' &&
  item.schema === first.schema &&
  item.origin === first.origin &&
  item.received === first.received &&
  item.topic === first.topic &&
  item.serial.buffer === first.serial.buffer;
