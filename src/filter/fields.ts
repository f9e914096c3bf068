import { nearest } from '../core/nearest.js';
import { elementType, type FilterColumn } from './expression.js';
import { type FieldName, FilterError, type Span, type Term } from './syntax.js';

export interface CheckOptions {
  /** The log's path, for errors. */
  readonly path: string;
  readonly columns: readonly FilterColumn[];
  /** Milliseconds since 1970, for times that are relative to it. */
  readonly now: number;
}

/** The columns that a name means: those of a field (several where its type has changed), or the one of the name. */
function namedColumns(columns: readonly FilterColumn[], name: string): readonly FilterColumn[] {
  const ofField = columns.filter(({ field }) => field === name);
  return ofField.length > 0 ? ofField : columns.filter(({ column }) => column === name);
}

/** What a side of a test is when it is no value: the columns, or the size of one. */
export interface Subject {
  readonly columns: readonly FilterColumn[];
  readonly isSize: boolean;
  /** `any addr`: of a set or vector, its elements. */
  readonly isAny: boolean;
  readonly name: string;
  readonly at: Span;
}

/** The fields of a log by what a filter calls them. */
export class Fields {
  constructor(private readonly options: CheckOptions) {}

  /** Throws `FilterError` for a field that there is not, and for a value. */
  subject(term: Term): Subject {
    switch (term.kind) {
      case 'field':
        return { columns: this.columns(term), isSize: false, isAny: false, name: term.name, at: term.at };
      case 'size':
        return {
          columns: this.columns(term.field),
          isSize: true,
          isAny: false,
          name: term.field.name,
          at: term.at,
        };
      case 'any':
        return {
          columns: this.ofType(term.type, term.at),
          isSize: false,
          isAny: true,
          name: `any ${term.type}`,
          at: term.at,
        };
      default:
        throw new FilterError('expected a field, found a value', term.at);
    }
  }

  columns({ name, at }: FieldName): readonly FilterColumn[] {
    const { columns, path } = this.options;
    const found = namedColumns(columns, name);
    if (found.length > 0) return found;
    const near = nearest(
      name,
      columns.map(({ field }) => field),
    );
    const hint = near === undefined ? '' : `; did you mean "${near}"?`;
    throw new FilterError(`"${name}" is no field of the log "${path}"${hint}`, at);
  }

  private ofType(type: string, at: Span): readonly FilterColumn[] {
    const { columns, path } = this.options;
    const found = columns.filter(({ zeekType }) => elementType(zeekType) === type);
    if (found.length > 0) return found;
    const types = [...new Set(columns.map(({ zeekType }) => elementType(zeekType)))].join(', ');
    throw new FilterError(`the log "${path}" has no field of type ${type}; it has ${types}`, at);
  }

  /** Empty where there is none of the name. */
  named(name: string): readonly FilterColumn[] {
    return namedColumns(this.options.columns, name);
  }
}
