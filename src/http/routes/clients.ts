import { Type } from 'typebox';
import { ZeekwayError } from '../../core/errors.js';
import type { App, ServerDeps } from '../context.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { takeOver, wantsUpgrade } from '../upgrade.js';

const ClientSchema = Type.Object({
  name: Type.String({ description: 'Whose token it has; `anonymous` without one.' }),
  address: Type.String({ examples: ['192.0.2.8:41234'] }),
  application: Type.String({
    description: 'What it calls itself (`X-Application-Name`); empty where it does not say.',
  }),
  since: Type.String({ format: 'date-time', description: 'When it came.' }),
  topics: Type.Array(Type.String(), { description: 'The topic prefixes that it subscribes to.' }),
  queued: Type.Integer({ description: 'Messages that wait for it.' }),
  sent: Type.Integer({ description: 'Messages that it was sent.' }),
  dropped: Type.Integer({ description: 'Messages that it was too slow for.' }),
});

/** The WebSocket clients, and where they come in. */
export function clientRoutes(app: App, { door }: Pick<ServerDeps, 'door'>): void {
  app.get(
    '/v1/clients',
    {
      schema: {
        tags: ['gateway'],
        operationId: 'listClients',
        summary: 'The WebSocket clients',
        querystring: Type.Object({}, { additionalProperties: false }),
        response: {
          200: Type.Object({ clients: Type.Array(ClientSchema) }, { description: 'The clients.' }),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async () => ({
      clients: (door?.clients() ?? []).map((client) => ({
        ...client,
        topics: [...client.topics],
        since: client.since.toISOString(),
      })),
    }),
  );
  if (!door) return;
  app.addHook('preClose', async () => door.close());
  // OpenAPI has no WebSockets: docs/api.md describes it.
  app.get('/v1/messages/json', { schema: { hide: true } }, async (request, reply) => {
    if (!wantsUpgrade(request.raw)) {
      throw new ZeekwayError(
        'request_invalid',
        '/v1/messages/json is a WebSocket: ask with a client of such',
      );
    }
    takeOver(reply, door.admit(request.raw));
  });
}
