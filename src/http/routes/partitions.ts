import { Type } from 'typebox';
import type { App, ServerDeps } from '../context.js';
import { AllPartitionsSchema, allPartitions, OneLogPartitionsSchema, onePartitions } from '../partitions.js';
import { PROBLEM_RESPONSES } from '../problem.js';
import { Path } from '../schemas.js';

/** What the tables of the logs consist of. */
export function partitionRoutes(app: App, deps: ServerDeps): void {
  app.get(
    '/v1/partitions',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['partitions'],
        operationId: 'listPartitions',
        summary: 'The partitions of all logs, summed up',
        querystring: Type.Object({}, { additionalProperties: false }),
        response: { 200: AllPartitionsSchema, ...PROBLEM_RESPONSES },
      },
    },
    (request) => allPartitions(deps, request, Date.now()),
  );

  app.get(
    '/v1/partitions/:path',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['partitions'],
        operationId: 'listLogPartitions',
        summary: 'Each partition of a log',
        params: Type.Object({ path: Path }),
        querystring: Type.Object({}, { additionalProperties: false }),
        response: { 200: OneLogPartitionsSchema, ...PROBLEM_RESPONSES },
      },
    },
    (request) => onePartitions(deps, request, request.params.path, Date.now()),
  );
}
