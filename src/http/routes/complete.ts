import { Type } from 'typebox';
import { ZeekwayError } from '../../core/errors.js';
import { COMPLETE_ITEMS, COMPLETE_ROWS, COMPLETE_TIMEOUT_MS, FILTER_CHARS } from '../../core/limits.js';
import { type CompletionItem, completionAt, startsLike } from '../../filter/complete.js';
import type { FilterColumn } from '../../filter/expression.js';
import { FilterError, type Span } from '../../filter/syntax.js';
import { valueText } from '../../filter/written.js';
import type { LogDescription } from '../../storage/queries/catalogue.js';
import { logRows } from '../../storage/queries/rows.js';
import { type App, type Asker, readFor, type ServerDeps } from '../context.js';
import { filterColumns, parseFilterText } from '../filters.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { findLog } from '../rows.js';
import { Path } from '../schemas.js';

const Answer = Type.Object(
  {
    from: Type.Integer({ description: 'An item replaces the characters from here,' }),
    to: Type.Integer({ description: 'to here.' }),
    items: Type.Array(
      Type.Object({
        text: Type.String(),
        kind: Type.Unsafe<CompletionItem['kind']>({
          type: 'string',
          enum: ['field', 'operator', 'value', 'keyword'],
        }),
        detail: Type.String({ description: 'The type of a field, how often a value is among recent rows.' }),
      }),
      { description: 'What may stand at the cursor, the likeliest first.' },
    ),
    error: Type.Optional(
      Type.Object(
        { message: Type.String(), at: Type.Object({ from: Type.Integer(), to: Type.Integer() }) },
        { description: 'What is wrong with the filter as it is; absent where it is valid.' },
      ),
    ),
  },
  { description: 'What may be written there.' },
);

/** Completion of filters, for whoever writes one. */
export function completeRoutes(app: App, deps: ServerDeps): void {
  app.get(
    '/v1/logs/:path/complete',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['logs'],
        operationId: 'completeFilter',
        summary: 'What may be written at a place of a filter, and whether it is valid',
        params: Type.Object({ path: Path }),
        querystring: Type.Object(
          {
            filter: Type.String({ default: '', maxLength: FILTER_CHARS, examples: ['service == '] }),
            at: Type.Optional(
              Type.Integer({
                minimum: 0,
                description: 'The character where the cursor is; the end by default.',
              }),
            ),
          },
          { additionalProperties: false },
        ),
        response: { 200: Answer, ...PROBLEM_RESPONSES },
      },
    },
    async (request) => {
      const { filter, at = filter.length } = request.query;
      const log = await readFor(deps, request, (query) => findLog(query, request.params.path));
      const error = mistakeIn(log, filter);
      const columns = filterColumns(log);
      const { from, to, typed, items, values } = completionAt(filter, Math.min(at, filter.length), columns);
      const names = new Set(columns.map(({ field }) => field));
      const found = await Promise.all(values.map((column) => commonValues(deps, request, log, column)));
      const frequent = found.flatMap((counts, index) => valueItems(values[index], counts, names));
      const wanted = [...frequent.filter(({ text }) => fits(text, typed)), ...items];
      return { from, to, items: wanted.slice(0, COMPLETE_ITEMS), ...(error && { error }) };
    },
  );
}

/** A text is found without its quotes, too. */
const fits = (text: string, typed: string): boolean =>
  startsLike(text, typed) || (typed !== '' && text !== typed && text.startsWith(`"${typed}`));

function mistakeIn(log: LogDescription, text: string): { message: string; at: Span } | undefined {
  if (text.trim() === '') return undefined;
  try {
    parseFilterText(log, text, Date.now());
    return undefined;
  } catch (error) {
    if (error instanceof FilterError) return { message: error.message, at: error.at };
    throw error;
  }
}

/** How often each value is among the newest rows. None where that takes too long: the rest is there at once. */
async function commonValues(
  deps: ServerDeps,
  asker: Asker,
  log: LogDescription,
  column: FilterColumn,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const limited = { ...deps, queryTimeoutMs: COMPLETE_TIMEOUT_MS };
  try {
    const { rows } = await readFor(limited, asker, (query) =>
      logRows(query, log, { columns: [column], conditions: [], order: 'desc', limit: COMPLETE_ROWS }),
    );
    for (const value of rows.flatMap(({ cells }) => cells[0] ?? [])) {
      if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
  } catch (error) {
    if (!(error instanceof ZeekwayError && error.code === 'query_timeout')) throw error;
  }
  return counts;
}

function valueItems(
  column: FilterColumn | undefined,
  counts: ReadonlyMap<string, number>,
  names: ReadonlySet<string>,
): CompletionItem[] {
  if (!column || column.zeekType === 'bool') return [];
  const sorted = [...counts].toSorted(([, a], [, b]) => b - a);
  return sorted.flatMap(([value, count]) => {
    const text = valueText(column, value, names);
    return text === undefined ? [] : [{ text, kind: 'value', detail: `${count}×` }];
  });
}
