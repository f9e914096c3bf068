import { Type } from 'typebox';
import { type StoredAudit, storedAudit } from '../../storage/audit.js';
import { type App, readFor, type ServerDeps } from '../context.js';
import { idCursor, parseIdCursor } from '../cursor.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { IdPage, Next, nextUrl, Time } from '../schemas.js';
import { parseRange, timeFromSql } from '../times.js';
import { storedText } from '../values.js';

const EntrySchema = Type.Object({
  id: Type.Integer({ description: 'Ascending in the order of storing.' }),
  time: Time('When it was answered.'),
  token: Type.Optional(
    Type.Integer({ description: 'The ID of the token; absent for tokens of the configuration.' }),
  ),
  name: Type.String({ description: 'Whose token it was; `anonymous` without one.' }),
  address: Type.String({ description: 'Where the request came from.' }),
  method: Type.String(),
  route: Type.String({ examples: ['/v1/dead-letters/:id'] }),
  target: Type.Record(Type.String(), Type.String(), {
    description: 'What it was about: parameters, the topic, the name of the event, the URL.',
  }),
  status: Type.Integer({ description: 'The HTTP status of the answer.' }),
});

const entryJson = ({ id, time, token, target, ...entry }: StoredAudit) => ({
  ...entry,
  id: Number(id),
  time: timeFromSql(time),
  ...(token === null ? {} : { token: Number(token) }),
  target: JSON.parse(target) as Record<string, string>,
});

/** Who asked for changes. */
export function auditRoutes(app: App, deps: ServerDeps): void {
  app.get(
    '/v1/audit',
    {
      config: { scope: 'admin' },
      schema: {
        tags: ['gateway'],
        operationId: 'listAudit',
        summary: 'Requests that were to change something, also those that were refused',
        querystring: Type.Object(
          {
            name: Type.Optional(Type.String({ description: 'Whose token.' })),
            ...IdPage,
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object(
            { entries: Type.Array(EntrySchema), next: Next },
            { description: 'A page of entries.' },
          ),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    (request) => {
      const { name, limit, order, cursor } = request.query;
      const range = parseRange(request.query, Date.now());
      const after = cursor === undefined ? undefined : parseIdCursor(cursor);
      return readFor(deps, request, async (query) => {
        const wanted = { name: name && storedText(name), ...range, limit, order, after };
        const { rows, next } = await storedAudit(query, wanted);
        const entries = rows.map(entryJson);
        if (!next) return { entries };
        return { entries, next: nextUrl(request, { ...range, cursor: idCursor(next) }) };
      });
    },
  );
}
