import { Type } from 'typebox';
import type { App, ServerDeps } from '../context.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { Time } from '../schemas.js';

const StreamSchema = Type.Object({
  peer: Type.String({ description: 'The endpoint ID of who sent it.' }),
  node: Type.Optional(Type.String({ description: 'Its name in the Zeek cluster.' })),
  name: Type.String({ description: 'Its address.' }),
  stream: Type.String({ examples: ['Conn::LOG'] }),
  path: Type.String({ description: "The log's path.", examples: ['conn'] }),
  records: Type.Integer({ description: 'Records that were stored since the gateway started.' }),
  bytes: Type.Integer({ description: 'Their bytes as they came.' }),
  last: Time('When the last of them arrived.'),
  age: Type.Number({ description: 'Seconds since then.' }),
});

/** What comes in, from whom. */
export function ingestRoutes(app: App, { ingest }: Pick<ServerDeps, 'ingest'>): void {
  if (!ingest) return;
  app.get(
    '/v1/ingest',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['gateway'],
        operationId: 'getIngest',
        summary: 'What each peer sent of each log since the gateway started',
        querystring: Type.Object({}, { additionalProperties: false }),
        response: {
          200: Type.Object(
            { streams: Type.Array(StreamSchema, { description: 'One for each peer and stream.' }) },
            { description: 'What came in.' },
          ),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async () => {
      const now = Date.now();
      return {
        streams: ingest().map((each) => ({
          ...each,
          last: each.last.toISOString(),
          age: Math.max(0, now - each.last.getTime()) / 1_000,
        })),
      };
    },
  );
}
