import type { ByteReader, ByteWriter } from '../../codec/bytes.js';
import { nameFromBytes, nameToBytes } from '../../codec/text.js';

/** A list of topic prefixes. A topic matches when one of them is a byte prefix of it. */
export type Filter = readonly string[];

/** Reads varbyte count + strings. Throws `DecodeError`. */
export function readFilter(reader: ByteReader): string[] {
  const size = reader.varbyte('the number of topics', reader.limits.filterTopics);
  const topics: string[] = [];
  for (let index = 0; index < size; index++) {
    topics.push(nameFromBytes(reader.varbyteString('a topic', reader.limits.topicBytes)));
  }
  return topics;
}

export function writeFilter(writer: ByteWriter, filter: Filter): void {
  writer.varbyte(filter.length);
  for (const topic of filter) writer.varbyteString(nameToBytes(topic));
}

/** Topics that begin so are Broker's own and never leave an endpoint. */
export const RESERVED_TOPIC = '<$>';

/** Tells whether topics match a filter; made once for a filter, asked for each message. */
export class FilterMatcher {
  /** Where all prefixes are whole characters, the bytes match exactly when the strings do: sorted, for a binary search. */
  private readonly sorted: readonly string[] | undefined;
  private readonly prefixes: readonly Buffer[];

  constructor(readonly filter: Filter) {
    this.prefixes = filter.map((topic) => Buffer.from(nameToBytes(topic)));
    this.sorted = filter.every((topic) => topic.isWellFormed()) ? minimalFilter(filter) : undefined;
  }

  matches(topic: string): boolean {
    if (this.sorted && topic.isWellFormed()) return startsWithOneOf(topic, this.sorted);
    const bytes = Buffer.from(nameToBytes(topic));
    return this.prefixes.some((prefix) => bytes.subarray(0, prefix.length).equals(prefix));
  }

  /** Whether every topic that one of these prefixes begins matches. */
  matchesAll(prefixes: Filter): boolean {
    return prefixes.every((prefix) => this.matches(prefix));
  }
}

/**
 * @param prefixes sorted, none of them a prefix of another. Then the only one that can be a prefix of the topic is the
 * last one that is not behind it: whatever is between the two begins with it.
 */
function startsWithOneOf(topic: string, prefixes: readonly string[]): boolean {
  let [low, high] = [0, prefixes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((prefixes[middle] as string) <= topic) low = middle + 1;
    else high = middle;
  }
  const last = prefixes[low - 1];
  return last !== undefined && topic.startsWith(last);
}

/** The filter without what another of its prefixes covers already, each once, in order. */
export function minimalFilter(topics: Iterable<string>): string[] {
  const result: string[] = [];
  const sorted = [...new Set(topics)].sort();
  const wellFormed = sorted.every((topic) => topic.isWellFormed());
  for (const topic of sorted) {
    // See `startsWithOneOf`: of whole characters, only the last one can cover it.
    const covering = wellFormed ? result.slice(-1) : result;
    if (!covering.some((prefix) => covers(prefix, topic))) result.push(topic);
  }
  return result;
}

function covers(prefix: string, topic: string): boolean {
  if (prefix.isWellFormed() && topic.isWellFormed()) return topic.startsWith(prefix);
  const bytes = Buffer.from(nameToBytes(prefix));
  return Buffer.from(nameToBytes(topic)).subarray(0, bytes.length).equals(bytes);
}
