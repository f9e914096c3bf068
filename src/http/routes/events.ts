import { Type } from 'typebox';
import { sourcesById } from '../../storage/queries/catalogue.js';
import { storedEvents } from '../../storage/queries/events.js';
import { type App, readFor, type ServerDeps } from '../context.js';
import { idCursor, parseIdCursor } from '../cursor.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { IdPage, Next, nextUrl, SourceRef, Time } from '../schemas.js';
import { eventArgs } from '../stored-values.js';
import { parseRange, timeFromSql } from '../times.js';
import { sourceJson, storedText } from '../values.js';

const EventSchema = Type.Object({
  id: Type.Integer({ description: 'Ascending in the order of storing.' }),
  name: Type.String({ examples: ['Notice::begin_suppression'] }),
  topic: Type.String({ examples: ['zeek/cluster/node/worker-1/'] }),
  time: Type.Optional(Time('The network time that the event carries, since Zeek 6.0.')),
  received: Time('When zeekway (or the capture) received it.'),
  source: SourceRef,
  args: Type.Array(
    Type.Object(
      { '@data-type': Type.String({ examples: ['count'] }), data: Type.Unknown() },
      { description: "A value as Broker's JSON has it; integers beyond 2^53 - 1 are strings." },
    ),
  ),
});

/** The events that peers published. */
export function eventRoutes(app: App, deps: ServerDeps): void {
  app.get(
    '/v1/events',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['events'],
        operationId: 'listEvents',
        summary: 'Events, in the order in which they were stored',
        querystring: Type.Object(
          {
            name: Type.Optional(
              Type.String({ description: "The event's name.", examples: ['Cluster::hello'] }),
            ),
            topic: Type.Optional(
              Type.String({ description: 'What the topic begins with.', examples: ['zeek/cluster/'] }),
            ),
            ...IdPage,
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object(
            { events: Type.Array(EventSchema), next: Next },
            { description: 'A page of events.' },
          ),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    (request) => {
      const { name, topic, limit, order, cursor } = request.query;
      const range = parseRange(request.query, Date.now());
      const after = cursor === undefined ? undefined : parseIdCursor(cursor);
      return readFor(deps, request, async (query) => {
        const page = await storedEvents(query, {
          name: name && storedText(name),
          topicPrefix: topic && storedText(topic),
          ...range,
          limit,
          order,
          after,
        });
        const sources = await sourcesById(
          query,
          page.rows.map(({ sourceId }) => sourceId),
        );
        const events = page.rows.map((event) => ({
          id: Number(event.id),
          name: event.name,
          topic: event.topic,
          ...(event.time === null ? {} : { time: timeFromSql(event.time) }),
          received: timeFromSql(event.received),
          source: sourceJson(sources.get(event.sourceId)),
          args: eventArgs(event.args),
        }));
        return page.next
          ? { events, next: nextUrl(request, { ...range, cursor: idCursor(page.next) }) }
          : { events };
      });
    },
  );
}
