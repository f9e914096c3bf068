import { Type } from 'typebox';
import type { App, ServerDeps } from '../context.js';
import { PROBLEM_RESPONSES } from '../problem.js';

const PeerSchema = Type.Object({
  id: Type.String({ description: 'The endpoint ID; empty until the handshake told it.' }),
  node: Type.Optional(
    Type.String({ description: 'The name in the Zeek cluster, once the peer said hello.' }),
  ),
  address: Type.String({ examples: ['192.0.2.7:9999'] }),
  url: Type.Optional(Type.String({ description: 'The endpoint URL that it was configured with.' })),
  direction: Type.String({ enum: ['in', 'out'], description: '`in`: it dialled us; `out`: we dial it.' }),
  state: Type.String({ enum: ['connecting', 'peered', 'retrying', 'standby'] }),
  since: Type.String({ format: 'date-time', description: 'When it came into this state.' }),
  filter: Type.Array(Type.String(), { description: 'The topic prefixes that it subscribes to.' }),
  bytesIn: Type.Integer(),
  bytesOut: Type.Integer(),
  messagesIn: Type.Integer(),
  messagesOut: Type.Integer(),
  queueBytes: Type.Integer({ description: 'Bytes that wait to be written to it.' }),
  lastError: Type.Optional(Type.String()),
});

/** The peers and their statistics. */
export function peerRoutes(app: App, deps: ServerDeps): void {
  app.get(
    '/v1/peers',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['gateway'],
        operationId: 'listPeers',
        summary: 'The peers and their statistics',
        querystring: Type.Object({}, { additionalProperties: false }),
        response: {
          200: Type.Object({ peers: Type.Array(PeerSchema) }, { description: 'The peers.' }),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async () => ({
      peers: deps.peers().map((peer) => ({
        ...peer,
        filter: [...peer.filter],
        since: peer.since.toISOString(),
      })),
    }),
  );
}
