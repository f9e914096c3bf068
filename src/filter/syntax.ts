import peggy from 'peggy';
import { type ErrorCode, ZeekwayError } from '../core/errors.js';
import { FILTER_CHARS, FILTER_DEPTH } from '../core/limits.js';
import { GRAMMAR } from './grammar.js';

/** A part of a filter's text: character numbers from 0, `to` behind the last one. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export type Sign = '==' | '!=' | '<' | '<=' | '>' | '>=' | '~' | '!~' | 'has' | 'in' | '!in';

/** A value as it was written; what it means depends on the field that it is compared with. */
export interface Literal {
  readonly kind: 'literal';
  readonly type:
    | 'text'
    | 'pattern'
    | 'time'
    | 'now'
    | 'address'
    | 'subnet'
    | 'port'
    | 'quantity'
    | 'number'
    | 'label'
    | 'bool'
    | 'unset';
  readonly text: string;
  /** Of a quantity. */
  readonly unit?: string;
  readonly at: Span;
}

export interface FieldName {
  readonly kind: 'field';
  readonly name: string;
  readonly at: Span;
}

/** A side of a test: `|tags|` is a size, `any addr` all fields of the type. */
export type Term =
  | Literal
  | FieldName
  | { readonly kind: 'size'; readonly field: FieldName; readonly at: Span }
  | { readonly kind: 'any'; readonly type: string; readonly at: Span }
  | { readonly kind: 'list'; readonly items: readonly Literal[]; readonly at: Span };

export type Syntax =
  | { readonly kind: 'or' | 'and'; readonly parts: readonly Syntax[]; readonly at: Span }
  | { readonly kind: 'not'; readonly part: Syntax; readonly at: Span }
  | {
      readonly kind: 'test';
      readonly left: Term;
      readonly sign: Sign;
      readonly right: Term;
      readonly at: Span;
    }
  | Term;

/** What is wrong with a filter, and where. */
export class FilterError extends ZeekwayError {
  constructor(
    what: string,
    /** The characters that it is about. */
    readonly at: Span,
    code: ErrorCode = 'filter_invalid',
  ) {
    super(code, `at character ${at.from + 1}: ${what}`);
  }
}

let parser: peggy.Parser | undefined;

/** Made when the first filter comes: some ten milliseconds. */
function makeParser(): peggy.Parser {
  parser ??= peggy.generate(GRAMMAR);
  return parser;
}

/** Reads a filter. Throws `FilterError`. */
export function parseFilter(text: string): Syntax {
  if (text.length > FILTER_CHARS) {
    const at = { from: FILTER_CHARS, to: text.length };
    throw new FilterError(`a filter has at most ${FILTER_CHARS} characters, this one has ${text.length}`, at);
  }
  let syntax: Syntax;
  try {
    syntax = makeParser().parse(text) as Syntax;
  } catch (error) {
    throw syntaxError(error, text);
  }
  checkDepth(syntax, 0);
  return syntax;
}

const tooDeep = (at: Span): FilterError =>
  new FilterError(`parentheses and negations are nested at most ${FILTER_DEPTH} deep`, at);

function checkDepth(syntax: Syntax, depth: number): void {
  if (depth > FILTER_DEPTH) throw tooDeep(syntax.at);
  if (syntax.kind === 'not') checkDepth(syntax.part, depth + 1);
  if (syntax.kind === 'and' || syntax.kind === 'or') {
    for (const part of syntax.parts) checkDepth(part, depth + 1);
  }
}

/** What a person may have meant by what stands where the parser stopped. */
const HINTS: readonly (readonly [pattern: RegExp, hint: string])[] = [
  [/^=(?!=)/, 'equality is "=="'],
  [/^&(?!&)/, '"and" is "&&"'],
  [/^\|(?!\|)/, '"or" is "||"'],
  [/^<>/, 'inequality is "!="'],
  [/^'/, 'texts stand in double quotes'],
  [/^(like|matches|contains)\b/i, 'patterns are `~ /regex/` or `~ "*wild?card*"`, elements `has`'],
];

function syntaxError(error: unknown, text: string): unknown {
  // The parser is recursive, and has no more stack.
  if (error instanceof RangeError) return tooDeep({ from: 0, to: text.length });
  if (!(error instanceof makeParser().SyntaxError)) return error;
  const { location, expected } = error;
  const from = location.start.offset;
  const rest = text.slice(from);
  const word = /^(\w+|\W)/.exec(rest)?.[0] ?? '';
  const found = rest === '' ? 'the end' : JSON.stringify(rest.slice(0, 20));
  const hint = HINTS.find(([pattern]) => pattern.test(rest))?.[1];
  const wanted = expectations(expected).join(', ') || 'something else';
  const what = `expected ${wanted}, found ${found}${hint === undefined ? '' : `; ${hint}`}`;
  return new FilterError(what, { from, to: from + Math.max(1, word.length) });
}

/** What may stand at a place, in words; characters inside of a word or number are left out where there is more. */
function expectations(expected: readonly peggy.parser.Expectation[] | null): string[] {
  const words = (expected ?? []).flatMap((one): string[] => {
    if (one.type === 'other') return one.description === 'white space' ? [] : [one.description];
    if (one.type === 'end') return ['the end'];
    return one.type === 'literal' ? [`"${one.text}"`] : [];
  });
  return [...new Set(words)];
}

/** What may follow a text that is the beginning of a filter: `a field`, `a value`, `a comparison`, `&&`, ... */
export function expectedAfter(text: string): string[] {
  try {
    // No filter has this character, so that the parser stops at it and says what it would have taken.
    makeParser().parse(`${text}\u0000`);
  } catch (error) {
    const { SyntaxError: Failure } = makeParser();
    if (error instanceof Failure && error.location.start.offset === text.length)
      return expectations(error.expected);
    if (error instanceof Failure) return [];
    throw error;
  }
  return [];
}
