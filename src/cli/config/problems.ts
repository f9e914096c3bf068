import { ZeekwayError } from '../../core/errors.js';
import { CONFIG_PROBLEMS } from '../../core/limits.js';
import { maskSecrets } from '../../core/secrets.js';

/** Where a value is, or a mistake. */
export interface Place {
  /** `zeekway.yaml:3:9`, `environment DATABASE_URL`, `option --http`, `default`. */
  readonly place: string;
  /** `spool.size`, where the place alone does not tell. */
  readonly key?: string;
  /** Of a place in the file: characters from its beginning, to sort by. */
  readonly offset?: number;
}

/** One mistake: where it is, and what was expected there and found. */
export interface Problem extends Place {
  readonly message: string;
}

/** Takes a mistake; the next one is looked for. */
export type Tell = (problem: Problem) => void;

/** All that is wrong with a configuration: of the file from its top to its bottom, then the others. */
export class ConfigError extends ZeekwayError {
  /** A line for each mistake. */
  readonly lines: readonly string[];

  constructor(problems: readonly Problem[]) {
    const last = Number.POSITIVE_INFINITY;
    const lines = problems
      .toSorted((a, b) => ((a.offset ?? last) < (b.offset ?? last) ? -1 : Number(a.offset !== b.offset)))
      .slice(0, CONFIG_PROBLEMS)
      .map(lineOf);
    const further = problems.length - lines.length;
    if (further > 0) lines.push(`and ${further} further mistakes`);
    super('config_invalid', lines.join('; '));
    this.lines = lines;
  }
}

/** Characters of a line: names in a file can be of any length, and of any characters. */
const LINE_CHARS = 1_000;

function lineOf({ place, key, message }: Problem): string {
  const parts = [place, ...(key === undefined ? [] : [maskSecrets(key)]), message];
  const line = parts.join(': ').replace(/\p{Cc}/gu, '?');
  return line.length > LINE_CHARS ? `${line.slice(0, LINE_CHARS)}...` : line;
}

/** Runs `parse`, telling what it throws as a mistake. @returns its value in an object, or nothing. */
export function attempt<T>(parse: () => T, at: Place, tell: Tell): { readonly value: T } | undefined {
  try {
    return { value: parse() };
  } catch (error) {
    if (!(error instanceof ZeekwayError)) throw error;
    tell({ ...at, message: error.message });
    return undefined;
  }
}
