import { Type } from 'typebox';
import { ANONYMOUS } from '../../core/access.js';
import { TAIL_LOGS } from '../../core/limits.js';
import type { Watch } from '../../live/live-rows.js';
import { callerOf } from '../access.js';
import { type App, readFor, type ServerDeps } from '../context.js';
import { refuseForeignPage } from '../cross-site.js';
import { parseFilterText } from '../filters.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { findLog, selectFields } from '../rows.js';
import { Filter } from '../schemas.js';
import type { TailClient } from '../tail-client.js';
import type { Tails } from '../tails.js';
import { wantsUpgrade } from '../upgrade.js';
import { columnKeys } from '../values.js';

const Query = Type.Object(
  {
    log: Type.Union(
      [Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }), { maxItems: TAIL_LOGS })],
      {
        description: 'The path of a log; may be given several times.',
        examples: ['conn'],
      },
    ),
    filter: Filter,
    fields: Type.Optional(
      Type.String({ description: 'The fields to give, with commas between. All by default.' }),
    ),
  },
  { additionalProperties: false },
);

/** The live tail: rows as they come, as Server-Sent Events or over a WebSocket. */
export function tailRoutes(app: App, deps: ServerDeps, tails: Tails): void {
  app.get(
    '/v1/tail',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['logs'],
        operationId: 'tailRows',
        summary: 'Rows as they come',
        description:
          'Server-Sent Events that do not end: `row` with `{"path", "row"}`, and `gap` with `{"dropped"}` where the client was too slow. As a WebSocket the same as frames `{"event", "data"}`.',
        querystring: Query,
        response: {
          200: { description: 'The rows.', content: { 'text/event-stream': { schema: Type.String() } } },
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      if (wantsUpgrade(request.raw)) refuseForeignPage(request.headers, caller.name !== ANONYMOUS);
      tails.checkRoom();
      const watches = await readFor(deps, request, async (query) => {
        const found: Unwatched[] = [];
        for (const path of new Set([request.query.log].flat()))
          found.push(await watchOf(query, path, request.query));
        return found;
      });
      tails.checkRoom();
      const follow = (client: TailClient): (() => void) => {
        const ends = watches.map((watch) => deps.live?.watch({ ...watch, deliver: rowsTo(client, watch) }));
        return () => {
          for (const end of ends) end?.();
        };
      };
      if (wantsUpgrade(request.raw)) tails.openSocket(request, reply, follow, caller);
      else tails.openStream(reply, follow, caller);
      return reply;
    },
  );
}

/** A watch that nobody gets the rows of yet. */
type Unwatched = Omit<Watch, 'deliver'>;

const rowsTo =
  (client: TailClient, { path }: Unwatched): Watch['deliver'] =>
  (row) =>
    client.tell('row', `{"path":${JSON.stringify(path)},"row":${row}}`);

async function watchOf(
  query: Parameters<typeof findLog>[0],
  path: string,
  { filter, fields }: { filter?: string; fields?: string },
): Promise<Unwatched> {
  const log = await findLog(query, path);
  const keys = columnKeys(log.columns);
  const columns = log.columns.map((column) => ({ ...column, key: keys.get(column) ?? column.column }));
  const selection = fields === undefined ? undefined : selectFields(log, fields);
  const shown = selection && [
    ...selection.columns.map((column) => keys.get(column) ?? column.column),
    ...(selection.received ? ['_received'] : []),
    ...(selection.source ? ['_source'] : []),
  ];
  return {
    path: log.path,
    columns,
    filter: parseFilterText(log, filter, Date.now()),
    ...(shown === undefined ? {} : { keys: new Set(shown) }),
  };
}
