import { elementType, type FilterColumn, isContainer } from './expression.js';
import { expectedAfter } from './syntax.js';
import { type Token, tokensOf } from './tokens.js';
import { fieldText } from './written.js';

/** Something that may stand where the cursor is. */
export interface CompletionItem {
  readonly text: string;
  readonly kind: 'field' | 'operator' | 'value' | 'keyword';
  readonly detail: string;
}

/** What may be written at a place of a filter. */
export interface Completion {
  /** The characters that an item replaces: the word in which the cursor is. */
  readonly from: number;
  readonly to: number;
  /** What stands in front of the cursor of that word. */
  readonly typed: string;
  readonly items: readonly CompletionItem[];
  /** The columns whose values may stand here: which there are, the database knows. */
  readonly values: readonly FilterColumn[];
}

const ORDERED = new Set(['int', 'count', 'double', 'interval', 'time', 'port']);
const TEXTS = new Set(['string', 'func', 'file']);

/** Operators in the order in which they are likely, and what they mean. */
const OPERATORS: readonly (readonly [
  sign: string,
  detail: string,
  fits: (column: FilterColumn) => boolean,
])[] = [
  ['==', 'is', (column) => !isContainer(column)],
  ['!=', 'is another', (column) => !isContainer(column)],
  ['has', 'an element is', isContainer],
  ['in', 'lies in a subnet, is one of {...}', (column) => !isContainer(column)],
  ['~', 'matches /regex/ or "*wild?card*"', ({ zeekType }) => TEXTS.has(elementType(zeekType))],
  ['>', 'greater', (column) => isOrdered(column)],
  ['>=', 'at least', (column) => isOrdered(column)],
  ['<', 'less', (column) => isOrdered(column)],
  ['<=', 'at most', (column) => isOrdered(column)],
  ['!in', 'none of these', (column) => !isContainer(column)],
  ['!~', 'does not match', ({ zeekType }) => TEXTS.has(elementType(zeekType))],
];
const isOrdered = (column: FilterColumn): boolean =>
  !isContainer(column) && ORDERED.has(elementType(column.zeekType));

/** Values that are the same in every log. */
const CONSTANTS: Readonly<Record<string, readonly (readonly [text: string, detail: string])[]>> = {
  bool: [
    ['T', 'true'],
    ['F', 'false'],
  ],
  time: [
    ['-15min', '15 minutes ago'],
    ['-1h', 'an hour ago'],
    ['-1d', 'a day ago'],
    ['now', 'now'],
  ],
  interval: [
    ['100ms', ''],
    ['1sec', ''],
    ['1min', ''],
    ['1h', ''],
  ],
};

const WORDS = new Set(['in', 'has']);
const COMPARISONS = new Set(['==', '!=', '<', '<=', '>', '>=', '~', '!~', 'in', 'has']);

/** What may be written where the cursor is; the grammar says what may stand there at all. */
export function completionAt(text: string, at: number, columns: readonly FilterColumn[]): Completion {
  const tokens = tokensOf(text.slice(0, at));
  const last = tokens.at(-1);
  const word = last && isUnfinished(last, text) ? last : undefined;
  const before = word ? tokens.slice(0, -1) : tokens;
  const from = word?.from ?? at;
  const typed = word?.text ?? '';
  const expected = new Set(expectedAfter(text.slice(0, from)));
  const items: CompletionItem[] = [];
  const tested = testedBy(before, columns);
  let values: readonly FilterColumn[] = [];
  if (expected.has('a value') || expected.has('a label')) {
    if (tested?.sign === undefined) items.push(...fieldItems(columns));
    else {
      const isPattern = tested.sign.endsWith('~');
      items.push(...(isPattern ? [] : constantItems(tested.columns, tested.sign)));
      if (!isPattern) values = tested.columns.filter(({ zeekType }) => elementType(zeekType) !== 'time');
    }
  }
  if (expected.has('a comparison')) items.push(...operatorItems(tested?.columns ?? []));
  for (const keyword of ['&&', '||'].filter((one) => expected.has(one)))
    items.push({ text: keyword, kind: 'keyword', detail: keyword === '&&' ? 'and' : 'or' });
  const to = at + restOfWord(text.slice(at), word);
  return { from, to, typed, items: items.filter((item) => startsLike(item.text, typed)), values };
}

