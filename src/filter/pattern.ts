import { type AST, RegExpParser } from '@eslint-community/regexpp';
import { RE2JS } from 're2js';
import { PATTERN_REPEAT, PATTERN_SIZE } from '../core/limits.js';

/**
 * A pattern that PostgreSQL and RE2 understand alike. It is read as a regular expression of JavaScript and written
 * anew in what both have: classes spelled out in ASCII, no groups that capture, no references. Both find it in time
 * that grows with the text alone.
 */
export interface Pattern {
  /** For PostgreSQL's `~` in the collation "C", and for RE2. */
  readonly source: string;
}

/** `message` says what is wrong; `index` is the character of the pattern. */
export class PatternError extends Error {
  constructor(
    message: string,
    readonly index: number,
  ) {
    super(message);
  }
}

/** Reads what stands between the slashes. Throws `PatternError`. */
export function parsePattern(source: string, ignoreCase: boolean): Pattern {
  let tree: AST.Pattern;
  try {
    tree = new RegExpParser({ ecmaVersion: 2024 }).parsePattern(source, 0, source.length, { unicode: true });
  } catch (error) {
    if (error instanceof SyntaxError && 'index' in error) {
      throw new PatternError(
        error.message.replace(/^Invalid regular expression: \/.*\/u?: /s, ''),
        Number(error.index),
      );
    }
    throw error;
  }
  const writer = new PatternWriter(ignoreCase);
  return { source: writer.alternatives(tree.alternatives, 1) };
}

/** A text with `*` (any characters) and `?` (one), which is matched as a whole. */
export function wildcard(text: string): Pattern {
  const parts = [...text].map((char) => (char === '*' ? `${ANY}*` : char === '?' ? ANY : literal(char)));
  return { source: `^${parts.join('')}$` };
}

/** A text that is found as it is. */
export const containing = (text: string): Pattern => ({ source: [...text].map(literal).join('') });

/** The predicate of a pattern: whether it is found in a text. */
export function finder({ source }: Pattern): (text: string) => boolean {
  const compiled = RE2JS.compile(source);
  return (text) => compiled.matcher(text).find();
}

/** Any character at all; `.` means different things in each dialect. */
const ANY = '(?:[^\n]|\n)';
const NOT_NEWLINE = '[^\n]';
/** A beginning behind a character. */
const NOTHING = '(?:[^\n]^)';

/** A character that stands for itself, also inside of a class. */
const literal = (char: string): string => (/[!-/:-@[-^`{-~]/.test(char) ? `\\${char}` : char);

/** Text that PostgreSQL cannot hold. */
const isNoText = (code: number): boolean => code === 0 || (code >= 0xd800 && code <= 0xdfff);

const CLASSES = { digit: '0-9', word: 'A-Za-z0-9_', space: ' \t\r\n\f\v' } as const;

type Range = readonly [low: number, high: number];

class PatternWriter {
  private size = 0;

  constructor(private readonly ignoreCase: boolean) {}

  alternatives(alternatives: readonly AST.Alternative[], times: number): string {
    return alternatives
      .map(({ elements }) => elements.map((one) => this.element(one, times)).join(''))
      .join('|');
  }

  private element(element: AST.Element, times: number): string {
    this.size += times;
    if (this.size > PATTERN_SIZE)
      throw new PatternError(`a pattern of more than ${PATTERN_SIZE} parts`, element.start);
    switch (element.type) {
      case 'Character':
        return this.character(element.value, element.start);
      case 'CharacterSet':
        return this.set(element);
      case 'CharacterClass':
        return this.characterClass(element);
      case 'Group':
      case 'CapturingGroup':
        return `(?:${this.alternatives(element.alternatives, times)})`;
      case 'Quantifier':
        return this.quantifier(element, times);
      case 'Assertion':
        if (element.kind === 'start') return '^';
        if (element.kind === 'end') return '$';
        return this.refuse(element);
      default:
        return this.refuse(element);
    }
  }

  private quantifier({ min, max, element, start }: AST.Quantifier, times: number): string {
    const most = max === Number.POSITIVE_INFINITY ? Math.max(1, min) : max;
    if (most > PATTERN_REPEAT)
      throw new PatternError(`a part is repeated at most ${PATTERN_REPEAT} times`, start);
    if (element.type === 'Assertion') throw new PatternError('nothing that can be repeated', start);
    const inner = this.element(element as AST.Element, times * Math.max(1, most));
    if (min === 0 && max === 1) return `(?:${inner})?`;
    if (max === Number.POSITIVE_INFINITY && min <= 1) return `(?:${inner})${min === 0 ? '*' : '+'}`;
    return `(?:${inner}){${min}${max === min ? '' : `,${max === Number.POSITIVE_INFINITY ? '' : max}`}}`;
  }

  private character(code: number, at: number): string {
    const char = this.text(code, at);
    if (!this.ignoreCase || !/[A-Za-z]/.test(char)) return literal(char);
    return `[${char.toUpperCase()}${char.toLowerCase()}]`;
  }

  private set(element: AST.CharacterSet): string {
    if (element.kind === 'any') return NOT_NEWLINE;
    if (element.kind === 'property') return this.refuse(element);
    return `[${element.negate ? '^' : ''}${CLASSES[element.kind]}]`;
  }

  private characterClass(element: AST.CharacterClass): string {
    const ranges: Range[] = [];
    const parts: string[] = [];
    for (const one of element.elements) {
      if (one.type === 'Character') ranges.push([one.value, one.value]);
      else if (one.type === 'CharacterClassRange') ranges.push([one.min.value, one.max.value]);
      else if (one.type === 'CharacterSet' && one.kind !== 'property' && !one.negate) {
        parts.push(CLASSES[one.kind]);
      } else this.refuse(one as AST.Node);
    }
    const all = this.ignoreCase ? ranges.flatMap((range) => [range, ...otherCase(range)]) : ranges;
    const bound = (code: number): string => literal(this.text(code, element.start));
    parts.push(...all.map(([low, high]) => (low === high ? bound(low) : `${bound(low)}-${bound(high)}`)));
    // A class of nothing.
    if (parts.length === 0) return element.negate ? ANY : NOTHING;
    return `[${element.negate ? '^' : ''}${parts.join('')}]`;
  }

  private text(code: number, at: number): string {
    if (isNoText(code)) throw new PatternError('no stored text has such a character', at);
    return String.fromCodePoint(code);
  }

  private refuse({ raw, start }: AST.Node): never {
    throw new PatternError(
      `${raw} is not understood: no references, no looking around, no word boundaries, no Unicode classes`,
      start,
    );
  }
}

/** The letters of a range in the other case. */
function otherCase([low, high]: Range): Range[] {
  const shifted = (from: number, to: number, by: number): Range[] => {
    const [first, last] = [Math.max(low, from), Math.min(high, to)];
    return first > last ? [] : [[first + by, last + by]];
  };
  return [...shifted(0x41, 0x5a, 0x20), ...shifted(0x61, 0x7a, -0x20)];
}
