import type { Item } from '../zeek/item.js';

/** Items that follow each other: one, or log records that lie in the same memory and differ by their place only. */
interface Run {
  readonly first: number;
  readonly item: Item;
  /** Of records, each: where its bytes begin in that memory, and how many they are. */
  readonly places: number[];
}

/**
 * The items that rows came from, asked for seldom. An object for each record of a batch would live until the commit,
 * which costs the garbage collector as much time as making the rows takes; so records are kept as their places in the
 * message that brought them.
 */
export class RowItems {
  private readonly parts: Run[] = [];
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
    let run = this.parts.at(-1);
    if (run === undefined || !isOneRun(run.item, item)) {
      run = { first: this.size, item, places: [] };
      this.parts.push(run);
    }
    if (item.kind === 'log') run.places.push(item.serial.byteOffset, item.serial.length);
    this.size += 1;
  }

  at(index: number): Item | undefined {
    const run = this.parts.findLast(({ first }) => first <= index);
    if (run === undefined || index >= this.size) return undefined;
    const { item, first, places } = run;
    if (item.kind !== 'log') return item;
    const [at, length] = places.slice(2 * (index - first));
    return { ...item, serial: new Uint8Array(item.serial.buffer, at, length) };
  }

  slice(begin: number, end = this.length): RowItems {
    const result = new RowItems();
    for (let index = begin; index < end; index++) result.push(this.at(index) as Item);
    return result;
  }

  /** Items of one origin that follow each other: the first of them, and how many they are. */
  *runs(): Generator<{ item: Item; count: number }, void> {
    for (const { item, places } of this.parts) yield { item, count: Math.max(1, places.length / 2) };
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
