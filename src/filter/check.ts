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
  TEXT_TYPES,
} from './expression.js';
import { type CheckOptions, Fields, type Subject } from './fields.js';
import { Leaves } from './leaves.js';
import { patternOf } from './literals.js';
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

/** Reads a filter and checks it against the fields of a log. Throws `FilterError` (`filter_invalid`). */
export function compileFilter(text: string, options: CheckOptions): Expression {
  return new Checker(options).check(parseFilter(text));
}

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
const FLIPPED: Readonly<Partial<Record<Sign, Sign>>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

class Checker {
  private readonly fields: Fields;
  private readonly leaves: Leaves;

  constructor(options: CheckOptions) {
    this.fields = new Fields(options);
    this.leaves = new Leaves(options);
  }

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
        return this.holds(this.fields.subject(syntax));
    }
  }

  /** A field on its own: that it is set, or true. */
  private holds({ columns, isSize, at }: Subject): Expression {
    if (isSize) throw new FilterError('expected a comparison with a number behind the size', at);
    return either(
      columns.map((column) =>
        column.sqlType === 'boolean'
          ? this.leaves.leaf(column, {
              kind: 'order',
              order: '==',
              scalar: { text: 'true', sqlType: 'boolean', value: true },
            })
          : this.leaves.leaf(column, { kind: 'exists' }),
      ),
    );
  }

  private test(left: Term, sign: Sign, right: Term, at: Span): Expression {
    const isValue = ({ kind }: Term): boolean => kind === 'literal' || kind === 'list';
    if (isValue(left)) {
      if (isValue(right)) throw new FilterError('expected a field on one side, found two values', at);
      return this.flipped(left, sign, right, at);
    }
    const subject = this.fields.subject(left);
    switch (sign) {
      case '!=':
        return this.differs(subject, right);
      case '!~':
        return both([this.leaves.exists(subject), negated(this.matches(subject, right))]);
      case '!in':
        return both([this.leaves.exists(subject), negated(this.isIn(subject, right))]);
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
      const subject = this.fields.subject(right);
      const isText = subject.columns.every((column) => !isContainer(column));
      // As Zeek has it: a pattern, or a text, that is found in a text.
      const found =
        isPattern || (isText && left.kind === 'literal' && left.type === 'text')
          ? this.matches(subject, left, true)
          : this.has(subject, left);
      return sign === 'in' ? found : both([this.leaves.exists(subject), negated(found)]);
    }
    if (sign === '~' || sign === '!~' || sign === 'has') {
      throw new FilterError(`expected a field in front of "${sign}"`, left.at);
    }
    if (isPattern) throw new FilterError('a pattern stands behind "~", or in front of "in"', at);
    return this.test(right, FLIPPED[sign] ?? sign, left, at);
  }

  private compares(subject: Subject, order: Order, right: Term): Expression {
    if (subject.isSize) return this.sizes(subject, order, right);
    if (right.kind === 'literal' && right.type === 'unset') {
      if (order !== '==') throw new FilterError('"unset" is compared with "==" or "!="', right.at);
      return negated(this.leaves.exists(subject));
    }
    if (right.kind === 'literal' && right.type === 'pattern') {
      throw new FilterError('a pattern stands behind "~"', right.at);
    }
    if (right.kind === 'field') return this.withField(subject, order, right);
    return this.withValue(subject, order, this.literal(right));
  }

  private differs(subject: Subject, right: Term): Expression {
    const isUnset = right.kind === 'literal' && right.type === 'unset';
    if (isUnset) return this.leaves.exists(subject);
    const equal = this.compares(subject, '==', right);
    return subject.isSize
      ? both([this.leaves.exists(subject), negated(equal)])
      : this.setBoth(subject, right, negated(equal));
  }

  /** `a != b` means two values that differ: both are set. */
  private setBoth(subject: Subject, right: Term, differs: Expression): Expression {
    const others = right.kind === 'field' ? this.fields.named(right.name) : [];
    const other = others.map((column) => this.leaves.leaf(column, { kind: 'exists' }));
    return both([this.leaves.exists(subject), ...(other.length > 0 ? [either(other)] : []), differs]);
  }

  private sizes(subject: Subject, order: Order, right: Term): Expression {
    const literal = this.literal(right);
    if (literal.type !== 'number' || !/^\d+$/.test(literal.text)) {
      throw new FilterError('a size is compared with a whole number', literal.at);
    }
    const sized = subject.columns.filter((column) => isContainer(column) || TEXT_TYPES.has(column.zeekType));
    if (sized.length === 0) {
      throw new FilterError(`"${subject.name}" has no size: it is no text, set or vector`, subject.at);
    }
    return either(
      sized.map((column) => this.leaves.leaf(column, { kind: 'size', order, size: BigInt(literal.text) })),
    );
  }

  /** A comparison with a value, of each column that can have such a value. */
  private withValue(subject: Subject, order: Order, literal: Literal): Expression {
    return this.leaves.fitting(subject, literal, (column, scalar) => {
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
      return this.leaves.value(column, { kind: 'order', order, scalar });
    });
  }

  private withField(subject: Subject, order: Order, right: FieldName): Expression {
    const others = this.fields.named(right.name);
    if (others.length === 0) return this.withWord(subject, order, right);
    const pairs = subject.columns.flatMap((column) =>
      others.filter((other) => this.areAlike(column, other)).map((other) => ({ column, other })),
    );
    if (pairs.length === 0) {
      throw new FilterError(`"${subject.name}" and "${right.name}" are not of one type`, right.at);
    }
    return either(
      pairs.map(({ column, other }) => this.leaves.leaf(column, { kind: 'columns', order, other })),
    );
  }

  private areAlike(one: FilterColumn, other: FilterColumn): boolean {
    if (isContainer(one) || isContainer(other)) return false;
    const numbers = new Set(['int', 'count']);
    return (
      (one.sqlType === other.sqlType && (one.zeekType === other.zeekType || TEXT_TYPES.has(one.zeekType))) ||
      (numbers.has(one.zeekType) && numbers.has(other.zeekType))
    );
  }

  /** `proto == tcp`: a word that is no field is a label where labels are. */
  private withWord(subject: Subject, order: Order, { name, at }: FieldName): Expression {
    if (!subject.columns.some(({ zeekType }) => elementType(zeekType) === 'enum')) {
      if (subject.columns.some(({ zeekType }) => TEXT_TYPES.has(elementType(zeekType)))) {
        throw new FilterError(`"${name}" is no field; texts stand in quotes: "${name}"`, at);
      }
      this.fields.columns({ kind: 'field', name, at });
    }
    return this.withValue(subject, order, { kind: 'literal', type: 'label', text: name, at });
  }

  private matches(subject: Subject, right: Term, isSearch = false): Expression {
    const literal = this.literal(right);
    const pattern = patternOf(literal, isSearch);
    const texts = subject.columns.filter(({ zeekType }) => TEXT_TYPES.has(elementType(zeekType)));
    if (texts.length === 0 || subject.isSize) {
      throw new FilterError(`"${subject.name}" is no text that a pattern could match`, subject.at);
    }
    return either(texts.map((column) => this.leaves.value(column, { kind: 'matches', pattern })));
  }

  private isIn(subject: Subject, right: Term): Expression {
    const literals = right.kind === 'list' ? right.items : [this.literal(right)];
    if (literals.length === 0) return NEVER;
    const subnets = literals.filter(({ type }) => type === 'subnet');
    const others = literals.filter(({ type }) => type !== 'subnet');
    return either([
      ...subnets.map((literal) => this.leaves.within(subject, literal)),
      ...this.leaves.oneOf(subject, others),
    ]);
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
      return this.leaves.within(elements, literal);
    }
    return this.leaves.fitting(elements, literal, (column, scalar) => this.leaves.equal(column, scalar));
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
