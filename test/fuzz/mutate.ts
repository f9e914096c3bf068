/** Random inputs and mutations of good ones, the same for the same seed. */

export class Random {
  constructor(private state: number) {}

  /** 0 to below `limit` (mulberry32). */
  below(limit: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  bytes(size: number): Buffer {
    return Buffer.from(Array.from({ length: size }, () => this.below(256)));
  }
}

/** Longer inputs only take longer. */
const MOST_BYTES = 64 * 1024;

/** What lengths, counts and tags go wrong with. */
const EDGES = [
  '00',
  '01',
  '7f',
  '80',
  'ff',
  '8001',
  'ffff',
  '80808002',
  'ffffff7f',
  'ffffffff',
  '7fffffff',
].concat(
  ['0000000000000000', 'ffffffffffffffff', '8000000000000000', '7fffffffffffffff', 'ffffffffffffffffffff01'],
  ['0e02', '0c02', '0d01', '5c', '22', '5b', '7b22'],
);

type Mutation = (random: Random, bytes: Buffer, other: Buffer) => Buffer;

const replace = (bytes: Buffer, at: number, remove: number, insert: Buffer): Buffer =>
  Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);

const MUTATIONS: readonly Mutation[] = [
  function flipBit(random, bytes) {
    const result = Buffer.from(bytes);
    const at = random.below(bytes.length);
    result[at] = (result[at] ?? 0) ^ (1 << random.below(8));
    return result;
  },
  function setByte(random, bytes) {
    return replace(bytes, random.below(bytes.length), 1, Buffer.of(random.below(256)));
  },
  function smallChange(random, bytes) {
    const at = random.below(bytes.length);
    return replace(bytes, at, 1, Buffer.of(((bytes[at] ?? 0) + random.below(7) - 3) & 0xff));
  },
  function edge(random, bytes) {
    const insert = Buffer.from(random.pick(EDGES), 'hex');
    return replace(bytes, random.below(bytes.length + 1), random.pick([0, insert.length]), insert);
  },
  function truncate(random, bytes) {
    return bytes.subarray(0, random.below(bytes.length + 1));
  },
  function remove(random, bytes) {
    return replace(bytes, random.below(bytes.length), 1 + random.below(8), Buffer.alloc(0));
  },
  function insert(random, bytes) {
    return replace(bytes, random.below(bytes.length + 1), 0, random.bytes(1 + random.below(8)));
  },
  function splice(random, bytes, other) {
    const from = random.below(other.length + 1);
    const part = other.subarray(from, from + random.below(200));
    return replace(bytes, random.below(bytes.length + 1), random.below(50), part);
  },
  function repeat(random, bytes) {
    const from = random.below(bytes.length);
    const part = bytes.subarray(from, from + 1 + random.below(30));
    return replace(bytes, from, 0, Buffer.concat(Array.from({ length: 1 + random.below(50) }, () => part)));
  },
];

/** One in ten is random bytes, the others one to four mutations of one of the good inputs. */
export function mutated(random: Random, good: readonly Buffer[]): Buffer {
  if (random.below(10) === 0) return random.bytes(random.below(64));
  let bytes = random.pick(good);
  for (let times = 1 + random.below(random.pick([1, 1, 4])); times > 0; times--) {
    if (bytes.length === 0) return bytes;
    bytes = random.pick(MUTATIONS)(random, bytes, random.pick(good)).subarray(0, MOST_BYTES);
  }
  return bytes;
}
