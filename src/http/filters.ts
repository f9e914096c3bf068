import { Address, Subnet } from '../codec/address.js';
import { INT64_MAX, INT64_MIN, UINT64_MAX } from '../codec/bytes.js';
import { ZeekwayError } from '../core/errors.js';
import { didYouMean } from '../core/nearest.js';
import { compileFilter } from '../filter/check.js';
import { type Expression, type FilterColumn, isContainer, scalarSqlType } from '../filter/expression.js';
import type { LogColumn, LogDescription } from '../storage/queries/catalogue.js';
import type { Condition } from '../storage/queries/rows.js';
import { parseTime } from './times.js';
import { columnKeys, storedText } from './values.js';

/** Filters of the API: query parameters whose names are fields of the log. */

/** A value in PostgreSQL's notation, and what it means for the column; a string says what was expected. */
type Parsed = { readonly value: string; readonly isSubnet?: boolean } | string;

/**
 * The columns that a name means: those of a field (several where its type has changed), or one by its key
 * or column name. `field.` in front is for fields that are named like a parameter (smtp's `from`), and for no
 * other: a field that is really named `field.from` is `field.field.from` then.
 * Throws `request_invalid` with the nearest name.
 * @param besides a column that may be named, too: RECEIVED.
 */
export function columnsNamed(
  log: LogDescription,
  name: string,
  parameter = name,
  besides?: LogColumn,
): readonly LogColumn[] {
  const columns = findColumns(log, name, besides);
  if (columns.length > 0) return columns;
  const place = parameter === name ? '' : ` in "${parameter}"`;
  const names = log.columns.map(({ field }) => field);
  const hint =
    didYouMean(bareName(name), names) || `; /v1/logs/${encodeURIComponent(log.path)}/fields lists them`;
  throw new ZeekwayError('request_invalid', `"${name}"${place} is no field of the log "${log.path}"${hint}`);
}

const bareName = (name: string): string => (name.startsWith('field.') ? name.slice('field.'.length) : name);

/** The same as `columnsNamed`, but none where there is no such field. */
export function findColumns(log: LogDescription, name: string, besides?: LogColumn): readonly LogColumn[] {
  if (name === besides?.field) return [besides];
  const keys = columnKeys(log.columns);
  for (const candidate of [bareName(name), name]) {
    const ofField = log.columns.filter(({ field }) => field === candidate);
    if (ofField.length > 0) return ofField;
    const byKey = log.columns.filter(
      (column) => keys.get(column) === candidate || column.column === candidate,
    );
    if (byKey.length > 0) return byKey;
  }
  return [];
}

/** The conditions of the parameters that are no parameters of the route. Throws `request_invalid`. */
export function parseFilters(
  log: LogDescription,
  parameters: Readonly<Record<string, unknown>>,
  now: number,
): Condition[][] {
  return Object.entries(parameters).map(([name, given]) => {
    const columns = columnsNamed(log, name);
    const values = (Array.isArray(given) ? given : [given]).map(String);
    return values.flatMap((value) => conditionsFor(columns, name, value, now));
  });
}

/** What every row has besides the fields of its log. */
export const RECEIVED: FilterColumn = {
  field: '_received',
  zeekType: 'time',
  sqlType: 'timestamptz',
  column: '_received',
};

/** What a filter of a log may name. */
export const filterColumns = (log: LogDescription): FilterColumn[] => [...log.columns, RECEIVED];

/** The filter of the parameter `filter`. Throws `filter_invalid`. */
export function parseFilterText(
  log: LogDescription,
  text: string | undefined,
  now: number,
): Expression | undefined {
  if (text === undefined) return undefined;
  return compileFilter(text, { path: log.path, columns: filterColumns(log), now });
}

/** One condition for each column whose type can have such a value. */
function conditionsFor(columns: readonly LogColumn[], name: string, value: string, now: number): Condition[] {
  const parsed = columns.map((column) => ({ column, result: parseValue(column, name, value, now) }));
  const conditions = parsed.flatMap(({ column, result }) =>
    typeof result === 'string' ? [] : [condition(column, result)],
  );
  if (conditions.length > 0) return conditions;
  const expected = parsed.map(({ result }) => result).join(', or ');
  throw new ZeekwayError('request_invalid', `"${name}" is ${expected}, not "${value}"`);
}

function condition(column: LogColumn, { value, isSubnet = false }: Exclude<Parsed, string>): Condition {
  if (isContainer(column)) return { test: isSubnet ? 'contains-within' : 'contains', column, value };
  return { test: isSubnet ? 'within' : 'equals', column, value };
}

function parseValue(column: LogColumn, name: string, value: string, now: number): Parsed {
  switch (scalarSqlType(column)) {
    case 'boolean':
      return parseBoolean(value);
    case 'bigint':
      return parseInteger(value, INT64_MIN, INT64_MAX, 'an integer of 64 bits');
    case 'numeric(20,0)':
      return parseInteger(value, 0n, UINT64_MAX, 'a count: an integer from 0 to 2^64 - 1');
    case 'integer':
      return parseInteger(value, 0n, 65_535n, 'a port: an integer from 0 to 65535');
    case 'double precision':
      return parseReal(value);
    case 'timestamptz':
      return either(() => ({ value: parseTime(name, value, now) }), 'a time like 2026-11-24T03:00:00Z');
    case 'inet':
      return column.zeekType.includes('subnet') ? parseSubnet(value) : parseAddress(value);
    default:
      return { value: storedText(value) };
  }
}

/** What `parse` gives, or `expected` where it throws an error of ours. */
function either(parse: () => Exclude<Parsed, string>, expected: string): Parsed {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ZeekwayError) return expected;
    throw error;
  }
}

function parseBoolean(value: string): Parsed {
  if (/^(true|t)$/i.test(value)) return { value: 'true' };
  return /^(false|f)$/i.test(value) ? { value: 'false' } : 'true or false';
}

function parseInteger(value: string, least: bigint, most: bigint, expected: string): Parsed {
  if (!/^-?\d{1,20}$/.test(value)) return expected;
  const number = BigInt(value);
  return number < least || number > most ? expected : { value: String(number) };
}

function parseReal(value: string): Parsed {
  if (/^(NaN|-?Infinity)$/.test(value)) return { value };
  const isNumber = /^[-+ ]?(\d+\.?\d*|\.\d+)([eE][-+ ]?\d+)?$/.test(value);
  const number = Number(value.replaceAll(' ', '+'));
  return isNumber && Number.isFinite(number) ? { value: String(number) } : 'a number, NaN or Infinity';
}

function parseSubnet(value: string): Parsed {
  return either(() => ({ value: inetText(Subnet.parse(value)) }), 'a subnet like 10.0.0.0/8');
}

/** An address is equality, a subnet containment. */
function parseAddress(value: string): Parsed {
  const expected = 'an address or a subnet (like 10.0.0.1, 2001:db8::1 or 10.0.0.0/8)';
  return either(() => {
    if (!value.includes('/')) return { value: Address.parse(value).toString() };
    return { value: inetText(Subnet.parse(value)), isSubnet: true };
  }, expected);
}

/** A whole /0 to /95 over IPv4-in-IPv6 prints as IPv6, which is how it is stored, too. */
const inetText = (subnet: Subnet): string => subnet.toString();
