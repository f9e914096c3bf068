import { basename } from 'node:path';

/** What log rotation puts behind the ending: `conn.log.1`, `conn.log-20261124`. */
const BEHIND_ENDING = /(?<=\.(?:log|jsonl?|ndjson|tsv))(?:\.\d{1,3}|-\d{8,10})$/i;
const ENDING = /\.(?:log|jsonl?|ndjson|tsv)$/i;
const DATE = String.raw`(?:\d{4}-\d\d-\d\d|\d\d-\d\d-\d\d|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))`;
/**
 * What Zeek, its archiver and zeekctl put behind a path: `-26-11-24_00.00.00`, `.2026-11-24-00-00-00`,
 * `__2026-11-24-00-00-00__2026-11-24-01-00-00__`, `.00:00:00-01:00:00`; and what others make of it.
 */
const ROTATION = new RegExp(
  String.raw`(?:__|[._-])(?:${DATE}(?:[-_T.].*)?|\d\d:\d\d:\d\d-\d\d:\d\d:\d\d.*)$`,
);

/** The log path that a file's name tells: `conn` for `/logs/conn.2026-11-24-00-00-00.log.gz`. */
export function pathFromFileName(file: string): string {
  const name = basename(file).replace(/\.gz$/i, '').replace(BEHIND_ENDING, '').replace(ENDING, '');
  return name.replace(ROTATION, '');
}
