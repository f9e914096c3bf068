import { elementType, scalarSqlType } from '../../filter/expression.js';
import type { Cell } from '../../storage/queries/query.js';
import { microsFromSql } from '../times.js';
import { addressFromSql, subnetFromSql } from '../values.js';
import type { ExportColumn } from './format.js';

/** The types that columns have in Parquet and Arrow: those of their elements where they are sets or vectors. */
export type ValueType = 'bool' | 'int64' | 'uint64' | 'uint16' | 'float64' | 'micros' | 'text';

/** `bigint` for int64, uint64 and micros (since 1970), `number` for uint16 and float64. */
export type TypedValue = boolean | number | bigint | string;

export interface TypedColumn {
  readonly key: string;
  readonly zeekType: string;
  readonly type: ValueType;
  readonly isList: boolean;
  /** `null` also for what the type cannot hold: a time without end. */
  readonly scalar: (text: string) => TypedValue | null;
}

const isTrue = (text: string): boolean => text === 't';
const asText = (text: string): string => text;

/** 64 bits of microseconds end in the year 294247, PostgreSQL's own in 294276. */
function microsValue(text: string): bigint | null {
  const micros = microsFromSql(text);
  return micros === undefined || BigInt.asIntN(64, micros) !== micros ? null : micros;
}

export function typedColumn({ key, zeekType, sqlType }: ExportColumn): TypedColumn {
  const column = { key, zeekType, isList: sqlType.endsWith('[]') };
  switch (scalarSqlType({ sqlType })) {
    case 'boolean':
      return { ...column, type: 'bool', scalar: isTrue };
    case 'bigint':
      return { ...column, type: 'int64', scalar: BigInt };
    case 'numeric(20,0)':
      return { ...column, type: 'uint64', scalar: BigInt };
    case 'integer':
      return { ...column, type: 'uint16', scalar: Number };
    case 'double precision':
      return { ...column, type: 'float64', scalar: Number };
    case 'timestamptz':
      return { ...column, type: 'micros', scalar: microsValue };
    case 'inet':
      return {
        ...column,
        type: 'text',
        scalar: elementType(zeekType) === 'subnet' ? subnetFromSql : addressFromSql,
      };
    default:
      return { ...column, type: 'text', scalar: asText };
  }
}

/** The value of a cell: of a list its elements. */
export function typedValue({ scalar }: TypedColumn, cell: Cell): TypedValue | (TypedValue | null)[] | null {
  if (cell === null) return null;
  if (typeof cell === 'string') return scalar(cell);
  return cell.map((item) => (item === null ? null : scalar(item)));
}
