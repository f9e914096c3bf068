import { Type } from 'typebox';
import { describeLogs } from '../../storage/queries/catalogue.js';
import { logRows, uidConditions } from '../../storage/queries/rows.js';
import { type App, readEach, readFor, type ServerDeps } from '../context.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { rowsJson, selectAll } from '../rows.js';
import { Limit, Path, RowRef } from '../schemas.js';
import { storedText } from '../values.js';

/** One connection in all logs. */
export function uidRoutes(app: App, deps: ServerDeps): void {
  app.get(
    '/v1/uid/:uid',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['logs'],
        operationId: 'getByUid',
        summary: 'One connection in all logs',
        params: Type.Object({
          uid: Type.String({ minLength: 1, description: "Zeek's uid.", examples: ['CHhAvVGS1DHFjwGM9'] }),
        }),
        querystring: Type.Object(
          {
            limit: Limit,
            related: Type.Boolean({
              default: false,
              description:
                'Also rows that list the uid in `tunnel_parents`, `conn_uids` or `uids`. These have no index: it takes longer.',
            }),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object(
            {
              uid: Type.String(),
              logs: Type.Array(
                Type.Object({
                  path: Path,
                  rows: Type.Array(RowRef, { description: 'Oldest first.' }),
                  more: Type.Boolean({ description: 'Whether there are more rows than `limit`.' }),
                }),
                { description: 'The logs that know the uid.' },
              ),
            },
            { description: 'Its rows, by log.' },
          ),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async (request) => {
      const { uid } = request.params;
      const { limit, related } = request.query;
      const logs = await readFor(deps, request, (query) => describeLogs(query));
      const found = await readEach(deps, request, logs, async (query, log) => {
        const conditions = uidConditions(log, storedText(uid), related);
        if (conditions.length === 0) return [];
        const selection = selectAll(log);
        const page = await logRows(query, log, {
          columns: selection.columns,
          conditions: [conditions],
          order: 'asc',
          limit,
        });
        if (page.rows.length === 0) return [];
        const rows = await rowsJson(query, log, selection, page.rows);
        return [{ path: log.path, rows, more: page.next !== undefined }];
      });
      return { uid, logs: found.flat() };
    },
  );
}