/** Whether an item is what somebody who wrote this may want: `resp` finds `id.resp_h`, too. */
export function startsLike(text: string, typed: string): boolean {
  const [whole, part] = [text.toLowerCase(), typed.toLowerCase()];
  if (part === '') return true;
  if (whole === part) return false;
  return /^\W/.test(part) ? whole.startsWith(part) : whole.includes(part);
}

/** @param whole the filter, of which it is the last word so far. */
function isUnfinished({ kind, text, from }: Token, whole: string): boolean {
  if (kind === 'text') return !/^"(?:[^"\\]|\\.)*"$/s.test(text);
  // The "!" of a negation is complete, that of "!=" is not.
  if (text === '!') return expectedAfter(whole.slice(0, from)).includes('a comparison');
  if (kind === 'sign') return !/^[&|]{2}$/.test(text);
  return kind === 'word' || kind === 'quoted-name';
}

function restOfWord(rest: string, word: Token | undefined): number {
  if (word?.kind === 'text') return /^[^"\s]*"/.exec(rest)?.[0].length ?? 0;
  return word?.kind === 'word' ? (/^[\w.$:]*/.exec(rest)?.[0].length ?? 0) : 0;
}

/**
 * What is tested at the end of a text: `service`, `service ==`, `proto in {tcp,`. Without a sign where none is written
 * yet.
 */
function testedBy(
  tokens: readonly Token[],
  columns: readonly FilterColumn[],
): { columns: readonly FilterColumn[]; sign?: string } | undefined {
  const words = tokens.filter(({ kind }) => kind !== 'space');
  const open = words.findLastIndex(({ text }) => text === '{' || text === '[');
  const closed = words.findLastIndex(({ text }) => text === '}' || text === ']');
  const inList = open > closed ? words.slice(0, open) : words;
  const last = inList.at(-1);
  if (!last) return undefined;
  const isSign = COMPARISONS.has(last.kind === 'word' ? last.text.toLowerCase() : last.text);
  const subject = isSign ? subjectBefore(inList) : last;
  const found = subject ? namedColumns(columns, subject) : [];
  return isSign ? { columns: found, sign: last.text } : { columns: found };
}

/** In front of the sign; `!in` and `not in` are two words. */
function subjectBefore(words: readonly Token[]): Token | undefined {
  const before = words.at(-2);
  const isNegated =
    WORDS.has(words.at(-1)?.text.toLowerCase() ?? '') && /^(!|not)$/i.test(before?.text ?? '');
  return isNegated ? words.at(-3) : before;
}

function namedColumns(columns: readonly FilterColumn[], { text }: Token): readonly FilterColumn[] {
  const name = text.startsWith('`') ? text.replaceAll('`', '') : text.replaceAll('$', '.');
  const ofField = columns.filter(({ field }) => field === name);
  return ofField.length > 0 ? ofField : columns.filter(({ column }) => column === name);
}

function fieldItems(columns: readonly FilterColumn[]): CompletionItem[] {
  const types = new Map<string, Set<string>>();
  for (const { field, zeekType } of columns) types.set(field, (types.get(field) ?? new Set()).add(zeekType));
  return [...types].map(([field, found]) => ({
    text: fieldText(field),
    kind: 'field',
    detail: [...found].join(' or '),
  }));
}

function operatorItems(columns: readonly FilterColumn[]): CompletionItem[] {
  return OPERATORS.filter(([, , fits]) => columns.some(fits)).map(([text, detail]) => ({
    text,
    kind: 'operator',
    detail,
  }));
}

function constantItems(columns: readonly FilterColumn[], sign: string): CompletionItem[] {
  const types = new Set(columns.map(({ zeekType }) => elementType(zeekType)));
  const items = [...types].flatMap((type) => CONSTANTS[type] ?? []);
  const unset = sign === '==' || sign === '!=' ? [['unset', 'has no value'] as const] : [];
  return [...items, ...unset].map(([text, detail]) => ({
    text,
    kind: items.some(([one]) => one === text) ? 'value' : 'keyword',
    detail,
  }));
}
