import type { Value } from '../codec/value.js';
import { ZeekwayError } from '../core/errors.js';
import { parseNotation } from '../zeek/notation/parse.js';
import { shown } from './table.js';

/** The arguments of an event, each in Zeek's notation. Throws `notation_invalid`, which says which of them. */
export const parseArguments = (texts: readonly string[]): Value[] => texts.map(argument);

function argument(text: string, index: number): Value {
  try {
    return parseNotation(text);
  } catch (error) {
    if (!(error instanceof ZeekwayError)) throw error;
    throw new ZeekwayError(
      error.code,
      `argument ${index + 1}, ${shown(text)}: ${error.message}`,
      error.where,
    );
  }
}
