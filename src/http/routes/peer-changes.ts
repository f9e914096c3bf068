import { Type } from 'typebox';
import { ZeekwayError } from '../../core/errors.js';
import { API_PATH_PARAMETER_CHARS } from '../../core/limits.js';
import { maskSecrets } from '../../core/secrets.js';
import type { App, ServerDeps } from '../context.js';
import { PROBLEM_RESPONSES } from '../problem.js';

const NoQuery = Type.Object({}, { additionalProperties: false });

/** Peers that come and go while the gateway runs. */
export function peerChangeRoutes(app: App, { actions }: Pick<ServerDeps, 'actions'>): void {
  if (!actions) return;
  app.post(
    '/v1/peers',
    {
      config: { scope: 'admin' },
      schema: {
        tags: ['gateway'],
        operationId: 'addPeer',
        summary: 'Peer with a URL, until the gateway ends',
        description:
          'As `peer` of the configuration, which this does not change. /v1/peers tells what becomes of it.',
        querystring: NoQuery,
        body: Type.Object(
          {
            url: Type.String({
              minLength: 1,
              maxLength: API_PATH_PARAMETER_CHARS,
              examples: ['broker://192.0.2.7:9999?tls=off'],
            }),
          },
          { additionalProperties: false },
        ),
        response: {
          201: Type.Object(
            { url: Type.String({ description: 'In its one spelling, with passwords as `***`.' }) },
            { description: 'It is being dialled.' },
          ),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async (request, reply) => {
      const url = actions.add(request.body.url);
      return reply.code(201).send({ url });
    },
  );

  app.delete(
    '/v1/peers/:id',
    {
      config: { scope: 'admin' },
      schema: {
        tags: ['gateway'],
        operationId: 'removePeer',
        summary: 'End a peering, and dial it no more until the gateway ends',
        description:
          'A peer of the configuration is back with the next start; one that dials us may come again.',
        params: Type.Object({
          id: Type.String({ minLength: 1, description: 'The endpoint ID, or the URL (percent-encoded).' }),
        }),
        querystring: NoQuery,
        response: {
          200: Type.Object(
            { removed: Type.String({ description: 'What was asked for.' }) },
            { description: 'The peering has ended.' },
          ),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async (request) => {
      const { id } = request.params;
      const shown = maskSecrets(id);
      if (await actions.remove(id)) return { removed: shown };
      throw new ZeekwayError('not_found', `there is no peer ${shown}`);
    },
  );
}
