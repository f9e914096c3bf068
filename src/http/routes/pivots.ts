import { Type } from 'typebox';
import { describeLogs } from '../../storage/queries/catalogue.js';
import { FUID, type Identifier, identifierConditions, UID } from '../../storage/queries/pivot.js';
import { type App, type Asker, readFor, type ServerDeps } from '../context.js';
import { RowsOfLogs, rowsOfLogs } from '../pivot.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { Limit } from '../schemas.js';
import { storedText } from '../values.js';

const queryOf = (related: string) =>
  Type.Object(
    { limit: Limit, related: Type.Boolean({ default: false, description: related }) },
    { additionalProperties: false },
  );

/** One connection or one file in all logs. */
export function pivotRoutes(app: App, deps: ServerDeps): void {
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
        querystring: queryOf(
          'Also rows that list the uid in `tunnel_parents`, `conn_uids` or `uids`. These have no index: it takes longer.',
        ),
        response: {
          200: Type.Object({ uid: Type.String(), logs: RowsOfLogs }, { description: 'Its rows, by log.' }),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async (request) => {
      const { uid } = request.params;
      return { uid, logs: await rowsOf(deps, request, UID, uid) };
    },
  );

  app.get(
    '/v1/fuid/:fuid',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['logs'],
        operationId: 'getByFuid',
        summary: 'One file in all logs',
        params: Type.Object({
          fuid: Type.String({ minLength: 1, description: "Zeek's fuid.", examples: ['FMnxxt3xjVcWNS2141'] }),
        }),
        querystring: queryOf(
          'Also rows that have the fuid in `fuids`, `orig_fuids`, `resp_fuids`, `cert_chain_fuids`, `client_cert_chain_fuids` or `parent_fuid`, or as their `id` (pe, ocsp). These have no index: it takes longer.',
        ),
        response: {
          200: Type.Object({ fuid: Type.String(), logs: RowsOfLogs }, { description: 'Its rows, by log.' }),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async (request) => {
      const { fuid } = request.params;
      return { fuid, logs: await rowsOf(deps, request, FUID, fuid) };
    },
  );
}

interface IdentifierRequest extends Asker {
  readonly query: { readonly limit: number; readonly related: boolean };
}

/** The rows of an identifier, by log. */
async function rowsOf(deps: ServerDeps, request: IdentifierRequest, identifier: Identifier, value: string) {
  const { limit, related } = request.query;
  const logs = await readFor(deps, request, (query) => describeLogs(query));
  return rowsOfLogs(deps, request, logs, limit, (log) => {
    const conditions = identifierConditions(log, identifier, storedText(value), related);
    return conditions.length > 0 ? { conditions: [conditions] } : undefined;
  });
}
