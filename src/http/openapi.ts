import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { RouteScope } from '../core/access.js';
import { contentPolicy } from './content-policy.js';
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

/**
 * That of @fastify/swagger-ui refuses the style of Swagger UI's logo, lets in what is of other sites, and has a browser ask for the
 * files by HTTPS also where the API has none.
 */
const DOCS_POLICY = contentPolicy({
  styles: ['sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='],
  dataImages: true,
});

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
      components: { securitySchemes: { token: TOKEN_SCHEME } },
    },
    refResolver: { buildLocalReference: (json, _baseUri, _fragment, index) => nameOf(json, index) },
    transform: ({ schema, url, route }) => ({
      schema: { ...schema, security: securityOf(route.config?.scope) },
      url,
    }),
    transformObject: (document) => ('openapiObject' in document ? completed(document.openapiObject) : {}),
  });
  app.register(async (page: App) => {
    // A browser has no token to load a page with; the page asks for one.
    page.addHook('onRoute', (route) => {
      route.config = { ...route.config, scope: 'open' };
    });
    // Its files come from the package: the page works offline.
    await page.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: DOCS_POLICY,
      uiConfig: { tryItOutEnabled: true },
    });
  });
}

const TOKEN_SCHEME = {
  type: 'http',
  scheme: 'bearer',
  description:
    'A token of `zeekway token create`. None is needed where the API listens on a loopback address.',
} as const;

/** The role that OpenAPI 3.1 lets a bearer token have is the scope. */
const securityOf = (scope: RouteScope = 'open'): { token: string[] }[] =>
  scope === 'open' ? [] : [{ token: [scope] }];

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
