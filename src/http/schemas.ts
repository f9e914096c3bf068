import { Type } from 'typebox';
import { API_ROWS_DEFAULT, API_ROWS_MAX } from '../core/limits.js';

/** Parameters and parts of answers that several routes share. */

const TIME =
  'ISO 8601 (UTC where no zone is given), seconds since 1970, `now`, or relative to now (`-90s`, `-15m`, `-1h`, `-7d`, `-2w`).';

export const From = Type.Optional(
  Type.String({ description: `The earliest time, inclusive. ${TIME}`, examples: ['-1h'] }),
);
export const To = Type.Optional(
  Type.String({ description: `The latest time, exclusive. ${TIME}`, examples: ['2026-11-24T04:00:00Z'] }),
);
export const Filter = Type.Optional(
  Type.String({
    description: 'A filter in the query language: which rows are wanted. See docs/query-language.md.',
    examples: ['id.orig_h in 10.0.0.0/8 && service == "dns" && duration > 1min'],
  }),
);
export const Limit = Type.Integer({
  minimum: 1,
  maximum: API_ROWS_MAX,
  default: API_ROWS_DEFAULT,
  description: 'How many rows to give at most.',
});
export const Order = Type.Unsafe<'asc' | 'desc'>({
  type: 'string',
  enum: ['asc', 'desc'],
  default: 'desc',
  description: 'Oldest (`asc`) or newest (`desc`) first.',
});
export const Cursor = Type.Optional(
  Type.String({ description: 'Where the page before ended; `next` of an answer has it.' }),
);
export const Next = Type.Optional(
  Type.String({ description: 'The URL of the next page, relative to this one. Absent on the last page.' }),
);

/** Of what is read by its ascending ID. */
export const IdPage = { from: From, to: To, limit: Limit, order: Order, cursor: Cursor };

export const Time = (description: string) =>
  Type.String({ description, examples: ['2026-11-24T03:13:17.123456Z'] });

export const Path = Type.String({
  minLength: 1,
  description: "The log's path: `conn`, `dns`.",
  examples: ['conn'],
});

export const SourceSchema = Type.Object(
  {
    kind: Type.Optional(
      Type.String({ description: '`live` (a peer), `replay` (a capture) or `backfill` (a log file).' }),
    ),
    name: Type.Optional(Type.String({ description: "The peer's address, or the file's name." })),
    peer: Type.Optional(Type.String({ description: "The peer's endpoint ID." })),
    node: Type.Optional(Type.String({ description: "The peer's name in the Zeek cluster." })),
  },
  { $id: 'Source', title: 'Source', description: 'Where a row came from.' },
);
export const SourceRef = Type.Ref('Source#');

export const RowSchema = Type.Object(
  {
    _received: Type.Optional(Time('When zeekway (or the capture) received it.')),
    _source: Type.Optional(SourceRef),
  },
  {
    $id: 'Row',
    title: 'Row',
    additionalProperties: true,
    description:
      "A row of a log: Zeek's fields by their names; unset fields are left out. Integers beyond 2^53 - 1, NaN and infinities are strings; times are ISO 8601 with microseconds, intervals are seconds; sets and vectors are arrays, with null for a hole. /v1/logs/{path}/fields tells the types.",
  },
);
export const RowRef = Type.Ref('Row#');

/** The URL of the next page: that of this one, with what was relative to now made absolute. */
export function nextUrl(
  request: { readonly url: string },
  changes: Readonly<Record<string, string | undefined>>,
): string {
  const [path = ''] = request.url.split('?');
  const parameters = new URLSearchParams(request.url.slice(path.length));
  for (const [name, value] of Object.entries(changes)) {
    if (value !== undefined) parameters.set(name, value);
  }
  return `${path}?${parameters}`;
}
