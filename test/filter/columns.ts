import type { FilterColumn } from '../../src/filter/expression.js';

/** A column that is named like its field. */
export const column = (field: string, zeekType: string, sqlType: string): FilterColumn => ({
  field,
  zeekType,
  sqlType,
  column: field,
});
