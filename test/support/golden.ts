import { readFileSync } from 'node:fs';
import { fixtureFile } from './recordings.js';

/** One example of fixtures/golden/*.hex: a title, where it was recorded, and one line of hex a field. */
export interface Golden {
  readonly title: string;
  readonly source: string;
  readonly bytes: Buffer;
}

export type GoldenName = 'handshake' | 'envelopes' | 'values' | 'messages' | 'records';

/** Reads a golden file: blocks of a `## title | source` line and lines of `hex  # comment`. */
export function golden(name: GoldenName): Golden[] {
  const text = readFileSync(fixtureFile(`golden/${name}.hex`), 'utf8');
  return text
    .split(/^## /m)
    .slice(1)
    .map((block) => {
      const [head = '', ...lines] = block.split('\n');
      const [title = '', source = ''] = head.split(' | ');
      const hex = lines.map((line) => line.replace(/#.*/, '').trim()).join('');
      return { title, source, bytes: Buffer.from(hex, 'hex') };
    });
}

/** The length prefix and the content of a frame. */
export function framed(content: Uint8Array): Buffer {
  const result = Buffer.alloc(4 + content.length);
  result.writeUInt32BE(content.length);
  result.set(content, 4);
  return result;
}
