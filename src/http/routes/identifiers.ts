import { Type } from 'typebox';
import { ZeekwayError } from '../../core/errors.js';
import { DEFAULT_CODEC_LIMITS } from '../../core/limits.js';
import { sourcesById } from '../../storage/queries/catalogue.js';
import {
  identifierHistory,
  newestIdentifiers,
  type StoredIdentifier,
} from '../../storage/queries/identifiers.js';
import type { Query } from '../../storage/queries/query.js';
import { checkMayPublish } from '../access.js';
import { type App, readFor, type ServerDeps } from '../context.js';
import { idCursor, parseIdCursor } from '../cursor.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { IdPage, Limit, Next, nextUrl, SourceRef, Time } from '../schemas.js';
import { storedValue } from '../stored-values.js';
import { parseRange, parseTime, timeFromSql } from '../times.js';
import { sourceJson, storedText } from '../values.js';

const IdentifierSchema = Type.Object({
  name: Type.String({ examples: ['Site::local_nets'] }),
  value: Type.Object(
    { '@data-type': Type.String({ examples: ['set'] }), data: Type.Optional(Type.Unknown()) },
    { description: "As Broker's JSON has it; integers beyond 2^53 - 1 are strings." },
  ),
  received: Time('When zeekway (or the capture) received it.'),
  source: SourceRef,
});

async function identifiersJson(query: Query, rows: readonly StoredIdentifier[]) {
  const sources = await sourcesById(
    query,
    rows.map(({ sourceId }) => sourceId),
  );
  return rows.map(({ name, value, received, sourceId }) => ({
    name,
    value: storedValue(value) as { '@data-type': string },
    received: timeFromSql(received),
    source: sourceJson(sources.get(sourceId)),
  }));
}

/** What peers publish of their global variables (`Broker::publish_id`): the newest value of each, and those before. */
export function identifierRoutes(app: App, deps: ServerDeps): void {
  app.get(
    '/v1/identifiers',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['identifiers'],
        operationId: 'listIdentifiers',
        summary: 'The newest value of each identifier that peers published',
        querystring: Type.Object(
          {
            at: Type.Optional(
              Type.String({ description: 'As it was then: a time, or one like -1h.', examples: ['-1d'] }),
            ),
            limit: Limit,
            after: Type.Optional(Type.String({ description: 'The name that the page before ended with.' })),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object(
            {
              identifiers: Type.Array(IdentifierSchema),
              after: Type.Optional(
                Type.String({ description: 'The `after` of the next page; absent on the last one.' }),
              ),
            },
            { description: 'The identifiers, by name.' },
          ),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    (request) => {
      const { at, after, limit } = request.query;
      const time = at === undefined ? undefined : parseTime('at', at, Date.now());
      return readFor(deps, request, async (query) => {
        const found = await newestIdentifiers(query, {
          at: time,
          after: after && storedText(after),
          limit: limit + 1,
        });
        const identifiers = await identifiersJson(query, found.slice(0, limit));
        const last = identifiers.at(-1);
        return found.length > limit && last ? { identifiers, after: last.name } : { identifiers };
      });
    },
  );

  app.get(
    '/v1/identifiers/:name',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['identifiers'],
        operationId: 'identifierHistory',
        summary: 'The values that an identifier had',
        params: Type.Object({ name: Type.String({ examples: ['Site::local_nets'] }) }),
        querystring: Type.Object(IdPage, { additionalProperties: false }),
        response: {
          200: Type.Object(
            { identifiers: Type.Array(IdentifierSchema), next: Next },
            { description: 'A page of its values, newest first by default.' },
          ),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    (request) => {
      const { limit, order, cursor } = request.query;
      const range = parseRange(request.query, Date.now());
      const after = cursor === undefined ? undefined : parseIdCursor(cursor);
      const name = storedText(request.params.name);
      return readFor(deps, request, async (query) => {
        const page = await identifierHistory(query, { name, ...range, limit, order, after });
        if (
          page.rows.length === 0 &&
          after === undefined &&
          range.from === undefined &&
          range.to === undefined
        ) {
          throw new ZeekwayError('not_found', `nobody published the identifier ${request.params.name}`);
        }
        const identifiers = await identifiersJson(query, page.rows);
        return page.next
          ? { identifiers, next: nextUrl(request, { ...range, cursor: idCursor(page.next) }) }
          : { identifiers };
      });
    },
  );

  publishIdentifier(app, deps);
}

function publishIdentifier(app: App, { actions }: Pick<ServerDeps, 'actions'>): void {
  if (!actions) return;
  app.put(
    '/v1/identifiers/:name',
    {
      config: { scope: 'publish' },
      schema: {
        tags: ['identifiers'],
        operationId: 'publishIdentifier',
        summary: 'Publish the value of an identifier',
        description:
          'As Broker::publish_id: each Zeek that subscribed to the topic sets its global variable of that name. The scope of the token has to allow the topic.',
        params: Type.Object({ name: Type.String({ examples: ['Site::local_nets'] }) }),
        querystring: Type.Object({}, { additionalProperties: false }),
        body: Type.Object(
          {
            topic: Type.String({
              minLength: 1,
              maxLength: DEFAULT_CODEC_LIMITS.topicBytes,
              examples: ['site/'],
            }),
            value: Type.String({
              minLength: 1,
              description: "In Zeek's notation.",
              examples: ['{10.0.0.0/8, 192.168.0.0/16}'],
            }),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object(
            {
              peers: Type.Integer({
                description: 'To how many peers it was sent: those that want the topic.',
              }),
            },
            { description: 'It was published.' },
          ),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async (request) => {
      const { topic, value } = request.body;
      checkMayPublish(request, topic);
      return { peers: actions.publishIdentifier({ topic, name: request.params.name, value }) };
    },
  );
}
