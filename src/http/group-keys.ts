import { ZeekwayError } from '../core/errors.js';
import type { LogColumn, LogDescription } from '../storage/queries/catalogue.js';
import { type GroupKey, keyType } from '../storage/queries/group-key.js';
import type { Cell } from '../storage/queries/query.js';
import { parseWidth, secondsText } from './buckets.js';
import { columnsNamed, findColumns, RECEIVED } from './filters.js';
import { cellReader, type JsonValue } from './values.js';

/** Keys of groups, as `by` has them: `service`, `id.resp_h/24`, `ts:5min`, `tags[]`. */

/** The widths of the subnets where one is given: `/24` of IPv4 are the sites that `/64` of IPv6 are. */
const IPV6_WIDTH = 64;

const isArray = ({ sqlType }: LogColumn): boolean => sqlType.endsWith('[]');
const isAddress = ({ zeekType, sqlType }: LogColumn): boolean => zeekType === 'addr' && sqlType === 'inet';
const isTime = ({ sqlType }: LogColumn): boolean => sqlType === 'timestamptz';

/**
 * Reads one key. Of a field whose type has changed those columns count that fit.
 * Throws `request_invalid`, with the nearest field where there is none of the name.
 */
export function parseKey(log: LogDescription, text: string): GroupKey {
  const whole = findColumns(log, text, RECEIVED);
  if (whole.length > 0) return ofValue(text, whole);
  const elements = /^(.+)\[\]$/.exec(text);
  if (elements) return ofElements(text, columnsBy(log, elements[1]));
  const subnet = /^(.+?)\/([^/]*)(?:\/([^/]*))?$/.exec(text);
  if (subnet) return ofSubnet(text, columnsBy(log, subnet[1]), subnet[2], subnet[3]);
  const time = /^(.+):(.*)$/.exec(text);
  if (time) return ofTime(text, columnsBy(log, time[1]), time[2]);
  return ofValue(text, columnsBy(log, text));
}

const columnsBy = (log: LogDescription, name = ''): readonly LogColumn[] =>
  columnsNamed(log, name, 'by', RECEIVED);

function fitting(
  columns: readonly LogColumn[],
  fits: (column: LogColumn) => boolean,
  problem: string,
): readonly LogColumn[] {
  const found = columns.filter(fits);
  if (found.length > 0) return found;
  const types = columns.map(({ zeekType }) => zeekType).join(' and ');
  throw new ZeekwayError('request_invalid', `${problem}, and this is ${types}`);
}

function ofValue(text: string, columns: readonly LogColumn[]): GroupKey {
  const isScalar = (column: LogColumn): boolean => !isArray(column);
  const problem = `"${text}" in "by" groups by a single value ("${text}[]" by each of several)`;
  return { kind: 'value', columns: fitting(columns, isScalar, problem) };
}

function ofElements(text: string, columns: readonly LogColumn[]): GroupKey {
  const problem = `"${text}" in "by" groups by the elements of a set or vector`;
  return { kind: 'element', columns: fitting(columns, isArray, problem) };
}

function ofSubnet(text: string, columns: readonly LogColumn[], v4 = '', v6 = String(IPV6_WIDTH)): GroupKey {
  const isWidth = (width: string, most: number): boolean => /^\d{1,3}$/.test(width) && Number(width) <= most;
  if (!isWidth(v4, 32) || !isWidth(v6, 128)) {
    throw new ZeekwayError(
      'request_invalid',
      `"${text}" in "by" has the width of IPv4's subnets (0 to 32) and, if wanted, of IPv6's (0 to 128), like "/24/64"`,
    );
  }
  const problem = `"${text}" in "by" groups by the subnet of an address`;
  return { kind: 'subnet', columns: fitting(columns, isAddress, problem), v4: Number(v4), v6: Number(v6) };
}

function ofTime(text: string, columns: readonly LogColumn[], width = ''): GroupKey {
  const problem = `"${text}" in "by" groups by buckets of time`;
  const seconds = secondsText(parseWidth(width, `the width in "${text}" of "by"`));
  return { kind: 'time', columns: fitting(columns, isTime, problem), seconds };
}

/** Reads the cells of a key, one for each of its columns; `undefined` where none is set. */
export function keyReader(key: GroupKey): (cells: readonly Cell[]) => JsonValue | undefined {
  const readers = key.columns.map((column) => cellReader(keyType(key, column)));
  return (cells) => {
    const index = cells.findIndex((cell) => cell !== null);
    const cell = cells[index] ?? null;
    return cell === null ? undefined : readers[index]?.(cell);
  };
}
