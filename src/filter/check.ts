import { Subnet } from '../codec/address.js';
import { ZeekwayError } from '../core/errors.js';
import { FILTER_TESTS } from '../core/limits.js';
import { nearest } from '../core/nearest.js';
import {
  both,
  type Expression,
  either,
  elementType,
  type FilterColumn,
  isContainer,
  NEVER,
  negated,
  type Order,
  type Scalar,
  scalarSqlType,
  type Test,
  type ValueTest,
} from './expression.js';
import { fitLiteral, protocolOf, textOf } from './literals.js';
import { containing, type Pattern, PatternError, parsePattern, wildcard } from './pattern.js';
import {
  type FieldName,
  FilterError,
  type Literal,
  parseFilter,
  type Sign,
  type Span,
  type Syntax,
  type Term,
} from './syntax.js';

export interface CheckOptions {
  /** The log's path, for errors. */
  readonly path: string;
  readonly columns: readonly FilterColumn[];
  /** Milliseconds since 1970, for times that are relative to it. */
  readonly now: number;
}

/** Reads a filter and checks it against the fields of a log. Throws `FilterError` (`filter_invalid`). */
export function compileFilter(text: string, options: CheckOptions): Expression {
  return new Checker(options).check(parseFilter(text));
}

/** The columns that a name means: those of a field (several where its type has changed), or the one of the name. */
export function namedColumns(columns: readonly FilterColumn[], name: string): readonly FilterColumn[] {
  const ofField = columns.filter(({ field }) => field === name);
  return ofField.length > 0 ? ofField : columns.filter(({ column }) => column === name);
}

/** Zeek's fields that have the protocol of the ports of a record: of most logs, and of known_services. */
const PROTOCOL_FIELDS = ['proto', 'port_proto'];
const ORDERED = new Set([
  'int',
  'count',
  'double',
  'interval',
  'time',
  'port',
  'string',
  'func',
  'file',
  'enum',
]);
const TEXTS = new Set(['string', 'func', 'file', 'enum']);
const FLIPPED: Readonly<Partial<Record<Sign, Sign>>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

/** What a side of a test is when it is no value: the columns, or the size of one. */
interface Subject {
  readonly columns: readonly FilterColumn[];
  readonly isSize: boolean;
  /** `any addr`: of a set or vector, its elements. */
  readonly isAny: boolean;
  readonly name: string;
  readonly at: Span;
}

class Checker {
  private tests = 0;

  constructor(private readonly options: CheckOptions) {}

  check(syntax: Syntax): Expression {
    switch (syntax.kind) {
      case 'and':
        return both(syntax.parts.map((part) => this.check(part)));
      case 'or':
        return either(syntax.parts.map((part) => this.check(part)));
      case 'not':
        return negated(this.check(syntax.part));
      case 'test':
        return this.test(syntax.left, syntax.sign, syntax.right, syntax.at);
      case 'literal':
        if (syntax.type === 'bool') return { kind: 'constant', value: /^t/i.test(syntax.text) };
        throw new FilterError('expected a test, like service == "dns", found a value', syntax.at);
      case 'list':
        throw new FilterError('expected a test, found values', syntax.at);
      default:
        return this.holds(this.subject(syntax));
    }
  }

  /** A field on its own: that it is set, or true. */
  private holds({ columns, isSize, at }: Subject): Expression {
    if (isSize) throw new FilterError('expected a comparison with a number behind the size', at);
    return either(
      columns.map((column) =>
        column.sqlType === 'boolean'
          ? this.leaf(column, {
              kind: 'order',
              order: '==',
              scalar: { text: 'true', sqlType: 'boolean', value: true },
            })
          : this.leaf(column, { kind: 'exists' }),
      ),
    );
  }

  private test(left: Term, sign: Sign, right: Term, at: Span): Expression {
    const isValue = ({ kind }: Term): boolean => kind === 'literal' || kind === 'list';
    if (isValue(left)) {
      if (isValue(right)) throw new FilterError('expected a field on one side, found two values', at);
      return this.flipped(left, sign, right, at);
    }
    const subject = this.subject(left);
    switch (sign) {
      case '!=':
        return this.differs(subject, right);
      case '!~':
        return both([this.exists(subject), negated(this.matches(subject, right))]);
      case '!in':
        return both([this.exists(subject), negated(this.isIn(subject, right))]);
      case '~':
        return this.matches(subject, right);
      case 'in':
        return this.isIn(subject, right);
      case 'has':
        return this.has(subject, right);
      default:
        return this.compares(subject, sign, right);
    }
  }

