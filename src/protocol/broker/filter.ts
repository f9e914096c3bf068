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
  private readonly prefixes: readonly Buffer[];
  private readonly wellFormed: boolean;

  constructor(readonly filter: Filter) {
    this.prefixes = filter.map((topic) => Buffer.from(nameToBytes(topic)));
    this.wellFormed = filter.every((topic) => topic.isWellFormed());
  }

  matches(topic: string): boolean {
    // Prefixes of whole characters: the bytes match exactly when the strings do.
    if (this.wellFormed && topic.isWellFormed())
      return this.filter.some((prefix) => topic.startsWith(prefix));
    const bytes = Buffer.from(nameToBytes(topic));
    return this.prefixes.some((prefix) => bytes.subarray(0, prefix.length).equals(prefix));
  }
}

/** The filter without what another of its prefixes covers already, each once, in order. */
export function minimalFilter(topics: Iterable<string>): string[] {
  const result: string[] = [];
  for (const topic of [...new Set(topics)].sort()) {
    if (!new FilterMatcher(result).matches(topic)) result.push(topic);
  }
  return result;
}
