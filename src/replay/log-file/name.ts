import { basename } from 'node:path';

/** What Zeek and zeekctl put behind a path when they rotate: `-2026-11-24-00-00-00`, `.00:00:00-01:00:00`. */
const ROTATION = /[.-](\d{2,4}-\d\d-\d\d[-_T].*|\d\d:\d\d:\d\d-\d\d:\d\d:\d\d.*)$/;

/** The log path that a file's name tells: `conn` for `/logs/conn.2026-11-24-00-00-00.log.gz`. */
export function pathFromFileName(file: string): string {
  const name = basename(file)
    .replace(/\.gz$/i, '')
    .replace(/\.(log|json|ndjson|tsv)$/i, '');
  return name.replace(ROTATION, '');
}
