import { Type } from 'typebox';
import { type StoredVersion, storedVersions } from '../../storage/queries/store-history.js';
import { type App, readFor, type ServerDeps } from '../context.js';
import { idCursor, parseIdCursor } from '../cursor.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { IdPage, Next, nextUrl, Time } from '../schemas.js';
import { parseRange, parseTime, timeFromSql } from '../times.js';
import { storedText } from '../values.js';

const VersionSchema = Type.Object({
  key: Type.String({ description: "In Zeek's notation.", examples: ['192.0.2.1'] }),
  value: Type.String({ description: "In Zeek's notation.", examples: ['"printer"'] }),
  since: Time('From when on the key had it.'),
  until: Type.Optional(Time('Until when; absent where it still has.')),
  ended: Type.Optional(
    Type.String({
      enum: ['updated', 'erased', 'expired', 'unknown'],
      description: '`unknown`: it was found gone or changed, after a time in which nobody looked.',
    }),
  ),
  publisher: Type.Optional(
    Type.String({ description: 'The endpoint ID of who wrote it, where that is known.' }),
  ),
});

const versionJson = ({ key, value, since, until, ended, publisher }: StoredVersion) => ({
  key,
  value,
  since: timeFromSql(since),
  ...(ended === null ? {} : { until: timeFromSql(until), ended }),
  ...(publisher === null ? {} : { publisher }),
});

/** What data stores held: of those that are mirrored into the database. */
export function storeHistoryRoutes(app: App, deps: ServerDeps): void {
  const { stores } = deps;
  if (!stores) return;
  app.get(
    '/v1/stores/:store/history',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['stores'],
        operationId: 'storeHistory',
        summary: 'What a store held, and holds',
        description:
          'Of the stores in `stores.mirror` of the configuration, also those that this endpoint no longer has. With `at`: what the store held then.',
        params: Type.Object({ store: Type.String({ description: 'The name of the store.' }) }),
        querystring: Type.Object(
          {
            key: Type.Optional(
              Type.String({
                minLength: 1,
                description: "Only this key, in Zeek's notation.",
                examples: ['192.0.2.1'],
              }),
            ),
            at: Type.Optional(
              Type.String({
                description: 'What was there then: a time, or one like -1d.',
                examples: ['-1d'],
              }),
            ),
            ...IdPage,
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object(
            { versions: Type.Array(VersionSchema), next: Next },
            { description: 'A page of values, in the order in which they were stored.' },
          ),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    (request) => {
      const { key, at, limit, order, cursor } = request.query;
      const now = Date.now();
      const range = parseRange(request.query, now);
      const then = at === undefined ? undefined : parseTime('at', at, now);
      const asked = {
        store: storedText(request.params.store),
        keyId: key === undefined ? undefined : stores.keyId(key),
        at: then,
        ...range,
        limit,
        order,
        after: cursor === undefined ? undefined : parseIdCursor(cursor),
      };
      return readFor(deps, request, async (query) => {
        const page = await storedVersions(query, asked);
        const versions = page.rows.map(versionJson);
        return page.next
          ? {
              versions,
              next: nextUrl(request, {
                ...range,
                ...(then ? { at: then } : {}),
                cursor: idCursor(page.next),
              }),
            }
          : { versions };
      });
    },
  );
}
