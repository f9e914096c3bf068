import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { App } from './context.js';

/**
 * Filters of rows are parameters with any name: JSON Schema says so by `additionalProperties`, which
 * OpenAPI's list of parameters cannot; an exploded object can.
 */
const FILTERS_PARAMETER = {
  name: 'filters',
  in: 'query',
  required: false,
  style: 'form',
  explode: true,
  description: 'Filters: `field=value`, each a parameter of its own.',
  schema: {
    type: 'object',
    additionalProperties: { type: ['string', 'array'], items: { type: 'string' } },
  },
};

const FILTERED_ROUTES = ['/v1/logs/{path}', '/v1/logs/{path}/histogram', '/v1/logs/{path}/aggregate'];

/** Registers the description of the API; to be called before the routes. */
export function registerOpenApi(app: App, version: string): void {
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'zeekway',
        version,
        description: 'What Zeek sees, from PostgreSQL.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      tags: [
        { name: 'logs', description: "Zeek's logs." },
        { name: 'events', description: 'Events that peers published.' },
        { name: 'dead letters', description: 'What could not be understood or stored.' },
        { name: 'partitions', description: 'What the tables of the logs consist of.' },
        { name: 'gateway', description: 'The gateway itself.' },
      ],
    },
    refResolver: { buildLocalReference: (json, _baseUri, _fragment, index) => nameOf(json, index) },
    transformObject: (document) => ('openapiObject' in document ? completed(document.openapiObject) : {}),
  });
  // Its files come from the package: the page works offline.
  app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true, uiConfig: { tryItOutEnabled: true } });
}

/** Shared schemas keep their names. */
function nameOf(json: { $id?: unknown }, index: number): string {
  return typeof json.$id === 'string' ? json.$id : `schema-${index}`;
}

interface Operation {
  parameters?: object[];
}

interface Document {
  paths?: Record<string, { get?: Operation; post?: Operation; delete?: Operation } | undefined>;
}

/** What @fastify/swagger cannot know: the filters, and that a parameter with a default need not be given. */
function completed<T extends Document>(document: T): T {
  const paths = Object.values(document.paths ?? {});
  for (const operation of paths.flatMap((path) => [path?.get, path?.post, path?.delete])) {
    for (const parameter of operation?.parameters ?? []) {
      const { schema } = parameter as { schema?: { default?: unknown } };
      if (schema?.default !== undefined) Object.assign(parameter, { required: false });
    }
  }
  for (const route of FILTERED_ROUTES) {
    const filtered = document.paths?.[route]?.get?.parameters;
    if (!filtered?.includes(FILTERS_PARAMETER)) filtered?.push(FILTERS_PARAMETER);
  }
  return document;
}
