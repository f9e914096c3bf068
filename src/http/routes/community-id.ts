import { Type } from 'typebox';
import { API_QUERY_TIMEOUT_MS, COMMUNITY_ID_UIDS } from '../../core/limits.js';
import { describeLogs } from '../../storage/queries/catalogue.js';
import { connectionRows, uidsOfCommunityId } from '../../storage/queries/pivot.js';
import { type App, readEach, readFor, type ServerDeps } from '../context.js';
import { RowsOfLogs, rowsOfLogs } from '../pivot.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { From, Limit, To } from '../schemas.js';
import { parseRange } from '../times.js';
import { storedText } from '../values.js';

/** The connections of a community ID in all logs. */
export function communityIdRoutes(app: App, deps: ServerDeps): void {
  app.get(
    '/v1/community-id/:id',
    {
      schema: {
        tags: ['logs'],
        operationId: 'getByCommunityId',
        summary: 'The connections of a community ID in all logs',
        description:
          'Rows whose field `community_id` is this one tell the uids; all rows of these connections are given. `from` and `to` are for the former: without them the whole logs are read, since the field has no index.',
        params: Type.Object({
          id: Type.String({
            minLength: 1,
            description: 'The community ID, `/` in it written as `%2F`.',
            examples: ['1:LQU9qZlK+B5F3KDmev6m5PMibrg='],
          }),
        }),
        querystring: Type.Object({ from: From, to: To, limit: Limit }, { additionalProperties: false }),
        response: {
          200: Type.Object(
            {
              communityId: Type.String(),
              uids: Type.Array(Type.String(), { description: 'Its connections.' }),
              moreUids: Type.Optional(
                Type.Boolean({
                  description: `True where there are more than ${COMMUNITY_ID_UIDS}: these are the latest.`,
                }),
              ),
              logs: RowsOfLogs,
            },
            { description: 'Its rows, by log.' },
          ),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async (request) => {
      const { id } = request.params;
      const communityId = storedText(id);
      const range = parseRange(request.query, Date.now());
      const { queryTimeoutMs = API_QUERY_TIMEOUT_MS } = deps;
      const deadline = performance.now() + queryTimeoutMs;
      const logs = await readFor(deps, request, (query) => describeLogs(query));
      const found = await readEach(deps, request, logs, (query, log) =>
        uidsOfCommunityId(query, log, communityId, range, COMMUNITY_ID_UIDS + 1),
      );
      const all = [...new Set(found.flat())];
      const uids = all.slice(0, COMMUNITY_ID_UIDS);
      // Both questions together have the time of one.
      const left = { ...deps, queryTimeoutMs: Math.max(1, Math.ceil(deadline - performance.now())) };
      const rows = await rowsOfLogs(left, request, logs, request.query.limit, (log) =>
        connectionRows(log, { communityId, uids }, range),
      );
      return { communityId: id, uids, ...(all.length > uids.length ? { moreUids: true } : {}), logs: rows };
    },
  );
}
