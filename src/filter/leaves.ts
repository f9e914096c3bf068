import { Subnet } from '../codec/address.js';
import { ZeekwayError } from '../core/errors.js';
import { FILTER_TESTS } from '../core/limits.js';
import {
  both,
  type Expression,
  either,
  type FilterColumn,
  isContainer,
  type Scalar,
  scalarSqlType,
  type Test,
  type ValueTest,
} from './expression.js';
import type { CheckOptions, Subject } from './fields.js';
import { fitLiteral, protocolOf } from './literals.js';
import { FilterError, type Literal } from './syntax.js';

/** Zeek's fields that have the protocol of the ports of a record: of most logs, and of known_services. */
const PROTOCOL_FIELDS = ['proto', 'port_proto'];

/** Makes the tests of one filter: of each column of a subject that can have the value. */
export class Leaves {
  private tests = 0;

  constructor(private readonly options: CheckOptions) {}

  exists(subject: Subject): Expression {
    return either(subject.columns.map((column) => this.leaf(column, { kind: 'exists' })));
  }

  /** The expression of each column that a literal fits; an error where it fits none. */
  fitting(
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

  within(subject: Subject, literal: Literal): Expression {
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

  oneOf(subject: Subject, literals: readonly Literal[]): Expression[] {
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

  equal(column: FilterColumn, scalar: Scalar): Expression {
    return this.value(column, { kind: 'order', order: '==', scalar });
  }

  /** A value test of a column: of its elements where it is a set or vector. */
  value(column: FilterColumn, test: ValueTest): Expression {
    return this.leaf(column, isContainer(column) ? { kind: 'any', test } : test);
  }

  leaf(column: FilterColumn, test: Test): Expression {
    this.tests += test.kind === 'one-of' ? test.scalars.length : 1;
    if (this.tests > FILTER_TESTS) {
      throw new FilterError(`a filter has at most ${FILTER_TESTS} tests`, { from: 0, to: 1 });
    }
    return { kind: 'test', column, test };
  }
}
