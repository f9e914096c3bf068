import type { AllPartitions, OneLogPartitions, PartitionSummary } from '../http/partitions.js';
import { shown, tableOf } from './table.js';

/** Partitions for people. */

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `8 KiB`, `1.4 GiB`: rounded. */
function sizeText(bytes: number): string {
  let [value, unit] = [bytes, 0];
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  return `${unit === 0 || value >= 100 ? Math.round(value) : Number(value.toFixed(1))} ${UNITS[unit]}`;
}

/** Estimates have a `~`. */
const rowsText = ({ rows, exact }: { readonly rows?: number; readonly exact: boolean }): string =>
  rows === undefined ? 'unknown' : `${exact ? '' : '~'}${rows}`;

const keptText = ({ keptDays }: PartitionSummary): string =>
  keptDays === undefined ? 'ever' : `${keptDays} ${keptDays === 1 ? 'day' : 'days'}`;

const problemLines = ({ path, problems }: PartitionSummary): string[] =>
  problems.map(({ detail }) => shown(`${path}: ${detail}`));

/** All logs: a table, and a line for each thing that is odd. */
export function logsText({ logs }: AllPartitions): string {
  const rows = logs.map((log) => [
    log.path,
    log.key === undefined ? 'none' : String(log.count),
    log.first ?? '-',
    log.last ?? '-',
    log.default === undefined ? '-' : rowsText(log.default),
    sizeText(log.bytes + log.indexBytes),
    keptText(log),
  ]);
  const head = ['log', 'partitions', 'first day', 'last day', 'rows in default', 'size', 'kept for'];
  return [tableOf(head, rows, [1, 4, 5]), ...logs.flatMap(problemLines)].join('\n');
}

type Partition = OneLogPartitions['partitions'][number];

const dayText = ({ first, last }: Partition): string =>
  (first === last ? first : `${first} to ${last}`) ?? '';

/** One log: a table of its partitions, and a line for each thing that is odd. */
export function logText(log: OneLogPartitions): string {
  const rows = log.partitions.map((partition) => [
    partition.default ? 'default' : dayText(partition),
    rowsText(
      partition.default ? { exact: false, ...log.default } : { ...partition, exact: partition.rows === 0 },
    ),
    sizeText(partition.bytes),
    sizeText(partition.indexBytes),
    partition.sealed ? 'sealed' : 'hot',
  ]);
  const size = sizeText(log.bytes + log.indexBytes);
  const what =
    log.key === undefined
      ? 'not partitioned'
      : `${log.count} ${log.count === 1 ? 'partition' : 'partitions'} by the UTC day of ${log.key}`;
  const title = shown(`${log.path}: ${what}, ${size}, kept for ${keptText(log)}`);
  const table =
    rows.length === 0 ? [] : [tableOf(['day', 'rows', 'size', 'indexes', 'state'], rows, [1, 2, 3])];
  return [title, ...table, ...problemLines(log)].join('\n');
}
