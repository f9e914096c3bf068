import { Type } from 'typebox';
import { API_EVENT_ARGUMENTS, DEFAULT_CODEC_LIMITS } from '../../core/limits.js';
import { checkMayPublish } from '../access.js';
import type { App, ServerDeps } from '../context.js';
import { PROBLEM_RESPONSES } from '../problem.js';

const Event = Type.Object(
  {
    topic: Type.String({
      minLength: 1,
      maxLength: DEFAULT_CODEC_LIMITS.topicBytes,
      examples: ['zeek/event/my'],
    }),
    name: Type.String({ minLength: 1, description: 'As Zeek knows it.', examples: ['My::event'] }),
    args: Type.Optional(
      Type.Array(Type.String(), {
        maxItems: API_EVENT_ARGUMENTS,
        description: "Each in Zeek's notation, as `zeekway publish` takes them (docs/operations.md).",
        examples: [['80/tcp', '1.2.3.4', '"text"', '5']],
      }),
    ),
  },
  { additionalProperties: false },
);

/** Events that programs publish. */
export function publishRoutes(app: App, { actions }: Pick<ServerDeps, 'actions'>): void {
  if (!actions) return;
  app.post(
    '/v1/events',
    {
      config: { scope: 'publish' },
      schema: {
        tags: ['events'],
        operationId: 'publishEvent',
        summary: 'Publish an event',
        description: 'The scope of the token has to allow the topic.',
        querystring: Type.Object({}, { additionalProperties: false }),
        body: Event,
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
      const { topic, name, args = [] } = request.body;
      checkMayPublish(request, topic);
      return { peers: actions.publish({ topic, name, args }) };
    },
  );
}
