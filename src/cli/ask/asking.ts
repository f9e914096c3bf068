import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { styleText } from 'node:util';
import { EXIT_INTERRUPTED, type Terminal } from '../logger.js';
import { ApiError, type ApiOptions, type Parameters } from './api.js';

/** Which rows are asked for. */
export interface SelectFlags extends ApiOptions {
  readonly since?: string;
  readonly until?: string;
  readonly fields?: string;
}

/** What a command has besides its flags. */
export interface Asking {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** Where what was asked for goes, and whether that is a terminal that shows colours. */
  readonly stdout: Writable;
  readonly isColoured: boolean;
}

/** `-1h` for `1h`; other times as they are. */
export const time = (text: string | undefined): string | undefined =>
  text !== undefined && /^\d+[smhdw]$/.test(text) ? `-${text}` : text;

export const selection = ({ since, until, fields }: SelectFlags, filter: string | undefined): Parameters => ({
  from: time(since),
  to: time(until),
  fields,
  filter,
});

/** How the head of a table is shown. */
export const heading = ({ isColoured }: Asking): ((text: string) => string) =>
  isColoured ? (text) => styleText('bold', text) : (text) => text;

export const logPath = (log: string): string => `/v1/logs/${encodeURIComponent(log)}`;

/** What every row has, and few want to see. */
const OURS: ReadonlySet<string> = new Set(['_received', '_source']);

/** The columns to show of rows: those asked for, or all of Zeek's. */
export const columnsOf = (rows: readonly object[], fields: string | undefined): string[] =>
  fields?.split(',').map((field) => field.trim()) ?? [
    ...new Set(rows.flatMap(Object.keys).filter((key) => !OURS.has(key))),
  ];

/** Runs what asks; tells of an error in a filter with a mark under the place. */
export async function asked(
  filter: string | undefined,
  { terminal, signal }: Asking,
  work: () => Promise<number>,
): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (signal.aborted) return EXIT_INTERRUPTED;
    if (error instanceof ApiError && error.at && filter !== undefined && !filter.includes('\n')) {
      terminal.err(`  ${filter}`);
      terminal.err(`  ${' '.repeat(error.at.from)}${'^'.repeat(Math.max(1, error.at.to - error.at.from))}`);
    }
    throw error;
  }
}

/** Waits where the stream has enough. */
export async function write(stream: Writable, data: string | Uint8Array): Promise<void> {
  if (!stream.write(data)) await once(stream, 'drain');
}
