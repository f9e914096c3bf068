/**
 * The words of a filter that need not be whole yet: what the person at the keyboard has written so far. The parser reads
 * whole filters; completion must know in which word the cursor is.
 */
export interface Token {
  readonly kind: 'space' | 'text' | 'quoted-name' | 'pattern' | 'word' | 'sign' | 'other';
  readonly text: string;
  readonly from: number;
}

const KINDS: readonly (readonly [kind: Token['kind'], pattern: RegExp])[] = [
  ['space', /\s+/y],
  ['text', /"(?:[^"\\]|\\.?)*"?/sy],
  ['quoted-name', /`[^`]*`?/y],
  ['pattern', /\/(?:[^/\\\n]|\\.?)*(?:\/i?)?/y],
  ['word', /-?[A-Za-z0-9_.$:]+(?:\/[0-9a-z]*)?/y],
  ['sign', /==|!=|<=|>=|!~|&&|\|\||[=!<>~&|]/y],
  ['other', /./suy],
];

/** Cuts a text into its words: nothing is left out. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (let from = 0; from < text.length; ) {
    const token = tokenAt(text, from);
    tokens.push(token);
    from += token.text.length;
  }
  return tokens;
}

function tokenAt(text: string, from: number): Token {
  for (const [kind, pattern] of KINDS) {
    pattern.lastIndex = from;
    const [found] = pattern.exec(text) ?? [];
    if (found !== undefined) return { kind, text: found, from };
  }
  return { kind: 'other', text: text.charAt(from), from };
}