  /** A value on the left: `"x" in tags`, `/x/ in host`, `10MB < orig_bytes`. */
  private flipped(left: Term, sign: Sign, right: Term, at: Span): Expression {
    const isPattern = left.kind === 'literal' && left.type === 'pattern';
    if (sign === 'in' || sign === '!in') {
      const subject = this.subject(right);
      const isText = subject.columns.every((column) => !isContainer(column));
      // As Zeek has it: a pattern, or a text, that is found in a text.
      const found =
        isPattern || (isText && left.kind === 'literal' && left.type === 'text')
          ? this.matches(subject, left, true)
          : this.has(subject, left);
      return sign === 'in' ? found : both([this.exists(subject), negated(found)]);
    }
    if (sign === '~' || sign === '!~' || sign === 'has') {
      throw new FilterError(`expected a field in front of "${sign}"`, left.at);
    }
    if (isPattern) throw new FilterError('a pattern stands behind "~", or in front of "in"', at);
    return this.test(right, FLIPPED[sign] ?? sign, left, at);
  }

  private subject(term: Term): Subject {
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

  private columns({ name, at }: FieldName): readonly FilterColumn[] {
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

  private exists(subject: Subject): Expression {
    return either(subject.columns.map((column) => this.leaf(column, { kind: 'exists' })));
  }

  private compares(subject: Subject, order: Order, right: Term): Expression {
    if (subject.isSize) return this.sizes(subject, order, right);
    if (right.kind === 'literal' && right.type === 'unset') {
      if (order !== '==') throw new FilterError('"unset" is compared with "==" or "!="', right.at);
      return negated(this.exists(subject));
    }
    if (right.kind === 'literal' && right.type === 'pattern') {
      throw new FilterError('a pattern stands behind "~"', right.at);
    }
    if (right.kind === 'field') return this.withField(subject, order, right);
    return this.withValue(subject, order, this.literal(right));
  }

  private differs(subject: Subject, right: Term): Expression {
    const isUnset = right.kind === 'literal' && right.type === 'unset';
    if (isUnset) return this.exists(subject);
    const equal = this.compares(subject, '==', right);
    return subject.isSize
      ? both([this.exists(subject), negated(equal)])
      : this.setBoth(subject, right, negated(equal));
  }

  /** `a != b` means two values that differ: both are set. */
  private setBoth(subject: Subject, right: Term, differs: Expression): Expression {
    const others = right.kind === 'field' ? namedColumns(this.options.columns, right.name) : [];
    const other = others.map((column) => this.leaf(column, { kind: 'exists' }));
    return both([this.exists(subject), ...(other.length > 0 ? [either(other)] : []), differs]);
  }

  private sizes(subject: Subject, order: Order, right: Term): Expression {
    const literal = this.literal(right);
    if (literal.type !== 'number' || !/^\d+$/.test(literal.text)) {
      throw new FilterError('a size is compared with a whole number', literal.at);
    }
    const sized = subject.columns.filter((column) => isContainer(column) || TEXTS.has(column.zeekType));
    if (sized.length === 0) {
      throw new FilterError(`"${subject.name}" has no size: it is no text, set or vector`, subject.at);
    }
    return either(
      sized.map((column) => this.leaf(column, { kind: 'size', order, size: BigInt(literal.text) })),
    );
  }

  /** A comparison with a value, of each column that can have such a value. */
  private withValue(subject: Subject, order: Order, literal: Literal): Expression {
    return this.fitting(subject, literal, (column, scalar) => {
      if (isContainer(column) && !subject.isAny) {
        throw new FilterError(
          `"${subject.name}" is a ${column.zeekType}: "has" tests its elements, |${subject.name}| is its size`,
          subject.at,
        );
      }
      if (order !== '==' && !ORDERED.has(elementType(column.zeekType))) {
        throw new FilterError(
          `values of type ${elementType(column.zeekType)} have no order: "==", "!=" or "in"`,
          subject.at,
        );
      }
      return this.value(column, { kind: 'order', order, scalar });
    });
  }

  /** The expression of each column that a literal fits; an error where it fits none. */
  private fitting(
    subject: Subject,
    literal: Literal,
    make: (column: FilterColumn, scalar: Scalar) => Expression,
  ): Expression {
    const fitted = subject.columns.map((column) => ({
      column,
      scalar: fitLiteral(literal, column, this.options.now),
    }));
    const good = fitted.flatMap(({ column, scalar }) =>
      typeof scalar === 'string' ? [] : [this.withProtocol(column, literal, make(column, scalar))],
    );
    if (good.length > 0) return either(good);
    const expected = [...new Set(fitted.map(({ scalar }) => scalar))].join(', or ');
    throw new FilterError(
      `"${subject.name}" is compared with ${expected}; found ${literal.text}`,
      literal.at,
    );
  }

  /** A port that was written with its protocol: that is in a field of its own. */
  private withProtocol(column: FilterColumn, literal: Literal, expression: Expression): Expression {
    const value = protocolOf(literal);
    if (value === undefined) return expression;
    const protocol = this.options.columns.find(
      ({ field, sqlType }) => PROTOCOL_FIELDS.includes(field) && sqlType === 'text',
    );
    if (!protocol || isContainer(column)) {
      const number = literal.text.split('/')[0];
      throw new FilterError(`no protocol is stored with "${column.field}": write ${number}`, literal.at);
    }
    const scalar: Scalar = { text: value, sqlType: 'text', value };
    return both([expression, this.leaf(protocol, { kind: 'order', order: '==', scalar })]);
  }

  private withField(subject: Subject, order: Order, right: FieldName): Expression {
    const others = namedColumns(this.options.columns, right.name);
    if (others.length === 0) return this.withWord(subject, order, right);
    const pairs = subject.columns.flatMap((column) =>
      others.filter((other) => this.areAlike(column, other)).map((other) => ({ column, other })),
    );
    if (pairs.length === 0) {
      throw new FilterError(`"${subject.name}" and "${right.name}" are not of one type`, right.at);
    }
    return either(pairs.map(({ column, other }) => this.leaf(column, { kind: 'columns', order, other })));
  }

  private areAlike(one: FilterColumn, other: FilterColumn): boolean {
    if (isContainer(one) || isContainer(other)) return false;
    const numbers = new Set(['int', 'count']);
    return (
      (one.sqlType === other.sqlType && (one.zeekType === other.zeekType || TEXTS.has(one.zeekType))) ||
      (numbers.has(one.zeekType) && numbers.has(other.zeekType))
    );
  }

  /** `proto == tcp`: a word that is no field is a label where labels are. */
  private withWord(subject: Subject, order: Order, { name, at }: FieldName): Expression {
    if (!subject.columns.some(({ zeekType }) => elementType(zeekType) === 'enum')) {
      if (subject.columns.some(({ zeekType }) => TEXTS.has(elementType(zeekType)))) {
        throw new FilterError(`"${name}" is no field; texts stand in quotes: "${name}"`, at);
      }
      this.columns({ kind: 'field', name, at });
    }
    return this.withValue(subject, order, { kind: 'literal', type: 'label', text: name, at });
  }

  private matches(subject: Subject, right: Term, isSearch = false): Expression {
    const literal = this.literal(right);
    const pattern = this.pattern(literal, isSearch);
    const texts = subject.columns.filter(({ zeekType }) => TEXTS.has(elementType(zeekType)));
    if (texts.length === 0 || subject.isSize) {
      throw new FilterError(`"${subject.name}" is no text that a pattern could match`, subject.at);
    }
    return either(texts.map((column) => this.value(column, { kind: 'matches', pattern })));
  }

  /** @param isSearch a text is to be found; else it is one with wildcards. */
  private pattern(literal: Literal, isSearch: boolean): Pattern {
    if (literal.type === 'text') {
      const text = textOf(literal);
      return isSearch ? containing(text) : wildcard(text);
    }
    if (literal.type !== 'pattern') {
      throw new FilterError('expected /a pattern/ or "a*text?with*wildcards"', literal.at);
    }
    const ignoreCase = literal.text.endsWith('i');
    try {
      return parsePattern(literal.text.slice(1, ignoreCase ? -2 : -1), ignoreCase);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      const from = literal.at.from + 1 + error.index;
      throw new FilterError(`in the pattern: ${error.message}`, { from, to: from + 1 });
    }
  }

  private isIn(subject: Subject, right: Term): Expression {
    const literals = right.kind === 'list' ? right.items : [this.literal(right)];
    if (literals.length === 0) return NEVER;
    const subnets = literals.filter(({ type }) => type === 'subnet');
    const others = literals.filter(({ type }) => type !== 'subnet');
    return either([
      ...subnets.map((literal) => this.within(subject, literal)),
      ...this.oneOf(subject, others),
    ]);
  }

  private within(subject: Subject, literal: Literal): Expression {
    const inets = subject.columns.filter((column) => scalarSqlType(column) === 'inet');
    if (inets.length === 0) throw new FilterError(`"${subject.name}" is no address or subnet`, subject.at);
    const subnet = this.subnet(literal);
    return either(inets.map((column) => this.value(column, { kind: 'within', subnet })));
  }

  private subnet(literal: Literal): string {
    try {
      return Subnet.parse(literal.text).toString();
    } catch (error) {
      if (error instanceof ZeekwayError) throw new FilterError(error.message, literal.at);
      throw error;
    }
  }

  private oneOf(subject: Subject, literals: readonly Literal[]): Expression[] {
    if (literals.length === 0) return [];
    // Those with a protocol are tests of two fields.
    if (literals.some((literal) => protocolOf(literal) !== undefined)) {
      return literals.map((literal) =>
        this.fitting(subject, literal, (column, scalar) => this.equal(column, scalar)),
      );
    }
    const perColumn = subject.columns.flatMap((column) => {
      const scalars = literals.map((literal) => fitLiteral(literal, column, this.options.now));
      const good = scalars.filter((one): one is Scalar => typeof one !== 'string');
      return good.length === scalars.length ? [this.value(column, { kind: 'one-of', scalars: good })] : [];
    });
    if (perColumn.length > 0) return perColumn;
    // Which one does not fit.
    for (const literal of literals)
      this.fitting(subject, literal, (column, scalar) => this.equal(column, scalar));
    throw new FilterError(`"${subject.name}" cannot have all of these values`, literals[0]?.at ?? subject.at);
  }

  private equal(column: FilterColumn, scalar: Scalar): Expression {
    return this.value(column, { kind: 'order', order: '==', scalar });
  }

  private has(subject: Subject, right: Term): Expression {
    const containers = subject.columns.filter(isContainer);
    if (containers.length === 0 || subject.isSize) {
      throw new FilterError(`"${subject.name}" is no set or vector`, subject.at);
    }
    const elements = { ...subject, columns: containers };
    if (right.kind === 'list') return this.isIn(elements, right);
    const literal = this.literal(right);
    if (literal.type === 'pattern') return this.matches(elements, literal);
    if (literal.type === 'subnet' && containers.some(({ zeekType }) => elementType(zeekType) === 'addr')) {
      return this.within(elements, literal);
    }
    return this.fitting(elements, literal, (column, scalar) => this.equal(column, scalar));
  }

  /** A value test of a column: of its elements where it is a set or vector. */
  private value(column: FilterColumn, test: ValueTest): Expression {
    return this.leaf(column, isContainer(column) ? { kind: 'any', test } : test);
  }

  private leaf(column: FilterColumn, test: Test): Expression {
    this.tests += test.kind === 'one-of' ? test.scalars.length : 1;
    if (this.tests > FILTER_TESTS) {
      throw new FilterError(`a filter has at most ${FILTER_TESTS} tests`, { from: 0, to: 1 });
    }
    return { kind: 'test', column, test };
  }

  private literal(term: Term): Literal {
    if (term.kind === 'literal') return term;
    if (term.kind === 'field') {
      throw new FilterError(
        `expected a value, found "${term.name}"; texts stand in quotes: "${term.name}"`,
        term.at,
      );
    }
    throw new FilterError('expected one value', term.at);
  }
}
