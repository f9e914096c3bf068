import { acceptedOf } from '../accept.js';
import { arrow } from './arrow.js';
import { csv } from './csv.js';
import type { Format } from './format.js';
import { ndjson } from './ndjson.js';
import { parquet } from './parquet.js';
import { tsv } from './tsv.js';

/** All forms of a whole result; pages are JSON. */
export const FORMATS: readonly Format[] = [ndjson, csv, tsv, parquet, arrow];

/** The values of the parameter `format`. */
export const FORMAT_NAMES: readonly string[] = ['json', ...FORMATS.map(({ name }) => name)];

/**
 * The format that a request asks for, by the parameter or else by its `Accept`; `undefined` is a page of JSON, also
 * where the header names nothing that there is.
 */
export function chosenFormat(name: string | undefined, accept: string | undefined): Format | undefined {
  if (name !== undefined) return FORMATS.find((format) => format.name === name);
  for (const mediaType of acceptedOf(accept)) {
    if (JSON_TYPES.has(mediaType)) return undefined;
    const format = FORMATS.find((one) => one.mediaType === mediaType);
    if (format) return format;
  }
  return undefined;
}

const JSON_TYPES: ReadonlySet<string> = new Set(['application/json', 'application/*', '*/*']);
